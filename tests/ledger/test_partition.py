"""Both sides of each line that a partition's ledgers draw, an event at a time."""

from typing import Any

import pytest

from app.detection.anomaly import ResolvedBy
from app.detection.baseline import Baseline
from app.events.usage import Usage
from app.ledger.partition import PartitionLedger
from app.ledger.record import UnreadableRecord
from app.ledger.session import Ledger
from app.pricing.money import PICO_PER_USD
from app.pricing.valuation import ValuationRate
from app.windows.slices import SLICE_MS
from tests.ledger.examples import (
    BOOK,
    PARTITION,
    RETENTION,
    T0,
    TOPIC,
    Topics,
    at_slice,
    baselines_of,
    feed,
    ledger,
    marks,
    policy,
    usage,
)

MILLI = PICO_PER_USD // 1000
FIRST = T0 // SLICE_MS


def held(partition: PartitionLedger, session_id: str = "s-1") -> Ledger:
    found = partition.get(session_id)
    assert found is not None
    return found


def spend(slice_number: float, milli_usd: int, number: int = 0, **changes: Any) -> Usage:
    """An event of that cost: 400 input tokens of gpt-4o are 0.001 USD."""
    fields = {
        "event_id": f"e-{slice_number}-{number}",
        "occurred_at": at_slice(slice_number),
        "input_tokens": 400 * milli_usd,
    }
    return usage(**(fields | changes))


class TestLateEvents:
    """Totals always, windows while their slice is held."""

    @pytest.mark.parametrize(
        ("behind", "in_slices", "in_long", "in_short"),
        [
            pytest.param(0, True, True, True, id="in-time"),
            pytest.param(1, True, True, True, id="short-window-just-holds-it"),
            pytest.param(2, True, True, False, id="short-window-just-does-not"),
            pytest.param(3, True, True, False, id="long-window-just-holds-it"),
            pytest.param(4, True, False, False, id="long-window-just-does-not"),
            pytest.param(6, True, False, False, id="slice-just-held"),
            pytest.param(7, False, False, False, id="slice-just-not-held"),
            pytest.param(100, False, False, False, id="long-gone"),
        ],
    )
    def test_count_where_their_slice_is_held(
        self, behind: int, *, in_slices: bool, in_long: bool, in_short: bool
    ) -> None:
        partition = ledger()
        feed(partition, spend(200, 1))
        feed(partition, spend(200 - behind, 10, number=1))
        found = held(partition)
        assert found.total("cost_pico_usd") == 11 * MILLI
        assert sum(found.slices.values()) == (11 if in_slices else 1) * MILLI
        assert found.long_pico_usd == (11 if in_long else 1) * MILLI
        assert found.short_pico_usd == (11 if in_short else 1) * MILLI
        assert partition.take_changes(T0).counts.late == (not in_slices)

    def test_may_open_an_anomaly(self) -> None:
        partition = ledger()
        feed(partition, spend(3, 1), spend(2.5, 80, number=1))
        assert [notice.opened_at for notice in partition.take_changes(T0).notices] == [at_slice(2.5)]

    def test_move_the_first_event_back_but_not_the_last_one(self) -> None:
        partition = ledger()
        feed(partition, spend(3, 1), spend(1, 1), spend(2, 1))
        found = held(partition)
        assert (found.first_event_at, found.last_event_at) == (at_slice(1), at_slice(3))

    def test_what_is_pruned_at_a_flush_was_too_late_before(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 1), spend(7, 1))
        assert partition.take_changes(T0).counts.late == 0
        assert set(held(partition).slices) == {FIRST + 7}


