"""What was aimed for, and what came out, as ratios within one run."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from benchmarks.results import Results, Spread


class Target(NamedTuple):
    """One line of the table.

    Attributes:
        what: In words.
        bound: What is to be reached (`≥`), or not to be passed (`≤`): the sign, the number, and its unit.
        measure: The measured number with its range; None where something of it was not measured.
    """

    what: str
    bound: tuple[Literal["≥", "≤"], float, str]
    measure: Callable[[Results], Spread | None]


def _ratio(above: Spread | None, below: Spread | None) -> Spread | None:
    if above is None or below is None:
        return None
    runs = min(above.runs, below.runs)
    return Spread(above.median / below.median, above.least / below.most, above.most / below.least, runs)


def _beside(peer: str, value: str, peers_value: str | None = None) -> Callable[[Results], Spread | None]:
    def measure(results: Results) -> Spread | None:
        return _ratio(results.spread("peers", "worker", value), results.spread("peers", peer, peers_value or value))

    return measure


def _growth(part: str, subject: str, name: str, first: int, last: int) -> Callable[[Results], Spread | None]:
    def measure(results: Results) -> Spread | None:
        points = (results.spread(part, subject, "cpu_us_per_event", {name: at}) for at in (last, first))
        return _ratio(*points)

    return measure


def _value(part: str, subject: str, value: str, at: dict[str, int]) -> Callable[[Results], Spread | None]:
    return lambda results: results.spread(part, subject, value, at)


def restore_seconds(results: Results, sessions: int) -> Spread | None:
    """From start to ready with so many ledgers on the topics."""
    at = {"sessions": sessions}
    alone = results.spread("restore", "restore", "ready_s", at)
    return alone or results.spread("sessions", "active", "ready_s", at)


_MILLION = {"sessions": 1_000_000}

TARGETS = (
    Target("events/s : Flink, whole run", ("≥", 2, "×"), _beside("flink", "events_per_s")),
    Target("events/s : Flink, warm", ("≥", 1.5, "×"), _beside("flink", "events_per_s", "warm_events_per_s")),
    Target("events/s : Kafka Streams", ("≥", 5, "×"), _beside("kstreams", "events_per_s")),
    Target("events/s : Pathway", ("≥", 10, "×"), _beside("pathway", "events_per_s")),
    Target("events/s : Bytewax", ("≥", 10, "×"), _beside("bytewax", "events_per_s")),
    Target("events/s : Quix Streams", ("≥", 40, "×"), _beside("quixstreams", "events_per_s")),
    Target("events/s : bare librdkafka consumer", ("≥", 0.3, "×"), _beside("librdkafka", "events_per_s")),
    Target("CPU per event : Flink, whole run", ("≤", 1 / 3, "×"), _beside("flink", "cpu_us_per_event")),
    Target("CPU per event, overlap 1 → 60", ("≤", 1.05, "×"), _growth("overlap", "worker", "overlap", 1, 60)),
    Target(
        "CPU per event, live sessions 1,000 → 1,000,000, active set", ("≤", 2, "×"),
        _growth("sessions", "active", "sessions", 1_000, 1_000_000),
    ),
    Target(
        "CPU per event, live sessions 1,000 → 1,000,000, uniform", ("≤", 2, "×"),
        _growth("sessions", "uniform", "sessions", 1_000, 1_000_000),
    ),
    Target(
        "peak memory at 1,000,000 ledgers, active set", ("≤", 1_536, " MiB"),
        _value("sessions", "active", "peak_mib", _MILLION),
    ),
    Target(
        "peak memory at 1,000,000 ledgers, uniform", ("≤", 1_536, " MiB"),
        _value("sessions", "uniform", "peak_mib", _MILLION),
    ),
    Target("restart with 1,000,000 ledgers, start → ready", ("≤", 15, " s"), lambda r: restore_seconds(r, 1_000_000)),
    Target(
        "event → anomaly, p99, flush interval 100 ms", ("≤", 250, " ms"),
        _value("latency", "worker", "p99_ms", {"flush_interval_ms": 100}),
    ),
    Target("CPU per event, 1 → 2 workers", ("≤", 1.1, "×"), _growth("workers", "worker", "workers", 1, 2)),
)  # fmt: skip


def target_table(results: Results) -> list[str]:
    """Lines of a Markdown table: target, measured, met or by how much not."""
    lines = ["| what | target | measured | met |", "|---|---|---|---|"]
    for target in TARGETS:
        sign, number, unit = target.bound
        bound = f"{sign} {_number(number)}{unit}"
        found = target.measure(results)
        if found is None:
            lines.append(f"| {target.what} | {bound} | not measured | |")
            continue
        met = found.median >= number if sign == "≥" else found.median <= number
        shown = f"{_number(found.median)}{unit} ({_number(found.least)} to {_number(found.most)})"
        lines.append(f"| {target.what} | {bound} | **{shown}** | {'yes' if met else 'no'} |")
    return lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
