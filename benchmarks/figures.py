"""Which plots there are: their panels, as JSON for `benchmarks.plots`, which draws in an environment of its own."""

import json
from typing import Any

from benchmarks.results import Results, Spread
from benchmarks.tables import NAMES, points

Panel = dict[str, Any]


def plots(results: Results) -> str:
    """A JSON object: plot's name -> panels. Panels without a measured point are left out."""
    per_s, cpu = ("events_per_s", "events/s"), ("cpu_us_per_event", "CPU, µs per event")
    memory, ready = ("peak_mib", "peak memory, MiB"), ("ready_s", "restart: start to ready, s")
    found = {
        "peers": [_bars(results, *per_s), _bars(results, *cpu)],
        "shapes": [
            _lines(results, part, ["worker"], name, label, *value)
            for value in (per_s, cpu)
            for part, name, label in (
                ("workers", "workers", "workers"),
                ("overlap", "overlap", "slices in the long window"),
                ("sizes", "bytes", "bytes per event"),
            )
        ],
        "sessions": [
            _lines(results, "sessions", ["active", "uniform"], "sessions", "live sessions", *value, log=True)
            for value in (per_s, cpu, memory, ready)
        ],
        "latency": [
            _lines(results, "latency", ["worker"], "flush_interval_ms", "flush interval, ms", *value)
            for value in (("p50_ms", "event to anomaly, p50, ms"), ("p99_ms", "event to anomaly, p99, ms"), cpu)
        ],
    }
    kept = {name: [panel for panel in panels if panel["series"]] for name, panels in found.items()}
    return json.dumps({name: panels for name, panels in kept.items() if panels})


def _lines(
    results: Results,
    part: str,
    subjects: list[str],
    name: str,
    x_label: str,
    value: str,
    y_label: str,
    *,
    log: bool = False,
) -> Panel:
    series = []
    for subject in subjects:
        at = sorted(at[name] for found, at in points(results, part) if found == subject and name in at)
        spreads = {x: spread for x in at if (spread := results.spread(part, subject, value, {name: x}))}
        if spreads:
            label = NAMES[subject] if len(subjects) > 1 else ""
            series.append({"label": label, "x": list(spreads), **_columns(list(spreads.values()))})
    return {"kind": "lines", "x_label": x_label, "y_label": y_label, "log": log, "series": series}


def _bars(results: Results, value: str, y_label: str) -> Panel:
    spreads = {}
    for subject, at in points(results, "peers"):
        found = results.spread("peers", subject, value, at)
        if found:
            spreads[NAMES[subject].strip("*")] = found
    series = [{"label": "", "x": list(spreads), **_columns(list(spreads.values()))}] if spreads else []
    return {"kind": "bars", "x_label": "", "y_label": y_label, "log": True, "series": series}


def _columns(spreads: list[Spread]) -> dict[str, list[float]]:
    return {
        "y": [spread.median for spread in spreads],
        "least": [spread.least for spread in spreads],
        "most": [spread.most for spread in spreads],
    }
