"""Writes deploy/grafana/dashboards: what people ask of spend, and how Burnline itself is.

`python deploy/grafana/generate.py` renews the files; `--check` says whether they are what this would write. Needs
grafana-foundation-sdk, which the development extra brings.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = DataSourceRef(type_val="prometheus", uid="burnline-prometheus")
"""As deploy/grafana/provisioning names it."""
WIDTH, HEIGHT = 8, 8
SMALL_WIDTH, SMALL_HEIGHT = 4, 4


class Graph(NamedTuple):
    """A panel over time, one line per series."""

    title: str
    unit: str
    queries: dict[str, str]
    """PromQL by the name of its series, in which `{{label}}` stands for a label."""
    description: str


class Number(NamedTuple):
    """A panel with the newest value."""

    title: str
    unit: str
    query: str
    description: str


Panel = Graph | Number

_MINE = 'org=~"$org", agent=~"$agent"'

SPEND: dict[str, list[Panel]] = {
    "Now": [
        Number("Spent in 24 hours", "currencyUSD", f"sum(increase(burnline_cost_usd_total{{{_MINE}}}[24h]))",
               "By when workers counted it."),
        Number("Burn now", "currencyUSD", f"sum(rate(burnline_cost_usd_total{{{_MINE}}}[5m])) * 3600",
               "USD per hour, over five minutes."),
        Number("Open anomalies", "short", "sum(burnline_anomalies_open)", "Sessions above their line, of all agents."),
        Number("Cache savings", "currencyUSD",
               f"sum(increase(finops_cache_savings_usd_total{{{_MINE}}}[24h])) or vector(0)",
               "What cached input would have cost more as fresh input, in 24 hours."),
        Number("Runs", "short", f"sum(increase(agent_runs_total{{{_MINE}}}[24h])) or vector(0)",
               "Started in 24 hours."),
        Number("Unpriced tokens", "short", "sum(increase(burnline_unpriced_tokens_total[24h])) or vector(0)",
               "Of models without a rate, in 24 hours. They count as 0 USD: burnline rates show MODEL says why."),
    ],
    "Who burns": [
        Graph("Burn by organisation", "currencyUSD",
              {"{{org}}": f"topk(10, sum by (org) (rate(burnline_cost_usd_total{{{_MINE}}}[5m])) * 3600)"},
              "USD per hour; the ten largest."),
        Graph("Burn by agent", "currencyUSD",
              {"{{org}} / {{agent}}": f"topk(10, finops:agent_burn_usd_per_hour:rate5m{{{_MINE}}})"},
              "USD per hour; the ten largest."),
        Graph("Burn by model", "currencyUSD", {"{{model}}": "topk(10, finops:model_burn_usd_per_hour:rate5m)"},
              "USD per hour; the ten largest, of all agents."),
    ],
    "What for": [
        Graph("Tokens by kind", "short", {"{{kind}}": "sum by (kind) (rate(burnline_tokens_total[5m]))"},
              "Per second. Cached and cache writes are part of input, reasoning is part of output."),
        Graph("Runs and tool calls", "short",
              {"runs": f"sum(rate(agent_runs_total{{{_MINE}}}[5m])) * 60",
               "tool calls": f"sum(rate(agent_tool_calls_total{{{_MINE}}}[5m])) * 60"}, "Per minute."),
        Graph("Embeddings", "currencyUSD",
              {"{{model}}": "sum by (model) (rate(finops_embedding_cost_usd_sum[5m])) * 3600"},
              "USD per hour."),
    ],
    "Anomalies": [
        Graph("Open", "short", {"open": "sum(burnline_anomalies_open)"}, "Sessions with an open anomaly."),
        Graph("Notices", "short", {"{{severity}}, {{state}}": "sum by (severity, state) (burnline_anomalies_total)"},
              "Opened, escalated and resolved since the workers started."),
        Graph("Clock faults", "short",
              {"{{agent}}, {{fault}}":
                f"topk(10, sum by (agent, fault) (burnline_event_clock_faults_total{{{_MINE}}}))"},
              "Events whose time is off the log's: anomalies of these agents come late, or not at all."),
    ],
}  # fmt: skip

HEALTH: dict[str, list[Panel]] = {
    "Is it well": [
        Number("Workers ready", "short", "sum(burnline_ready)", "Workers that apply events."),
        Number("Partitions owned", "short", "sum(burnline_partitions_owned)", "By all workers: as many as usage has."),
        Number("Partitions refused", "short", "sum(burnline_partitions_refused)",
               "They stand still until somebody mends something: docs/runbooks.md."),
        Number("Lag", "short", "sum(burnline_lag_events)", "Events on the topic that are not yet counted."),
        Number("Picture whole", "short", "max(burnline_projector_whole)", "1: the API has something to answer from."),
        Number("Events lost", "short", "sum(burnline_lost_events_total)",
               "Removed by retention before they were read, since the workers started."),
    ],
    "Counting": [
        Graph("Events", "short", {"{{outcome}}": "sum by (outcome) (rate(burnline_events_total[5m]))"}, "Per second."),
        Graph("Dead letters", "short", {"{{reason}}": "sum by (reason) (burnline_dead_letters_total)"},
              "Since the workers started, by reason."),
        Graph("Lag by partition", "short", {"{{partition}}": "max by (partition) (burnline_lag_events)"},
              "One that stays behind alone has a hot key."),
        Graph("Event to ledger", "s",
              {"median": "histogram_quantile(0.5, sum by (le) (rate(burnline_event_to_ledger_seconds_bucket[5m])))",
               "p99": "histogram_quantile(0.99, sum by (le) (rate(burnline_event_to_ledger_seconds_bucket[5m])))"},
              "From the log's append until the commit."),
        Graph("Flush", "s",
              {"median": "histogram_quantile(0.5, sum by (le) (rate(burnline_flush_seconds_bucket[5m])))",
               "p99": "histogram_quantile(0.99, sum by (le) (rate(burnline_flush_seconds_bucket[5m])))"},
              "One transaction of one partition."),
        Graph("Age of the newest event", "s",
              {"{{partition}}": "time() - max by (partition) (burnline_watermark_seconds > 0)"},
              "By event time: a partition without events grows older, too."),
    ],
    "Detector": [
        Graph("Watched", "short", {"{{outcome}}": "sum by (outcome) (rate(burnline_detect_events_total[5m]))"},
              "Events per second that burnline detect holds against what their agents usually do."),
        Graph("Found", "short",
              {"{{cause}}, {{state}}": "sum by (cause, state) (burnline_detect_notices_total) or vector(0)"},
              "Notices by cause, since the detector started."),
        Graph("Detector behind", "short",
              {"records": "sum(burnline_detect_behind_records)", "open": "sum(burnline_detect_open_incidents)"},
              "Records that it has not read yet, and incidents that are open."),
    ],
    "Resources": [
        Graph("Ledgers held", "short", {"{{instance}}": "sum by (instance) (burnline_ledgers_held)"},
              "Sessions in memory."),
        Graph("Memory", "bytes",
              {"{{job}} {{instance}}": 'process_resident_memory_bytes{job=~"burnline.*"}'},
              "Resident, by process."),
        Graph("Processor", "percentunit",
              {"{{job}} {{instance}}": 'rate(process_cpu_seconds_total{job=~"burnline.*"}[5m])'},
              "1 is one core, busy."),
    ],
    "Read side": [
        Graph("Projected", "short", {"{{topic}}": "sum by (topic) (rate(burnline_projector_records_total[5m]))"},
              "Records per second."),
        Graph("Projector behind", "short",
              {"{{topic}}": "sum by (topic) (burnline_projector_behind_records"
                            " and on (instance) burnline_projector_leading == 1)"},
              "Records, of the projector at work."),
        Graph("Batch in Redis", "s",
              {"p99": "histogram_quantile(0.99, sum by (le) (rate(burnline_projector_apply_seconds_bucket[5m])))"},
              "Time of one batch."),
        Graph("Requests", "short", {"{{status}}": "sum by (status) (rate(burnline_api_requests_total[5m]))"},
              "To the API, per second, by status."),
        Graph("Slowest routes", "s",
              {"{{route}}": "topk(5, histogram_quantile(0.95,"
                            " sum by (le, route) (rate(burnline_api_request_seconds_bucket[5m]))))"},
              "p95 until the answer began."),
        Graph("Away", "s",
              {"worker: brokers": "max(burnline_brokers_away_seconds)",
               "projector: brokers": "max(burnline_projector_brokers_away_seconds)",
               "projector: Redis": "max(burnline_projector_redis_away_seconds)"},
              "How long what they need has not been reached."),
    ],
}  # fmt: skip


def dashboards() -> dict[str, str]:
    """File name to its whole text."""
    spend = _dashboard("burnline-spend", "Burnline: spend, burn and anomalies", SPEND)
    for label, name in (("org", "Organisation"), ("agent", "Agent")):
        spend.with_variable(
            QueryVariable(label)
            .label(name)
            .datasource(SOURCE)
            .query(f"label_values(burnline_cost_usd_total, {label})")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)  # noqa: FBT003  # the library's way
            .include_all(True)  # noqa: FBT003
            .all_value(".*")
        )
    health = _dashboard("burnline-health", "Burnline: its own health", HEALTH)
    return {"spend.json": _text(spend), "health.json": _text(health)}


def _dashboard(uid: str, title: str, rows: dict[str, list[Panel]]) -> Dashboard:
    built = (
        Dashboard(title).uid(uid).tags(["burnline"]).refresh("30s").time("now-6h", "now").timezone("browser").readonly()
    )
    for name, panels in rows.items():
        built.with_row(Row(name))
        for panel in panels:
            built.with_panel(_graph(panel) if isinstance(panel, Graph) else _number(panel))
    return built


def _graph(panel: Graph) -> TimeSeries:
    built = TimeSeries().title(panel.title).unit(panel.unit).description(panel.description).datasource(SOURCE)
    for ref_id, (legend, query) in zip("ABCDEF", panel.queries.items(), strict=False):
        built.with_target(Dataquery().ref_id(ref_id).expr(query).legend_format(legend).datasource(SOURCE))
    return built.span(WIDTH).height(HEIGHT).min(0)


def _number(panel: Number) -> Stat:
    query = Dataquery().ref_id("A").expr(panel.query).instant().datasource(SOURCE)
    built = Stat().title(panel.title).unit(panel.unit).description(panel.description).datasource(SOURCE)
    return built.with_target(query).span(SMALL_WIDTH).height(SMALL_HEIGHT)


def _text(dashboard: Dashboard) -> str:
    return JSONEncoder(sort_keys=True, indent=2).encode(dashboard.build()) + "\n"


def main(*arguments: str) -> int:
    """Write the files, or with `--check` compare them: 1 if one differs."""
    written = dashboards()
    if arguments == ("--check",):
        stale = [name for name, text in written.items() if not _is(FOLDER / name, text)]
        for name in stale:
            print(f"{FOLDER / name} is not what deploy/grafana/generate.py writes; run it")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in written.items():
        (FOLDER / name).write_text(text)
    return 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
