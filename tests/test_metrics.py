"""The worker's metrics: what grows by what, which labels there are, and that Prometheus' own tool has no complaint."""

import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.samples import Sample

from burnline.events.rejection import Reason
from burnline.events.usage import Usage
from burnline.metrics import OTHER, LabelCap, WorkerMetrics
from burnline.topics.refusal import Cause, Refusal
from tests.ledger.examples import T0, at_slice, feed, ledger, usage

SESSION = "a-session-id-that-must-not-be-seen"


class Seen:
    """Metrics and the ledger behind them."""

    def __init__(self, *, label_limit: int = 100) -> None:
        self.registry = CollectorRegistry()
        self.metrics = WorkerMetrics(self.registry, label_limit=label_limit)
        self.ledger = ledger()

    def flush(self, *events: Usage | None, rejected: Sequence[Reason] = (), latencies_s: Sequence[float] = ()) -> None:
        """Apply events, and count their flush as a worker does once it is committed."""
        feed(self.ledger, *events)
        changes = self.ledger.take_changes(T0)
        self.metrics.flushed(changes, rejected=rejected, partitioners=["murmur2"], latencies_s=latencies_s)

    def value(self, name: str, **labels: str) -> float | None:
        """A series' value; None if there is no such series."""
        return self.registry.get_sample_value(name, labels)

    def samples(self) -> Iterator[Sample]:
        """All series."""
        for metric in self.registry.collect():
            yield from metric.samples


class TestLabelCap:
    """A publisher's typing mistakes mint no series without end."""

    def test_lets_the_first_through_and_no_others(self) -> None:
        cap = LabelCap(2)
        assert [cap(value) for value in ("a", "b", "c", "a", "d", "b")] == ["a", "b", OTHER, "a", OTHER, "b"]

    @pytest.mark.parametrize(
        ("agents", "series"),
        [
            pytest.param(3, {"agent-0", "agent-1", "agent-2"}, id="at-the-limit"),
            pytest.param(5, {"agent-0", "agent-1", "agent-2", OTHER}, id="above-it"),
        ],
    )
    def test_holds_for_each_label(self, agents: int, series: set[str]) -> None:
        seen = Seen(label_limit=3)
        for number in range(agents):
            seen.flush(usage(session_id=f"s-{number}", agent_id=f"agent-{number}", kind="run"))
        assert {sample.labels["agent"] for sample in seen.samples() if sample.name == "agent_runs_total"} == series
        assert {
            sample.labels["agent"] for sample in seen.samples() if sample.name == "burnline_cost_usd_total"
        } == series

    def test_loses_no_amount(self) -> None:
        seen = Seen(label_limit=1)
        for number in range(4):
            seen.flush(usage(session_id=f"s-{number}", org_id=f"org-{number}", model=f"model-{number}"))
        total = [sample.value for sample in seen.samples() if sample.name == "burnline_unpriced_tokens_total"]
        assert sum(total) == 4 * 10_000


