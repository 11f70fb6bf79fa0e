"""Pathway: sliding windows by event time, one thread, the topic as it stands now (mode static)."""

import os

import pathway as pw

from benchmarks.peers import meter
from benchmarks.peers.meter import Meter

_meter = Meter()


class Event(pw.Schema):  # type: ignore[misc]  # Pathway is not installed where types are checked
    """The fields that are used."""

    occurred_at: int
    session_id: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int


def _price(model: str, input_tokens: int, cached_input_tokens: int, output_tokens: int) -> float:
    return meter.usd(model, input_tokens, cached_input_tokens, output_tokens)


def main() -> None:
    """Build the tables and run them to the end of the topic; a broken record is passed over."""
    settings = {
        "bootstrap.servers": meter.BOOTSTRAP,
        "group.id": f"{meter.OUT}-group",
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": "5",
    }
    usage = pw.io.kafka.read(
        settings,
        meter.TOPIC,
        schema=Event,
        format="json",
        mode="static",
        autocommit_duration_ms=1000,
    )
    costs = usage.select(
        pw.this.session_id,
        pw.this.occurred_at,
        usd=pw.apply(_price, pw.this.model, pw.this.input_tokens, pw.this.cached_input_tokens, pw.this.output_tokens),
    )
    windows = costs.windowby(
        pw.this.occurred_at,
        window=pw.temporal.sliding(hop=meter.HOP_MS, duration=meter.WINDOW_MS),
        instance=pw.this.session_id,
    ).reduce(
        session_id=pw.this._pw_instance,
        window_start=pw.this._pw_window_start,
        window_end=pw.this._pw_window_end,
        usd=pw.reducers.sum(pw.this.usd),
    )
    burning = windows.with_columns(usd_per_hour=pw.this.usd * (3_600_000 / meter.WINDOW_MS)).filter(
        pw.this.usd_per_hour > meter.USD_PER_HOUR
    )
    pw.io.kafka.write(burning, settings, meter.OUT, format="json")
    _meter.start()  # and not at the first price, which comes when the whole topic has been read
    pw.run(monitoring_level=pw.MonitoringLevel.NONE, terminate_on_error=False)
    _meter.done(int(os.environ["N"]))


if __name__ == "__main__":
    main()
