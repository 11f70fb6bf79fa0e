"""The figures as Markdown tables, a section for each part."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.results import Results, Spread


class Column(NamedTuple):
    """A number of the table, and how to write it."""

    heading: str
    value: str
    digits: int = 0


EVENTS_PER_S = Column("events/s", "events_per_s")
CPU = Column("CPU µs/event", "cpu_us_per_event", 2)
MEMORY = Column("peak MiB", "peak_mib")
READY = Column("start → ready, s", "ready_s", 2)
WARM = (Column("events/s, warm", "warm_events_per_s"), Column("CPU µs/event, warm", "warm_cpu_us_per_event", 2))
WRITTEN = (
    Column("read, bytes/event", "read_bytes", 1),
    Column("ledgers", "sessions_bytes", 1),
    Column("event ids", "event_ids_bytes", 1),
    Column("usage rollups", "usage_rollups_bytes", 1),
    Column("closed rollups", "rollups_bytes", 1),
    Column("progress", "progress_bytes", 1),
    Column("bytes written : read", "written_ratio", 2),
)
FLUSH = Column("a flush, ms", "flush_ms")
LATENCY = (
    Column("p50 ms", "p50_ms"),
    Column("p99 ms", "p99_ms"),
    Column("most ms", "most_ms"),
    Column("a flush, ms", "flush_ms"),
)

NAMES = {
    "worker": "**Burnline worker**",
    "librdkafka": "bare librdkafka consumer",
    "flink": "Flink",
    "kstreams": "Kafka Streams",
    "pathway": "Pathway",
    "bytewax": "Bytewax",
    "quixstreams": "Quix Streams, every update",
    "quixstreams, final": "Quix Streams, closed windows only",
    "active": "active set of 1,000",
    "uniform": "all sessions alike",
    "fill": "one event each",
}

SECTIONS: tuple[tuple[str, str, str, tuple[Column, ...]], ...] = (
    ("peers", "Beside others", "peers", (EVENTS_PER_S, CPU, *WARM, MEMORY)),
    ("workers", "Workers", "shapes", (EVENTS_PER_S, CPU, MEMORY)),
    ("overlap", "Overlap of the windows", "shapes", (EVENTS_PER_S, CPU, MEMORY)),
    ("anomalies", "Runaway sessions", "shapes", (EVENTS_PER_S, CPU, MEMORY)),
    ("sizes", "Size of an event", "shapes", (EVENTS_PER_S, CPU, MEMORY)),
    ("written", "Bytes written", "written", WRITTEN),
    ("sessions", "Live sessions", "sessions", (EVENTS_PER_S, CPU, MEMORY, READY)),
    ("restore", "Restore", "sessions", (READY, MEMORY)),
    ("latency", "Event to anomaly", "latency", (*LATENCY, EVENTS_PER_S, CPU, MEMORY)),
    ("backlog", "A long backlog", "backlog", (EVENTS_PER_S, CPU, MEMORY)),
)
"""Part, heading, plot, columns."""


def tables(results: Results, drawn: set[str]) -> list[str]:
    """Lines of Markdown. A plot stands under the first section that it belongs to."""
    lines: list[str] = []
    shown: set[str] = set()
    for part, heading, plot, columns in SECTIONS:
        figures = results.figures(part)
        if not figures and part not in results.content["parts"]:
            continue
        lines += [f"### {heading}", ""]
        if plot in drawn and plot not in shown:
            shown.add(plot)
            lines += [f"![{heading}](benchmarks/{plot}.svg)", ""]
        lines += _table(results, part, columns)
        if "error" in results.content["parts"][part]:
            lines += ["", f"This part failed: {results.content['parts'][part]['error']}"]
        lines.append("")
    return lines


def points(results: Results, part: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each subject with each thing that was varied, in the order of their first runs."""
    seen = []
    for figure in results.figures(part):
        point = (figure["subject"], figure["at"])
        if "not_run" not in figure and point not in seen:
            seen.append(point)
            yield point


def _table(results: Results, part: str, columns: tuple[Column, ...]) -> list[str]:
    varied = sorted({name for _, at in points(results, part) for name in at})
    used = [column for column in columns if any(column.value in figure for figure in results.figures(part))]
    headings = ["", *(name.replace("_", " ") for name in varied), "runs", *(column.heading for column in used)]
    lines = ["| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
    for subject, at in points(results, part):
        spreads = [results.spread(part, subject, column.value, at) for column in used]
        runs = str(max(spread.runs for spread in spreads if spread))
        cells = [_varied(at.get(name, "")) for name in varied] + [runs]
        cells += [_cell(spread, column) for spread, column in zip(spreads, used, strict=True)]
        lines.append(f"| {NAMES.get(subject, subject)} | " + " | ".join(cells) + " |")
    for figure in results.figures(part):
        if "not_run" in figure:
            why = " ".join(figure["not_run"].split()).replace("|", "\\|")
            lines += ["", f"{NAMES.get(figure['subject'], figure['subject'])}: not run: {why}"]
    return lines


def _varied(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _cell(spread: Spread | None, column: Column) -> str:
    if spread is None:
        return ""
    median, least, most = (f"{value:,.{column.digits}f}" for value in spread[:3])
    return f"{median} ({least}–{most})" if spread.runs > 1 else median
