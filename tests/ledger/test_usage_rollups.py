"""Usage rollups: what was used in each quarter of an hour sums to the ledgers, whatever happened on the way."""

from collections.abc import Iterable
from decimal import Decimal
from operator import add
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.usage import RareUsage, Usage, plain
from burnline.ledger import record, rollup
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.rare import LEDGER_NAMES, LEDGER_SUMS, read_rare
from burnline.ledger.session import SUM_FIELDS
from burnline.ledger.usage_record import UsageRollupRecord, parse
from burnline.ledger.usage_rollups import LINGER_MS, QUARTER_MS, UsageRollups
from burnline.pricing.money import pico_from_text
from tests.ledger.examples import BOOK, MILLI, RETENTION, T0, Topics, feed, ledger, policy, rate, runs_of, usage
from tests.ledger.logs import Entry, logs

if TYPE_CHECKING:
    from burnline.ledger.rollup import ClosedRollup
    from burnline.ledger.session import Ledger

KNOWING = RETENTION._replace(partition_ids=1_000)
CUTS = st.lists(st.integers(0, 30), max_size=6)
QUARTER = T0 // QUARTER_MS * QUARTER_MS
COSTS = (
    "input_cost_usd",
    "cached_input_cost_usd",
    "cache_write_cost_usd",
    "output_cost_usd",
    "reasoning_cost_usd",
    "request_cost_usd",
)
Sums = tuple[int, ...]


def rows(values: Iterable[bytes]) -> list[UsageRollupRecord]:
    """Records, read."""
    return [parse(value) for value in values]


def flushed(partition: PartitionLedger) -> list[UsageRollupRecord]:
    """What one flush writes."""
    return rows(value for _, value in partition.take_changes(T0).usage_rollups)


def sums(row: UsageRollupRecord) -> Sums:
    """All that ledgers have too."""
    return (
        row.events,
        row.input_tokens,
        row.output_tokens,
        row.cached_input_tokens,
        row.cache_write_tokens,
        row.reasoning_tokens,
        row.unpriced_tokens,
        pico_from_text(row.cost_usd),
        pico_from_text(row.cache_savings_usd),
        pico_from_text(row.cost_usd) if row.kind == "embedding" else 0,
        *(read_rare(row, LEDGER_SUMS).get(name, 0) for name in LEDGER_NAMES),
    )


def added(entries: Iterable[tuple[Any, Sums]]) -> dict[Any, Sums]:
    """Added up by key."""
    found: dict[Any, Sums] = {}
    for key, each in entries:
        found[key] = tuple(map(add, found.get(key, (0,) * len(each)), each))
    return found


def by_model(found: Iterable[UsageRollupRecord]) -> dict[tuple[str, str], Sums]:
    """By org and model."""
    return added(((row.org_id, row.model), sums(row)) for row in found)


def by_row(found: Iterable[UsageRollupRecord]) -> dict[tuple[object, ...], Sums]:
    """By all that a row stands for, and with each part of the cost: partials of one row added up."""
    return added(
        (
            tuple(getattr(row, name) for name in row.__struct_fields__[4:12]),
            (*sums(row), *(pico_from_text(getattr(row, name)) for name in COSTS)),
        )
        for row in found
    )


def counted(topics: Topics) -> dict[tuple[str, str], Sums]:
    """Ledgers and closed rollups, by org and model; agents of one session are in rollups alone."""
    held: list[Ledger | ClosedRollup] = [*map(record.decode, topics.sessions.values())]
    held += map(rollup.decode, topics.rollups.values())
    return added(((one.org_id, model), each.values()) for one in held for model, each in one.models.items())


@st.composite
def quarters(draw: st.DrawFn) -> list[Entry]:
    """A log of many teams and projects; where time is stretched, over hours, with events that are hours late."""
    factor = draw(st.sampled_from((1, 20, 90)))
    return [_labelled(entry, factor) for entry in draw(logs())]