class TestLifecycle:
    """28 milli-USD in 20 s and 56 in 40 s are just above the line, 84 and 167 above the critical one."""

    @pytest.mark.parametrize(
        ("milli_usd", "told"),
        [
            pytest.param([55], [], id="at-the-line-of-the-long-window"),
            pytest.param([56], ["opened 1"], id="above-it"),
            pytest.param([56, 1, 1, 1], ["opened 1"], id="no-notice-per-event"),
            pytest.param([56, 110], ["opened 1"], id="at-the-critical-line"),
            pytest.param([56, 111], ["opened 1", "escalated 2"], id="above-the-critical-line"),
            pytest.param([56, 111, 500], ["opened 1", "escalated 2"], id="nothing-above-critical"),
            pytest.param([167], ["opened 1"], id="critical-at-once"),
        ],
    )
    def test_a_notice_for_each_change(self, milli_usd: list[int], told: list[str]) -> None:
        partition = ledger()
        feed(partition, *(spend(0, amount, number) for number, amount in enumerate(milli_usd)))
        assert marks(partition) == told

    def test_the_minimum_spend(self) -> None:
        """With a lower baseline the lines lie below it."""
        cheap = policy(Baseline(org_id="acme", agent_id="agent-7", usd_per_hour="0.5"))
        partition = ledger(cheap)
        feed(partition, spend(0, 49))
        assert marks(partition) == []
        feed(partition, spend(0, 1, number=1))
        assert marks(partition) == ["opened 1"]

    def test_the_notice_says_which_event(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 5, session_id="s-2"), None, spend(0.5, 80))
        (notice,) = partition.take_changes(T0).notices
        assert notice.evidence.topic == TOPIC
        assert (notice.evidence.partition, notice.evidence.offset, notice.evidence.event_id) == (
            PARTITION,
            2,
            "e-0.5-0",
        )
        assert (notice.session_id, notice.opened_at, notice.spend_usd) == ("s-1", at_slice(0.5), "0.08")
        assert notice.burn_usd_per_hour == {"20s": "14.4", "40s": "7.2"}

    @pytest.mark.parametrize(
        ("at", "told"),
        [
            pytest.param(3.9999, [], id="the-quiet-period-is-not-over"),
            pytest.param(4, ["resolved 2"], id="it-is"),
        ],
    )
    def test_another_sessions_event_moves_time_on(self, at: float, told: list[str]) -> None:
        """What slice 0 holds is in the short window until slice 1 ends; slices 2 and 3 are the quiet period."""
        partition = ledger()
        feed(partition, spend(0, 80))
        assert marks(partition) == ["opened 1"]
        feed(partition, spend(at, 1, session_id="s-2"))
        assert marks(partition) == told

    def test_the_event_that_ends_the_quiet_is_the_next_ones(self) -> None:
        """An event that comes after the quiet period does not keep the anomaly open: it may open another one."""
        partition = ledger()
        feed(partition, spend(0, 80), spend(4, 80))
        notices = partition.take_changes(T0).notices
        assert [str(notice.state) for notice in notices] == ["opened", "resolved", "opened"]
        assert notices[0].anomaly_id == notices[1].anomaly_id != notices[2].anomaly_id
        assert notices[1].resolved_by is ResolvedBy.EVENT_TIME
        assert notices[1].spend_usd == "0.08"

    def test_a_resolution_does_not_wait_for_the_batch_to_end(self) -> None:
        """The late event comes after the quiet period is over, in the same batch: the notice knows nothing of it."""
        partition = ledger()
        feed(partition, spend(0, 80), spend(4, 1, session_id="s-2"), spend(0.5, 80, number=1))
        notices = [notice for notice in partition.take_changes(T0).notices if notice.session_id == "s-1"]
        assert [(str(notice.state), notice.spend_usd) for notice in notices] == [
            ("opened", "0.08"),
            ("resolved", "0.08"),
        ]

    @pytest.mark.parametrize(
        ("at", "told"),
        [
            pytest.param(3.9999, ["opened 1"], id="it-could-still-be-stopped"),
            pytest.param(4, [], id="it-is-over"),
        ],
    )
    def test_late_events_open_nothing_that_is_over_already(self, at: float, told: list[str]) -> None:
        partition = ledger()
        feed(partition, spend(at, 1, session_id="s-2"), spend(0, 80))
        assert marks(partition) == told


