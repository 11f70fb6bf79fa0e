"""Ledgers as readers see them."""

import json
from decimal import Decimal

import pytest
from hypothesis import given

from burnline.events.usage import Usage
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.progress import Progress
from burnline.ledger.rare import LEDGER_NAMES
from burnline.ledger.record import LedgerRecord, SessionLedger, parse
from burnline.ledger.view import SessionView, as_of_ms, merge, spent_usd
from tests.ledger.examples import RETENTION, T0, TOPIC, at_slice, feed, policy, usage
from tests.ledger.logs import Entry, logs

WINDOWS_S = (60, 300)


def on(partition: int, *events: Usage | None) -> list[LedgerRecord]:
    """The records of a partition that was given these events."""
    kept = PartitionLedger(TOPIC, partition, policy(), RETENTION._replace(slices=60))
    feed(kept, *events)
    return [parse(value) for _, value in kept.take_changes(T0).ledgers if value is not None]


def one(*parts: list[LedgerRecord]) -> SessionView:
    (view,) = merge(record for part in parts for record in part)
    return view


class TestMerge:
    """One view per session, wherever its events arrived."""

    def test_sessions_are_ordered_by_id(self) -> None:
        records = on(0, usage(session_id="b"), usage(session_id="a")) + on(1, usage(session_id="c"))
        assert [view.session_id for view in merge(records)] == ["a", "b", "c"]

    def test_a_session_on_two_partitions_is_one(self) -> None:
        view = one(
            on(3, usage(occurred_at=T0 + 5, kind="run"), usage(event_id="e-2", model="gpt-4o-mini")),
            on(1, usage(event_id="e-3", occurred_at=T0 + 70_000, kind="tool_call")),
        )
        assert (view.source_partition, view.source_partitions, view.last_offset) == (3, (1, 3), 1)
        assert (view.first_event_at, view.last_event_at) == (T0, T0 + 70_000)
        assert (view.runs, view.tool_calls) == (1, 1)
        assert view.models["gpt-4o"].events == 2
        assert view.cost_pico_usd == 2 * 25 * 10**9 + 15 * 10**8
        assert view.burn_pico_usd_per_hour(60, T0) == (25 * 10**9 + 15 * 10**8) * 60
        assert view.burn_pico_usd_per_hour(300, T0 + 70_000) == view.cost_pico_usd * 12

    @pytest.mark.parametrize("swapped", [False, True])
    def test_the_earliest_event_says_whose_it_is(self, *, swapped: bool) -> None:
        parts = [
            on(0, usage(occurred_at=T0 + 1, agent_id="late")),
            on(1, usage(occurred_at=T0, agent_id="early")),
        ]
        view = one(*(reversed(parts) if swapped else parts))
        assert (view.org_id, view.agent_id, view.source_partition) == ("acme", "early", 1)

    @pytest.mark.parametrize("swapped", [False, True])
    def test_at_the_same_time_the_lower_partition_does(self, *, swapped: bool) -> None:
        parts = [on(2, usage(agent_id="two")), on(1, usage(agent_id="one"))]
        assert one(*(reversed(parts) if swapped else parts)).agent_id == "one"

    def test_the_worst_anomaly_is_shown(self) -> None:
        warning = on(0, usage(input_tokens=30_000))
        critical = on(1, usage(input_tokens=300_000, occurred_at=T0 + 5))
        shown = one(warning, critical).anomaly
        assert shown is not None
        assert shown.severity == "critical"
        assert one(on(0, usage())).anomaly is None

    def test_of_equals_the_oldest(self) -> None:
        shown = one(on(0, usage(input_tokens=30_000, occurred_at=T0 + 5)), on(1, usage(input_tokens=30_000))).anomaly
        assert shown is not None
        assert shown.opened_at == T0

    @given(logs(), logs())
    def test_nothing_is_lost_or_doubled(self, left: list[Entry], right: list[Entry]) -> None:
        records = on(0, *(entry.event for entry in left)) + on(1, *(entry.event for entry in right))
        views = merge(records)
        assert Decimal(spent_usd(views)) == sum(Decimal(record.cost_usd) for record in records)
        assert sum(sum(sums.events for sums in view.models.values()) for view in views) == sum(
            record.events for record in records
        )
        assert {view.session_id for view in views} == {record.session_id for record in records}