def _labelled(entry: Entry, factor: int) -> Entry:
    if entry.event is None:
        return entry
    fields = {name: getattr(entry.event, name) for name in RareUsage.__struct_fields__}
    number = len(entry.event.event_id) + int(entry.event.event_id[2:])
    fields["occurred_at"] = T0 + (entry.event.occurred_at - T0) * factor
    fields["team_id"] = (None, "search", "billing")[number % 3]
    fields["project_code"] = (None, "P-1")[number % 2]
    fields["provider"] = (None, "openai", "house")[number // 3 % 3]
    return entry._replace(event=plain(RareUsage(**fields)))


def apply(partition: PartitionLedger, entries: list[Entry]) -> None:
    """Take entries in."""
    partition.apply([entry.offset for entry in entries], [entry.event for entry in entries], now_ms=T0)


def worked(log: list[Entry], batches: list[range], lost: Iterable[int] = (), *, crash: bool = True) -> Topics:
    """The topics after a log: a flush after each batch, and then another owner; some flushes were never written."""
    topics, partition, rules = Topics(), ledger(retention=KNOWING), policy()
    for number, batch in enumerate(batches):
        apply(partition, [entry for entry in log[: batch.stop] if entry.offset >= partition.next_offset])
        if number not in lost:
            topics.commit(partition.take_changes(T0))
        if crash or number in lost:
            partition = topics.restored(rules, KNOWING)
    apply(partition, log)
    topics.commit(partition.take_changes(T0))
    return topics


def _without_since(events: dict[tuple[object, ...], int]) -> dict[tuple[object, ...], int]:
    found: dict[tuple[object, ...], int] = {}
    for key, number in events.items():
        found[key[:-1]] = found.get(key[:-1], 0) + number
    return found


class TestLaws:
    """Whatever is logged, and however it is worked off."""

    @given(quarters(), CUTS, st.sets(st.integers(0, 6)), st.booleans())
    def test_rollups_sum_to_ledgers(self, log: list[Entry], cuts: list[int], lost: set[int], crash: bool) -> None:  # noqa: FBT001  # drawn
        topics = worked(log, runs_of(log, cuts), lost, crash=crash)
        assert by_model(rows(topics.usage_rollups.values())) == counted(topics)

    @given(quarters(), CUTS, st.sets(st.integers(0, 6)), st.booleans())
    def test_flushes_and_restarts_change_no_sum(
        self,
        log: list[Entry],
        cuts: list[int],
        lost: set[int],
        crash: bool,  # noqa: FBT001  # drawn
    ) -> None:
        topics = worked(log, runs_of(log, cuts), lost, crash=crash)
        at_once = worked(log, [])
        assert by_row(rows(topics.usage_rollups.values())) == by_row(rows(at_once.usage_rollups.values()))

    @given(quarters(), CUTS)
    def test_where_batches_end_changes_no_byte(self, log: list[Entry], cuts: list[int]) -> None:
        whole, cut = ledger(), ledger()
        apply(whole, log)
        for batch in runs_of(log, cuts):
            apply(cut, log[batch.start : batch.stop])
        assert cut.take_changes(T0).usage_rollups == whole.take_changes(T0).usage_rollups

    @given(quarters(), quarters(), CUTS, st.integers(0, 12))
    def test_retired_sessions_stay_in_the_sums(
        self, first: list[Entry], second: list[Entry], cuts: list[int], idle_hours: int
    ) -> None:
        log = [*first, *(entry._replace(offset=entry.offset + first[-1].offset + 1) for entry in second)]
        topics, partition, now_ms = Topics(), ledger(retention=KNOWING), T0
        for batch in runs_of(log, [*cuts, len(first)]):
            apply(partition, log[batch.start : batch.stop])
            topics.commit(partition.take_changes(now_ms))
            now_ms += idle_hours * HOUR_MS
            partition.tick(now_ms)
            topics.commit(partition.take_changes(now_ms))
        assert by_model(rows(topics.usage_rollups.values())) == counted(topics)

    @given(quarters(), CUTS)
    def test_a_record_says_what_its_key_says(self, log: list[Entry], cuts: list[int]) -> None:
        for key, value in worked(log, runs_of(log, cuts)).usage_rollups.items():
            row = parse(value)
            named = [
                row.source_partition,
                row.since_offset,
                *(getattr(row, name) for name in row.__struct_fields__[4:12]),
            ]
            assert msgspec.json.decode(key) == named
            assert row.since_offset <= row.last_offset
            assert row.quarter_start_ms % QUARTER_MS == 0
            assert sum(Decimal(getattr(row, name)) for name in COSTS) == Decimal(row.cost_usd)

    @given(quarters(), st.sets(st.integers(1, 3)))
    def test_rows_that_are_let_go_early_change_no_sum(self, log: list[Entry], most: set[int]) -> None:
        """With hardly any memory, each flush writes partials of its own."""
        small, large = UsageRollups(max_rows=min(most, default=0)), UsageRollups()
        few = UsageRollups(many_rows=min(most, default=0))
        found: dict[UsageRollups, dict[tuple[object, ...], int]] = {small: {}, few: {}, large: {}}
        watermark_ms = 0
        for entry in log:
            if entry.event is not None:
                watermark_ms = max(watermark_ms, entry.event.occurred_at)
                for rollups, events in found.items():
                    rollups.add(entry.offset, entry.event, "", "gpt-4o", (0,) * 9)
                    for row in rollups.take_changes(watermark_ms):
                        events[*row.key, row.since_offset] = row.events
                assert len(small) <= max(most, default=0)
        assert _without_since(found[small]) == _without_since(found[few]) == _without_since(found[large])


class TestQuarters:
    """Half-open, by event time, aligned to the epoch."""

    @pytest.mark.parametrize(
        ("at_ms", "start_ms"),
        [
            pytest.param(QUARTER, QUARTER, id="first-millisecond"),
            pytest.param(QUARTER + QUARTER_MS - 1, QUARTER, id="last-millisecond"),
            pytest.param(QUARTER + QUARTER_MS, QUARTER + QUARTER_MS, id="the-end-belongs-to-the-next"),
        ],
    )
    def test_an_event_stands_in_the_quarter_of_its_time(self, at_ms: int, start_ms: int) -> None:
        partition = ledger()
        feed(partition, usage(occurred_at=at_ms))
        assert [row.quarter_start_ms for row in flushed(partition)] == [start_ms]

    @pytest.mark.parametrize(
        ("other", "apart"),
        [
            pytest.param({}, False, id="nothing"),
            pytest.param({"session_id": "s-2", "run_id": "r", "tags": {"a": "b"}}, False, id="session-run-and-tags"),
            pytest.param({"team_id": "search"}, True, id="team"),
            pytest.param({"project_code": "P-1"}, True, id="project"),
            pytest.param({"provider": "azure"}, True, id="provider"),
            pytest.param({"model": "gpt-4o-mini"}, True, id="model"),
            pytest.param({"kind": "run"}, True, id="kind"),
            pytest.param({"agent_id": "agent-8"}, True, id="agent"),
            pytest.param({"session_id": "s-2", "org_id": "initech"}, True, id="org"),
        ],
    )
    def test_what_makes_a_row_of_its_own(self, other: dict[str, Any], *, apart: bool) -> None:
        partition = ledger()
        feed(partition, usage(), usage(event_id="e-2", **other))
        assert [row.events for row in flushed(partition)] == ([1, 1] if apart else [2])


class TestPartials:
    """Absolute from the event that opened them."""

    def test_a_row_grows_over_flushes_under_one_key(self) -> None:
        partition, topics = ledger(), Topics()
        for number in range(3):
            feed(partition, usage(event_id=f"e-{number}"))
            topics.commit(partition.take_changes(T0))
        (row,) = rows(topics.usage_rollups.values())
        assert (row.since_offset, row.last_offset, row.events, row.input_tokens) == (0, 2, 3, 30_000)

    def test_only_what_was_touched_is_written(self) -> None:
        partition = ledger()
        feed(partition, usage(), usage(event_id="e-2", kind="run"))
        assert [row.kind for row in flushed(partition)] == ["llm", "run"]
        feed(partition, usage(event_id="e-3"))
        assert [(row.kind, row.events) for row in flushed(partition)] == [("llm", 2)]
        assert flushed(partition) == []

    def test_a_new_owner_opens_a_partial_of_its_own(self) -> None:
        partition, topics = ledger(), Topics()
        feed(partition, usage())
        topics.commit(partition.take_changes(T0))
        partition = topics.restored(policy())
        feed(partition, None, usage(event_id="e-2"))
        topics.commit(partition.take_changes(T0))
        assert [(row.since_offset, row.last_offset, row.events) for row in rows(topics.usage_rollups.values())] == [
            (0, 0, 1),
            (2, 2, 1),
        ]

    @pytest.mark.parametrize(
        "repeat",
        [pytest.param(usage(), id="duplicate"), pytest.param(None, id="refused")],
    )
    def test_what_its_ledger_does_not_accept_touches_none(self, repeat: Usage | None) -> None:
        partition = ledger()
        feed(partition, usage())
        assert len(flushed(partition)) == 1
        feed(partition, repeat)
        assert flushed(partition) == []

    def test_what_is_read_again_touches_none(self) -> None:
        partition = ledger()
        feed(partition, usage())
        assert len(flushed(partition)) == 1
        partition.apply([0], [usage()], now_ms=T0)
        assert flushed(partition) == []


class TestMemory:
    """Rows go when their quarter is long over, or when there are too many; only after they were written."""

    OVER = QUARTER + QUARTER_MS + LINGER_MS

    @pytest.mark.parametrize(
        ("newest_ms", "since"),
        [pytest.param(OVER - 1, 0, id="within-the-hour"), pytest.param(OVER, 2, id="an-hour-later")],
    )
    def test_a_late_event_after_a_flush(self, newest_ms: int, since: int) -> None:
        partition = ledger()
        feed(partition, usage(occurred_at=QUARTER), usage(event_id="e-2", occurred_at=newest_ms))
        flushed(partition)
        feed(partition, usage(event_id="e-3", occurred_at=QUARTER + 1))
        assert [(row.since_offset, row.events) for row in flushed(partition)] == [(since, 1 + (since == 0))]

    def test_an_old_row_stays_until_it_is_written(self) -> None:
        partition = ledger()
        feed(
            partition, *(usage(event_id=f"e-{at_ms}", occurred_at=at_ms) for at_ms in (self.OVER, QUARTER, QUARTER + 1))
        )
        assert [(row.quarter_start_ms, row.events) for row in flushed(partition)] == [(self.OVER, 1), (QUARTER, 2)]
        assert len(partition.usage_rollups) == 1

    def test_the_line_moves_without_new_events_in_a_row(self) -> None:
        partition = ledger()
        for number in range(8):
            feed(partition, usage(event_id=f"e-{number}", occurred_at=QUARTER + number * QUARTER_MS))
            flushed(partition)
            assert len(partition.usage_rollups) == min(number + 1, 5)

    @pytest.mark.parametrize(("rows_held", "left"), [(3, 3), (4, 0)], ids=["as-many-as-may-be", "one-more"])
    def test_too_many_rows(self, rows_held: int, left: int) -> None:
        rollups = UsageRollups(max_rows=3)
        for number in range(rows_held):
            rollups.add(number, usage(team_id=f"t-{number}"), "", "gpt-4o", (0,) * 9)
        assert len(rollups.take_changes(T0)) == rows_held
        assert len(rollups) == left

    @pytest.mark.parametrize(
        ("rows_held", "left"), [(3, 3), (4, 1)], ids=["as-many-as-may-linger", "one-more-than-may-linger"]
    )
    def test_of_many_rows_those_whose_quarter_has_ended_go_first(self, rows_held: int, left: int) -> None:
        rollups = UsageRollups(many_rows=3)
        for number in range(rows_held - 1):
            rollups.add(number, usage(team_id=f"t-{number}", occurred_at=QUARTER), "", "gpt-4o", (0,) * 9)
        now_ms = QUARTER + QUARTER_MS
        rollups.add(rows_held, usage(occurred_at=now_ms), "", "gpt-4o", (0,) * 9)
        assert len(rollups.take_changes(now_ms)) == rows_held
        assert len(rollups) == left
        assert rollups.take_changes(now_ms) == []
        assert len(rollups) == left

    def test_rows_of_the_quarter_that_is_going_on_stay_however_many(self) -> None:
        rollups = UsageRollups(many_rows=3)
        for number in range(5):
            rollups.add(number, usage(team_id=f"t-{number}", occurred_at=QUARTER), "", "gpt-4o", (0,) * 9)
        rollups.take_changes(QUARTER + QUARTER_MS - 1)
        assert len(rollups) == 5


class TestMoney:
    """The cost of each kind of token, and who is paid."""

    def test_each_part_of_the_tokens_has_its_cost(self) -> None:
        partition = ledger()
        event = usage(
            model="claude-sonnet-4-5",
            input_tokens=10_000,
            cached_input_tokens=5_000,
            cache_write_tokens=2_000,
            output_tokens=900,
            reasoning_tokens=400,
        )
        feed(partition, event)
        (row,) = flushed(partition)
        assert [getattr(row, name) for name in COSTS] == ["0.009", "0.0015", "0.0075", "0.0075", "0.006", "0"]
        assert (row.cost_usd, row.cache_savings_usd) == ("0.0315", "0.0135")

    def test_tokens_without_a_rate_are_told_apart(self) -> None:
        partition = ledger()
        feed(partition, usage(model="house-model", output_tokens=5))
        (row,) = flushed(partition)
        assert (row.unpriced_tokens, row.cost_usd, row.provider) == (10_005, "0", "")

    @pytest.mark.parametrize(
        ("event", "provider"),
        [
            pytest.param(usage(provider="My Gateway"), "My Gateway", id="the-events"),
            pytest.param(usage(), "openai", id="else-the-cards"),
            pytest.param(usage(model="claude-sonnet-4-5"), "", id="a-rate-for-any-names-none"),
            pytest.param(usage(model="house-model"), "", id="unknown"),
        ],
    )
    def test_who_is_paid(self, event: Usage, provider: str) -> None:
        rules = policy()
        rules.set_book(BOOK.with_overrides([rate(0, "7", "claude-sonnet-4-5")]))
        partition = ledger(rules)
        feed(partition, event)
        assert [row.provider for row in flushed(partition)] == [provider]

    def test_a_row_keeps_what_was_charged_when_rates_change(self) -> None:
        rules = policy()
        partition = ledger(rules)
        feed(partition, usage(provider="openai"))
        rules.set_book(BOOK.with_overrides([rate(0, "7")]))
        feed(partition, usage(event_id="e-2", provider="openai"))
        (row,) = flushed(partition)
        assert pico_from_text(row.cost_usd) == (25 + 70) * MILLI


def test_what_events_say_that_they_cost_is_told_by_provider() -> None:
    """Of the rest it is told for all providers together, as ever."""
    partition = ledger()
    said = {"reported_cost_usd": "0.01", "output_tokens": 10}
    feed(
        partition,
        usage(event_id="a", provider="openai", **said),
        usage(event_id="b", provider="azure", **said),
        usage(event_id="c", provider="azure"),
        usage(event_id="d", provider="openai"),
    )
    at = SUM_FIELDS.index("compared_reported_pico_usd")
    told = {each.provider: each.sums[at] for each in partition.take_changes(T0).activity}
    assert told == {"openai": 10_000_000_000, "azure": 10_000_000_000}
    feed(partition, usage(event_id="e", provider="mistral", model="mistral-large-latest"))
    assert [(each.provider, each.sums[0]) for each in partition.take_changes(T0).activity] == [("", 1)]