class TestIdleTime:
    """While no record comes, event time moves on with the clock."""

    @pytest.mark.parametrize(
        ("idle_ms", "told"),
        [
            pytest.param(4 * SLICE_MS - 1, [], id="just-not-yet"),
            pytest.param(4 * SLICE_MS, ["resolved 2"], id="now"),
            pytest.param(3_600_000, ["resolved 2"], id="long-ago"),
        ],
    )
    def test_the_clock_resolves(self, idle_ms: int, told: list[str]) -> None:
        partition = ledger()
        feed(partition, spend(0, 80), now_ms=T0 + 77)
        assert marks(partition) == ["opened 1"]
        partition.tick(T0 + 77 + idle_ms)
        assert marks(partition) == told

    def test_it_says_so_and_when_the_quiet_was_complete(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 80))
        partition.tick(T0 + 3_600_000)
        notice = partition.take_changes(T0).notices[-1]
        assert notice.resolved_by is ResolvedBy.CLOCK
        assert notice.updated_at == at_slice(4)

    def test_an_event_of_any_session_ends_idleness(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 80))
        feed(partition, spend(0, 1, session_id="s-2"), now_ms=T0 + 39_000)
        partition.tick(T0 + 40_000)
        assert marks(partition) == ["opened 1"]

    def test_a_clock_that_is_set_back_does_not_turn_time_back(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 80))
        partition.tick(T0 - 3_600_000)
        partition.tick(T0 + 4 * SLICE_MS)
        assert marks(partition) == ["opened 1", "resolved 2"]

    def test_a_new_owner_counts_from_its_first_tick(self) -> None:
        """How long nothing came before it took over, it cannot know."""
        topics, partition = Topics(), ledger()
        feed(partition, spend(0, 80))
        topics.commit(partition.take_changes(T0))
        partition = topics.restored(policy())
        much_later_ms = T0 + 3_600_000
        partition.tick(much_later_ms)
        partition.tick(much_later_ms + 4 * SLICE_MS - 1)
        assert marks(partition) == []
        partition.tick(much_later_ms + 4 * SLICE_MS)
        assert marks(partition) == ["resolved 2"]

    def test_a_backlog_after_a_long_idle_time_is_judged_by_its_own_time(self) -> None:
        """Looking ahead by the clock must not stop looking where events are, once they come."""
        partition = ledger()
        feed(partition, spend(0, 1))
        partition.tick(T0 + 3_600_000)
        feed(partition, spend(10, 80, session_id="s-2"), now_ms=T0 + 3_600_000)
        assert marks(partition) == ["opened 1"]
        partition.tick(T0 + 3_600_000 + 4 * SLICE_MS)
        assert marks(partition) == ["resolved 2"]

    def test_nothing_happens_before_the_first_event(self) -> None:
        partition = ledger()
        partition.tick(T0)
        changes = partition.take_changes(T0)
        assert (changes.ledgers, changes.notices, changes.progress.next_offset) == ([], [], 0)


class TestBaselines:
    """In force from the next event on."""

    def test_a_lower_one_takes_effect_on_the_next_event(self) -> None:
        rules = policy()
        partition = ledger(rules)
        feed(partition, spend(0, 51))
        rules.set_baselines(baselines_of(Baseline(org_id="acme", agent_id="*", usd_per_hour="0.1")))
        partition.tick(T0 + 9_999)
        assert marks(partition) == []
        feed(partition, spend(0, 0, number=1))
        (notice,) = partition.take_changes(T0).notices
        assert (notice.baseline_usd_per_hour, notice.baseline_source, notice.severity) == ("0.1", "acme/*", "critical")

    def test_a_higher_one_keeps_the_next_event_quiet(self) -> None:
        rules = policy()
        partition = ledger(rules)
        feed(partition, spend(0, 55))
        rules.set_baselines(baselines_of(Baseline(org_id="*", agent_id="agent-7", usd_per_hour="20")))
        feed(partition, spend(0, 500, number=1))
        assert marks(partition) == []

    def test_a_higher_one_lets_an_open_anomaly_go_with_the_next_slice(self) -> None:
        rules = policy()
        partition = ledger(rules)
        feed(partition, spend(0, 80))
        rules.set_baselines(baselines_of(Baseline(org_id="*", agent_id="*", usd_per_hour="50")))
        feed(partition, spend(0.5, 80, number=1))
        assert marks(partition) == ["opened 1"]
        feed(partition, spend(1, 1))
        assert marks(partition) == ["resolved 2"]

    def test_that_of_another_agent_changes_nothing(self) -> None:
        rules = policy()
        partition = ledger(rules)
        rules.set_baselines(baselines_of(Baseline(org_id="acme", agent_id="agent-8", usd_per_hour="0")))
        feed(partition, spend(0, 55))
        assert marks(partition) == []

    def test_one_session_is_judged_by_its_first_events_agent(self) -> None:
        rules = policy(Baseline(org_id="acme", agent_id="agent-8", usd_per_hour="0"))
        partition = ledger(rules)
        feed(partition, spend(0, 1), spend(0, 54, number=1, agent_id="agent-8"))
        assert marks(partition) == []


