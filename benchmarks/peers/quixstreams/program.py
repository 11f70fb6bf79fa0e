"""Quix Streams: hopping windows, state in RocksDB with changelogs.

EMIT=current gives on every window that an event changes, as alerts need it; EMIT=final each window once, when it has
closed, which costs less. Windows that are still open at the end of the topic are then never given on.
"""

import os
import tempfile
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Sum
from quixstreams.models import JSONDeserializer
from quixstreams.models.serializers.exceptions import SerializationError

from benchmarks.peers import meter
from benchmarks.peers.meter import Meter

EMIT = os.environ.get("EMIT", "current")

_meter = Meter()


def _occurred_at(value: Any, _headers: Any, _timestamp: float, _timestamp_type: Any) -> int:
    return int(value["occurred_at"])


def _priced(event: Any) -> float:
    return meter.usd(event["model"], event["input_tokens"], event["cached_input_tokens"], event["output_tokens"])


def _pass_over(failure: Exception, _record: Any, _log: Any) -> bool:
    """A record that cannot be read is passed over; anything else ends the program."""
    if not isinstance(failure, SerializationError):
        return False
    _counted()
    return True


def _counted(*_: Any) -> None:
    _meter.records += 1
    if _meter.records == meter.RECORDS:
        _meter.done()
        _application.stop()


class _Starting(JSONDeserializer):  # type: ignore[misc]  # Quix Streams is not installed where types are checked
    """Starts the clock before the first record is read."""

    def __call__(self, value: bytes, ctx: Any) -> Any:
        _meter.start()
        return super().__call__(value, ctx)


_application = Application(
    broker_address=meter.BOOTSTRAP,
    consumer_group=f"{meter.OUT}-group",
    auto_offset_reset="earliest",
    commit_interval=1.0,
    state_dir=tempfile.mkdtemp(prefix="quix-", dir=os.environ.get("STATE_DIR")),
    on_consumer_error=_pass_over,
    on_message_processed=_counted,
    consumer_extra_config={"fetch.queue.backoff.ms": 5},
    loglevel="ERROR",
)


def main() -> None:
    """Build the flow and run it until every record is counted."""
    topic = _application.topic(
        meter.TOPIC, key_deserializer="str", value_deserializer=_Starting(), timestamp_extractor=_occurred_at
    )
    out = _application.topic(meter.OUT, value_serializer="json")
    frame = _application.dataframe(topic).apply(_priced)
    windows = frame.hopping_window(meter.WINDOW_MS, meter.HOP_MS, grace_ms=meter.DISORDER_MS).agg(value=Sum())
    frame = windows.current() if EMIT == "current" else windows.final()
    frame = frame[frame.apply(lambda window: meter.usd_per_hour(window["value"]) > meter.USD_PER_HOUR)]
    frame = frame.apply(
        lambda window, key, *_: meter.result(key, window["start"], window["value"]), metadata=True
    ).to_topic(out)
    _application.run()


if __name__ == "__main__":
    main()