class TestJson:
    """The public object."""

    def test_is_the_ledger_without_internals_and_with_burn(self) -> None:
        (record,) = on(2, usage(input_tokens=50_000, cached_input_tokens=10_000))
        found = one([record]).as_json(WINDOWS_S, at_slice(1))
        contract = SessionLedger.model_fields.keys() - {"version", "slices", "recent_event_ids", *LEDGER_NAMES}
        zero = {"reported_cost_usd", "compared_cost_usd", "compared_reported_usd", "semantic_cache_savings_usd"}
        assert found.keys() == contract - zero | {"source_partitions", "burn_usd_per_hour", "as_of_ms"}
        assert (found["cost_usd"], found["cache_savings_usd"], found["events"]) == ("0.1125", "0.0125", 1)
        assert found["burn_usd_per_hour"] == {"60s": "6.75", "300s": "1.35"}
        assert found["as_of_ms"] == at_slice(1)
        assert found["by_model"]["gpt-4o"]["cost_usd"] == "0.1125"
        assert json.loads(json.dumps(found)) == found
        assert found["anomaly"]["severity"] == "warning"

    @given(logs())
    def test_of_one_partition_it_says_what_the_record_says(self, log: list[Entry]) -> None:
        for record in on(0, *(entry.event for entry in log)):
            found = one([record]).as_json(WINDOWS_S, T0)
            assert found["parent_session_id"] == (record.parent_session_id or None)
            for name in found.keys() & SessionLedger.model_fields.keys() - {"by_model", "anomaly", "parent_session_id"}:
                assert found[name] == getattr(record, name), name

    @pytest.mark.parametrize(
        ("as_of", "minute", "five_minutes"),
        [
            pytest.param(at_slice(0), "1.5", "0.3", id="while-the-slice-fills"),
            pytest.param(at_slice(5.99), "1.5", "0.3", id="short-window-just-holds-it"),
            pytest.param(at_slice(6), "0", "0.3", id="short-window-just-does-not"),
            pytest.param(at_slice(29.99), "0", "0.3", id="long-window-just-holds-it"),
            pytest.param(at_slice(30), "0", "0", id="long-window-just-does-not"),
        ],
    )
    def test_burn_ends_with_time(self, as_of: int, minute: str, five_minutes: str) -> None:
        found = one(on(0, usage())).as_json(WINDOWS_S, as_of)
        assert found["burn_usd_per_hour"] == {"60s": minute, "300s": five_minutes}


def progress(watermark_ms: int, written_at_ms: int) -> Progress:
    return Progress(1, TOPIC, 0, 1, watermark_ms, written_at_ms)


NOW = T0 + 1_000_000


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([], NOW, id="nothing-applied"),
        pytest.param([progress(0, NOW - 5)], NOW, id="no-event-seen"),
        pytest.param([progress(T0, NOW)], T0, id="just-written"),
        pytest.param([progress(T0, NOW - 60_000)], T0 + 60_000, id="moved-on-by-the-clock"),
        pytest.param([progress(T0, NOW + 60_000)], T0, id="another-machines-clock-is-ahead"),
        pytest.param([progress(T0, NOW - 9), progress(T0 + 50, NOW)], T0 + 50, id="the-newest-partition"),
        pytest.param([progress(T0, NOW - 90), progress(T0 + 50, NOW)], T0 + 90, id="the-newest-with-its-idle-time"),
    ],
)
def test_as_of(records: list[Progress], expected: int) -> None:
    assert as_of_ms(records, NOW) == expected


def test_spent_is_exact() -> None:
    views = merge(on(0, usage(input_tokens=1, model="gpt-4o-mini"), usage(session_id="s-2", input_tokens=10**9)))
    assert spent_usd(views) == "2500.00000015"
    assert spent_usd([]) == "0"