class TestRates:
    """By event time, once."""

    @staticmethod
    def rate(effective_from: int, usd: str) -> ValuationRate:
        return ValuationRate(
            provider="*",
            model="gpt-4o",
            effective_from=effective_from,
            input_usd_per_million_tokens=usd,
            output_usd_per_million_tokens=usd,
        )

    @pytest.mark.parametrize(
        ("at_ms", "milli_usd"),
        [
            pytest.param(at_slice(5) - 1, 25, id="just-before-it-holds"),
            pytest.param(at_slice(5), 70, id="from-then-on"),
        ],
    )
    def test_an_event_costs_what_held_at_its_own_time(self, at_ms: int, milli_usd: int) -> None:
        rules = policy()
        rules.set_book(BOOK.with_overrides([self.rate(at_slice(5), "7")]))
        partition = ledger(rules)
        feed(partition, usage(occurred_at=at_ms))
        assert held(partition).total("cost_pico_usd") == milli_usd * MILLI

    def test_the_card_in_use_is_left_in_both_directions(self) -> None:
        rules = policy()
        rules.set_book(BOOK.with_overrides([self.rate(at_slice(5), "7")]))
        partition = ledger(rules)
        for number, (at, total) in enumerate([(5, 70), (4, 95), (6, 165), (3, 190)]):
            feed(partition, usage(event_id=f"e-{number}", occurred_at=at_slice(at)))
            assert held(partition).total("cost_pico_usd") == total * MILLI

    def test_what_is_counted_is_never_priced_again(self) -> None:
        rules, topics = policy(), Topics()
        partition = ledger(rules)
        feed(partition, usage())
        topics.commit(partition.take_changes(T0))
        rules.set_book(BOOK.with_overrides([self.rate(0, "7")]))
        assert held(partition).total("cost_pico_usd") == 25 * MILLI
        partition = topics.restored(rules)
        feed(partition, usage(event_id="e-2"))
        assert held(partition).total("cost_pico_usd") == (25 + 70) * MILLI
        rules.set_book(BOOK)
        feed(partition, usage(event_id="e-3"))
        assert held(partition).total("cost_pico_usd") == (25 + 70 + 25) * MILLI


class TestUnpriced:
    """Not known, which is not zero."""

    def test_is_loud_and_costs_nothing_yet(self) -> None:
        partition = ledger()
        feed(partition, usage(model="house-model", input_tokens=700, cached_input_tokens=300, output_tokens=30))
        counts = partition.take_changes(T0).counts
        assert counts.unpriced.keys() == {"house-model"}
        assert "house-model" in counts.unpriced["house-model"]
        found = held(partition)
        assert (found.total("unpriced_tokens"), found.total("cost_pico_usd")) == (730, 0)

    def test_is_not_free(self) -> None:
        rules = policy()
        free = TestRates.rate(0, "0").model_copy(update={"model": "house-model"})
        rules.set_book(BOOK.with_overrides([free]))
        partition = ledger(rules)
        feed(partition, usage(model="house-model"))
        assert partition.take_changes(T0).counts.unpriced == {}
        assert held(partition).total("unpriced_tokens") == 0

    def test_without_tokens_there_is_nothing_to_price(self) -> None:
        partition = ledger()
        feed(partition, usage(model="house-model", input_tokens=0, kind="tool_call"))
        assert partition.take_changes(T0).counts.unpriced == {}