class TestCounters:
    """They grow by what a committed flush held, and by nothing else."""

    def test_events_whose_time_is_off_the_logs_by_the_agent_that_they_name(self) -> None:
        seen = Seen()
        seen.flush(
            usage(session_id="s-1", event_id="a", occurred_at=T0 + 600_000),
            usage(session_id="s-1", event_id="b", agent_id="agent-8"),
            usage(session_id="s-1", event_id="c", agent_id="agent-8", occurred_at=T0 + 570_000),
        )
        faults = {
            (sample.labels["agent"], sample.labels["fault"]): sample.value
            for sample in seen.samples()
            if sample.name == "burnline_event_clock_faults_total"
        }
        assert faults == {("agent-8", "late"): 1, ("agent-8", "delayed"): 2}

    def test_events_by_outcome(self) -> None:
        seen = Seen()
        late = usage(event_id="e-2", occurred_at=T0)
        seen.flush(usage(occurred_at=at_slice(50)), late, late, None, rejected=[Reason.NOT_JSON, Reason.NOT_JSON])
        outcomes = {"accepted": 2.0, "duplicate": 1.0, "late": 1.0, "dead_letter": 2.0}
        for outcome, count in outcomes.items():
            assert seen.value("burnline_events_total", outcome=outcome) == count
        assert seen.value("burnline_dead_letters_total", reason="not_json") == 2

    def test_outcomes_stand_at_0_before_anything_happens(self) -> None:
        seen = Seen()
        for outcome in ("accepted", "duplicate", "late", "dead_letter"):
            assert seen.value("burnline_events_total", outcome=outcome) == 0

    def test_money_and_tokens(self) -> None:
        seen = Seen()
        one: dict[str, Any] = {
            "input_tokens": 50_000,
            "cached_input_tokens": 40_000,
            "cache_write_tokens": 1_000,
            "output_tokens": 2_000,
            "reasoning_tokens": 500,
        }
        seen.flush(usage(**one))
        seen.flush(usage(event_id="e-2", session_id="s-2", **one))
        owner = {"org": "acme", "agent": "agent-7"}
        # 10,000 fresh and written tokens at 2.5, 40,000 cached at 1.25, 2,000 output at 10 USD per million
        assert seen.value("burnline_cost_usd_total", **owner, model="gpt-4o") == pytest.approx(2 * 0.095)
        assert seen.value("finops_cache_savings_usd_total", **owner, cache="prompt") == pytest.approx(2 * 0.05)
        for kind in ("input", "output", "cached_input", "cache_write", "reasoning"):
            assert seen.value("burnline_tokens_total", kind=kind) == 2 * one[f"{kind}_tokens"]
        assert seen.value("burnline_unpriced_tokens_total", model="gpt-4o") is None

    def test_runs_and_tool_calls(self) -> None:
        seen = Seen()
        kinds = ["run", "tool_call", "tool_call", "llm"]
        seen.flush(*(usage(event_id=f"e-{number}", kind=kind) for number, kind in enumerate(kinds)))
        assert seen.value("agent_runs_total", org="acme", agent="agent-7") == 1
        assert seen.value("agent_tool_calls_total", org="acme", agent="agent-7") == 2

    def test_embeddings_are_an_observation_per_flush_and_model(self) -> None:
        seen = Seen()
        for number in range(2):
            seen.flush(
                usage(event_id=f"a-{number}", kind="embedding"),
                usage(event_id=f"b-{number}", kind="embedding", session_id="s-2"),
                usage(event_id=f"c-{number}"),
            )
        assert seen.value("finops_embedding_cost_usd_count", model="gpt-4o") == 2
        assert seen.value("finops_embedding_cost_usd_sum", model="gpt-4o") == pytest.approx(4 * 0.025)

    def test_unpriced_tokens(self) -> None:
        seen = Seen()
        seen.flush(usage(model="house-model", input_tokens=700, output_tokens=30))
        assert seen.value("burnline_unpriced_tokens_total", model="house-model") == 730
        assert seen.value("burnline_cost_usd_total", org="acme", agent="agent-7", model="house-model") == 0

    def test_anomalies_by_severity_and_state(self) -> None:
        seen = Seen()
        seen.flush(usage(input_tokens=30_000))
        seen.flush(usage(event_id="e-2", input_tokens=60_000))
        seen.flush(usage(session_id="s-2", occurred_at=at_slice(30)))
        for severity, state in (("warning", "opened"), ("critical", "escalated"), ("critical", "resolved")):
            assert seen.value("burnline_anomalies_total", severity=severity, state=state) == 1

    def test_events_of_other_agents(self) -> None:
        seen = Seen()
        seen.flush(usage(), usage(event_id="e-2", agent_id="agent-8"))
        assert seen.value("burnline_other_agent_events_total") == 1
        for agent in ("agent-7", "agent-8"):
            assert seen.value("burnline_cost_usd_total", org="acme", agent=agent, model="gpt-4o") == 0.025

    def test_split_sessions_by_org(self) -> None:
        seen = Seen()
        seen.metrics.split("acme")
        assert seen.value("burnline_split_sessions_total", org="acme") == 1

    def test_opened_sessions_by_partitioner(self) -> None:
        seen = Seen()
        seen.flush(usage())
        assert seen.value("burnline_sessions_opened_total", partitioner="murmur2") == 1

    def test_a_restart_counts_nothing_again(self) -> None:
        """What a former owner counted is in its metrics, not in those of the new one."""
        first, second = Seen(), Seen()
        feed(first.ledger, usage())
        changes = first.ledger.take_changes(T0)
        second.ledger.restore(changes.progress, [(key.decode(), value or b"") for key, value in changes.ledgers])
        second.flush(usage(event_id="e-2", model="gpt-4o-mini"))
        assert second.value("burnline_cost_usd_total", org="acme", agent="agent-7", model="gpt-4o") is None
        assert second.value("burnline_events_total", outcome="accepted") == 1

    def test_latency(self) -> None:
        seen = Seen()
        seen.flush(usage(), latencies_s=[0.2, 0.4])
        assert seen.value("burnline_event_to_ledger_seconds_count") == 2
        assert seen.value("burnline_event_to_ledger_seconds_sum") == pytest.approx(0.6)
        assert seen.value("burnline_event_to_ledger_seconds_bucket", le="0.25") == 1


