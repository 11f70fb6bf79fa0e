"""Bytewax: sliding windows by event time, one worker. A broken record is passed over; the end of the topic ends it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

from benchmarks.peers import meter
from benchmarks.peers.meter import HOP_MS, WINDOW_MS, Meter

_meter = Meter()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _priced(message: Any) -> tuple[str, tuple[int, float]] | None:
    _meter.start()
    _meter.records += 1
    try:
        event = json.loads(message.value)
    except ValueError:
        return None
    cost = meter.usd(event["model"], event["input_tokens"], event["cached_input_tokens"], event["output_tokens"])
    return event["session_id"], (event["occurred_at"], cost)


def _burning(window: tuple[str, tuple[int, float]]) -> KafkaSinkMessage[bytes, bytes] | None:
    session_id, (number, total) = window
    if meter.usd_per_hour(total) <= meter.USD_PER_HOUR:
        return None
    found = meter.result(session_id, number * HOP_MS, total)
    return KafkaSinkMessage(session_id.encode(), json.dumps(found).encode())


def main() -> None:
    """Build the flow and run it to the end of the topic."""
    flow = Dataflow("burn")
    source = KafkaSource([meter.BOOTSTRAP], [meter.TOPIC], tail=False, add_config={"fetch.queue.backoff.ms": "5"})
    costs = op.filter_map("price", op.input("usage", flow, source), _priced)
    windows = win.fold_window(
        "sum",
        costs,
        win.EventClock(
            ts_getter=lambda cost: datetime.fromtimestamp(cost[0] / 1000, tz=UTC),
            wait_for_system_duration=timedelta(milliseconds=2 * meter.DISORDER_MS),
        ),
        win.SlidingWindower(
            length=timedelta(milliseconds=WINDOW_MS), offset=timedelta(milliseconds=HOP_MS), align_to=_EPOCH
        ),
        builder=float,
        folder=lambda total, cost: total + cost[1],
        merger=lambda left, right: left + right,
        ordered=False,  # a sum needs no order, and sorting costs
    )
    op.output("anomalies", op.filter_map("threshold", windows.down, _burning), KafkaSink([meter.BOOTSTRAP], meter.OUT))
    cli_main(flow)
    _meter.done()


if __name__ == "__main__":
    main()