class TestKinds:
    """What beside money an event counts."""

    @pytest.mark.parametrize(
        ("kind", "runs", "tool_calls", "embedding_milli_usd"),
        [
            pytest.param("llm", 0, 0, 0, id="llm"),
            pytest.param("embedding", 0, 0, 25, id="embedding"),
            pytest.param("run", 1, 0, 0, id="run"),
            pytest.param("tool_call", 0, 1, 0, id="tool_call"),
        ],
    )
    def test_all_cost_and_each_counts_as_what_it_is(
        self, kind: str, runs: int, tool_calls: int, embedding_milli_usd: int
    ) -> None:
        partition = ledger()
        feed(partition, usage(kind=kind))
        found = held(partition)
        assert (found.runs, found.tool_calls) == (runs, tool_calls)
        assert found.total("embedding_cost_pico_usd") == embedding_milli_usd * MILLI
        assert found.total("cost_pico_usd") == 25 * MILLI
        counts = partition.take_changes(T0).counts
        owner = ("acme", "agent-7")
        assert (counts.runs, counts.tool_calls) == ({owner: 1} if runs else {}, {owner: 1} if tool_calls else {})


class TestIdentity:
    """Whose session it is."""

    @pytest.mark.parametrize(
        ("changes", "conflicts"),
        [
            pytest.param({}, 0, id="the-same"),
            pytest.param({"org_id": "initech"}, 1, id="another-org"),
            pytest.param({"agent_id": "agent-8"}, 1, id="another-agent"),
            pytest.param({"team_id": "platform", "project_code": "P"}, 0, id="a-team-is-no-identity"),
        ],
    )
    def test_conflicts_are_counted_and_the_first_owner_pays(self, changes: dict[str, str], conflicts: int) -> None:
        partition = ledger()
        feed(partition, usage(), usage(event_id="e-2", kind="run", **changes))
        taken = partition.take_changes(T0)
        assert taken.counts.identity_conflicts == conflicts
        assert [(each.org_id, each.agent_id) for each in taken.activity] == [("acme", "agent-7")]
        assert taken.counts.runs == {("acme", "agent-7"): 1}
        assert held(partition).total("cost_pico_usd") == 50 * MILLI


class TestDuplicates:
    """Counted once, as far as memory goes."""

    def test_count_once_and_move_no_time(self) -> None:
        partition = ledger()
        feed(partition, usage(), usage(occurred_at=at_slice(50)))
        assert held(partition).total("events") == 1
        assert partition.watermark_ms == T0
        assert partition.next_offset == 2
        counts = partition.take_changes(T0).counts
        assert (counts.accepted, counts.duplicates) == (1, 1)

    def test_are_looked_for_within_a_session(self) -> None:
        partition = ledger()
        feed(partition, usage(), usage(session_id="s-2"))
        assert partition.take_changes(T0).counts.duplicates == 0

    def test_are_known_over_a_change_of_owner(self) -> None:
        topics, partition = Topics(), ledger()
        feed(partition, usage())
        topics.commit(partition.take_changes(T0))
        partition = topics.restored(policy())
        feed(partition, usage())
        assert partition.take_changes(T0).counts.duplicates == 1

    def test_can_be_let_through(self) -> None:
        partition = ledger(retention=RETENTION._replace(duplicate_ids=0))
        feed(partition, usage(), usage())
        assert held(partition).total("events") == 2