class TestGauges:
    """What the worker holds now."""

    def test_ledgers_anomalies_and_watermark(self) -> None:
        seen = Seen()
        feed(seen.ledger, usage(input_tokens=50_000), usage(session_id="s-2", occurred_at=T0 + 500))
        seen.metrics.holding({2: seen.ledger}, {})
        assert seen.value("burnline_ledgers_held") == 2
        assert seen.value("burnline_anomalies_open") == 1
        assert seen.value("burnline_partitions_owned") == 1
        assert seen.value("burnline_watermark_seconds", partition="2") == T0 / 1000 + 0.5

    @pytest.mark.parametrize(
        ("ends", "lag"),
        [
            pytest.param({2: 10}, 8, id="behind"),
            pytest.param({2: 2}, 0, id="at-the-end"),
            pytest.param({2: 1}, 0, id="the-end-is-older-than-the-ledger"),
            pytest.param({}, 0, id="the-end-is-not-known-yet"),
        ],
    )
    def test_lag(self, ends: dict[int, int], lag: int) -> None:
        seen = Seen()
        feed(seen.ledger, usage(), None)
        seen.metrics.holding({2: seen.ledger}, ends)
        assert seen.value("burnline_lag_events", partition="2") == lag

    def test_what_is_given_up_is_no_longer_shown(self) -> None:
        seen = Seen()
        seen.metrics.holding({2: seen.ledger, 3: ledger()}, {})
        seen.metrics.holding({3: ledger()}, {})
        partitions = {sample.labels["partition"] for sample in seen.samples() if sample.name == "burnline_lag_events"}
        assert partitions == {"3"}

    def test_what_is_refused_is_shown_by_cause_and_resource_until_it_is_not(self) -> None:
        seen = Seen()
        refusal = Refusal(Cause.NOT_AUTHORISED, "topic finops.sessions", "no right to write")
        seen.metrics.refusing([refusal, refusal, refusal._replace(resource="group burnline")])
        shown = {"cause": "not_authorised", "resource": "topic finops.sessions"}
        assert seen.value("burnline_refused", **shown) == 2
        assert seen.value("burnline_partitions_refused") == 3
        seen.metrics.refusing([])
        assert seen.value("burnline_refused", **shown) is None
        assert seen.value("burnline_partitions_refused") == 0