class TestOffsets:
    """The fence."""

    @pytest.mark.parametrize(
        ("first", "counted"),
        [
            pytest.param(0, 1, id="all-applied-before"),
            pytest.param(1, 2, id="one-of-them"),
            pytest.param(2, 3, id="none"),
            pytest.param(9, 3, id="behind-a-gap"),
        ],
    )
    def test_what_was_applied_is_skipped(self, first: int, counted: int) -> None:
        partition = ledger()
        feed(partition, usage(event_id="a"), None)
        partition.apply([first, first + 1], [usage(event_id="b"), usage(event_id="c")], now_ms=T0)
        assert held(partition).total("events") == {1: 1, 2: 2, 3: 3}[counted]
        assert partition.next_offset == max(2, first + 2)

    def test_a_batch_from_long_ago_does_not_turn_progress_back(self) -> None:
        partition = ledger()
        feed(partition, usage(event_id="a"), usage(event_id="b"))
        partition.apply([0], [usage(event_id="a")], now_ms=T0)
        assert partition.next_offset == 2

    def test_progress_goes_past_what_was_refused(self) -> None:
        partition = ledger()
        feed(partition, usage(), None, None)
        progress = partition.take_changes(T0 + 5).progress
        assert (progress.next_offset, progress.watermark_ms, progress.written_at_ms) == (3, T0, T0 + 5)
        assert (progress.source_topic, progress.source_partition) == (TOPIC, PARTITION)

    def test_an_empty_batch_is_nothing(self) -> None:
        partition = ledger()
        partition.apply([], [], now_ms=T0)
        assert partition.next_offset == 0


class TestChanges:
    """What a flush holds."""

    def test_a_ledger_is_written_once_for_many_events(self) -> None:
        partition = ledger()
        feed(partition, *(usage(event_id=f"e-{number}") for number in range(5)), usage(session_id="s-2"))
        assert sorted(key for key, _ in partition.take_changes(T0).ledgers) == [b"s-1", b"s-2"]

    def test_what_has_not_changed_is_not_written(self) -> None:
        partition = ledger()
        feed(partition, usage(), usage(session_id="s-2"))
        partition.take_changes(T0)
        feed(partition, usage(event_id="e-2"))
        changes = partition.take_changes(T0)
        assert [key for key, _ in changes.ledgers] == [b"s-1"]
        assert [each.sums[0] for each in changes.activity] == [1]

    def test_a_resolution_is_written_without_any_event(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 80))
        partition.take_changes(T0)
        partition.tick(T0 + 3_600_000)
        changes = partition.take_changes(T0)
        assert [key for key, _ in changes.ledgers] == [b"s-1"]
        assert changes.activity == []


class TestRestore:
    """What the next owner takes over."""

    def test_sessions_wait_unread_but_for_open_anomalies(self) -> None:
        topics, partition = Topics(), ledger()
        feed(partition, spend(0, 80), usage(session_id="s-2"))
        topics.commit(partition.take_changes(T0))
        partition = topics.restored(policy())
        assert (len(partition), partition.open_anomalies) == (2, 1)
        assert partition.get("s-3") is None
        assert len(partition) == 2

    @pytest.mark.parametrize("open_anomaly", [True, False])
    def test_a_record_that_cannot_be_read_stops_it(self, *, open_anomaly: bool) -> None:
        topics, partition = Topics(), ledger()
        feed(partition, spend(0, 80 if open_anomaly else 1))
        topics.commit(partition.take_changes(T0))
        topics.sessions["s-1"] = topics.sessions["s-1"][:-9]
        with pytest.raises(UnreadableRecord):
            topics.restored(policy())

    def test_amounts_have_no_upper_end(self) -> None:
        """The dearest rate times the most tokens is beyond 64 bits of pico-USD."""
        rules, topics = policy(), Topics()
        rules.set_book(BOOK.with_overrides([TestRates.rate(0, "1000000")]))
        partition = ledger(rules)
        feed(partition, *(usage(event_id=f"e-{number}", input_tokens=10**9) for number in range(3)))
        topics.commit(partition.take_changes(T0))
        found = held(topics.restored(rules))
        assert found.total("cost_pico_usd") == sum(found.slices.values()) == 3 * 10**9 * PICO_PER_USD