def everything() -> Seen:
    """Every series there can be, each with a value."""
    seen = Seen()
    ProcessCollector(registry=seen.registry)
    PlatformCollector(registry=seen.registry)
    GCCollector(registry=seen.registry)
    seen.flush(
        usage(session_id=SESSION, kind="run", input_tokens=50_000, cached_input_tokens=40_000),
        usage(session_id=SESSION, event_id="e-2", kind="tool_call", model="house-model"),
        usage(session_id=SESSION, event_id="e-3", kind="embedding", occurred_at=T0 + 600_000),
        usage(session_id=SESSION, event_id="e-4"),
        usage(session_id=SESSION, event_id="e-5", error=True, reported_cost_usd="0.01", web_searches=2),
        usage(session_id=SESSION, event_id="e-6", kind="cache_hit", input_tokens=1_000),
        usage(session_id=SESSION, event_id="e-7", model="sandbox", reported_cost_usd="0.02"),
        rejected=list(Reason),
        latencies_s=[0.1],
    )
    seen.metrics.reference_errors.labels("finops.baselines").inc()
    seen.metrics.catalogue_refreshes.labels("same").inc()
    seen.metrics.priced_by("0123456789ab", "genai-prices 1", T0)
    seen.metrics.split("acme")
    seen.metrics.flush_seconds.observe(0.02)
    seen.metrics.refusing([Refusal(Cause.TOO_LARGE, "topic finops.sessions", "too large")])
    seen.metrics.holding({2: seen.ledger}, {2: 5})
    return seen


def test_what_is_rare_has_series_of_its_own() -> None:
    seen = everything()
    owner = {"org": "acme", "agent": "agent-7"}
    assert seen.value("agent_errors_total", **owner) == 1
    assert seen.value("burnline_metered_units_total", meter="web_searches") == 2
    assert seen.value("finops_cache_savings_usd_total", **owner, cache="semantic") == pytest.approx(0.0025)
    assert seen.value("burnline_reported_cost_usd_total", model="sandbox") == pytest.approx(0.02)
    drifting = {"provider": "openai", "model": "gpt-4o"}
    assert seen.value("burnline_compared_cost_usd_total", **drifting, by="reported") == pytest.approx(0.01)
    assert seen.value("burnline_compared_cost_usd_total", **drifting, by="rates")


def test_every_series_has_a_value() -> None:
    named = {sample.name for sample in everything().samples()}
    metrics = [
        metric for metric in everything().registry.collect() if metric.name.startswith(("burnline", "agent", "fin"))
    ]
    assert [metric.name for metric in metrics if not metric.samples] == []
    assert {
        "agent_runs_total",
        "agent_tool_calls_total",
        "finops_cache_savings_usd_total",
        "finops_embedding_cost_usd_sum",
        "burnline_events_total",
        "burnline_cost_usd_total",
        "burnline_tokens_total",
        "burnline_anomalies_total",
        "burnline_dead_letters_total",
        "burnline_unpriced_tokens_total",
        "burnline_lag_events",
        "burnline_event_to_ledger_seconds_bucket",
        "burnline_flush_seconds_bucket",
        "burnline_ledgers_held",
        "burnline_anomalies_open",
    } <= named


def test_no_label_is_a_session() -> None:
    samples = list(everything().samples())
    assert {name for sample in samples for name in sample.labels if "session" in name} == set()
    assert SESSION.encode() not in generate_latest(everything().registry)


@pytest.mark.needs_tool("promtool")
def test_promtool_has_no_complaint() -> None:
    exposition = generate_latest(everything().registry)
    done = subprocess.run(["promtool", "check", "metrics"], input=exposition, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.mark.parametrize("character", ["\u2028", "\u202e", "\u200b"], ids=ascii)
def test_a_label_value_breaks_no_line_and_turns_nothing_around(character: str) -> None:
    cap = LabelCap(1)
    value = f"acme{character}"
    assert cap(value) == cap(value) == f"acme{ascii(character)[1:-1]}"
    assert cap("another") == OTHER
