"""The rest of a partition's rules, both sides of each: identity, duplicates, offsets, what is written and read back."""

import pytest

from burnline.ledger.identity import ledger_key
from burnline.ledger.record import UnreadableRecord
from burnline.ledger.session import SUM_FIELDS
from burnline.pricing.money import PICO_PER_USD
from tests.ledger.examples import (
    BOOK,
    MILLI,
    PARTITION,
    RETENTION,
    T0,
    TOPIC,
    Topics,
    at_slice,
    feed,
    held,
    ledger,
    named,
    policy,
    rate,
    spend,
    usage,
)


class TestIdentity:
    """Whose session it is."""

    @pytest.mark.parametrize(
        ("changes", "others"),
        [
            pytest.param({}, 0, id="the-same"),
            pytest.param({"agent_id": "agent-8"}, 1, id="another-agent"),
            pytest.param({"team_id": "platform", "project_code": "P"}, 0, id="a-team-is-no-identity"),
        ],
    )
    def test_each_agent_is_counted_for_itself_and_the_first_owns_the_session(
        self, changes: dict[str, str], others: int
    ) -> None:
        partition = ledger()
        feed(partition, usage(), usage(event_id="e-2", kind="run", **changes))
        taken = partition.take_changes(T0)
        assert taken.counts.other_agents == others
        agent = changes.get("agent_id", "agent-7")
        used: dict[str, int] = {}
        for each in taken.activity:
            used[each.agent_id] = used.get(each.agent_id, 0) + each.sums[SUM_FIELDS.index("cost_pico_usd")]
        assert used == ({"agent-7": 25 * MILLI, "agent-8": 25 * MILLI} if others else {"agent-7": 50 * MILLI})
        assert taken.counts.runs == {("acme", agent): 1}
        assert (held(partition).agent_id, held(partition).runs) == ("agent-7", 1)
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
        assert sorted(key for key, _ in partition.take_changes(T0).ledgers) == [
            named("s-1").encode(),
            named("s-2").encode(),
        ]

    def test_what_has_not_changed_is_not_written(self) -> None:
        partition = ledger()
        feed(partition, usage(), usage(session_id="s-2"))
        partition.take_changes(T0)
        feed(partition, usage(event_id="e-2"))
        changes = partition.take_changes(T0)
        assert [key for key, _ in changes.ledgers] == [named("s-1").encode()]
        assert [each.sums[0] for each in changes.activity] == [1]

    def test_a_resolution_is_written_without_any_event(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 80))
        partition.take_changes(T0)
        partition.tick(T0 + 3_600_000)
        changes = partition.take_changes(T0)
        assert [key for key, _ in changes.ledgers] == [named("s-1").encode()]
        assert changes.activity == []


class TestRestore:
    """What the next owner takes over."""

    def test_sessions_wait_unread_but_for_open_anomalies(self) -> None:
        topics, partition = Topics(), ledger()
        feed(partition, spend(0, 80), usage(session_id="s-2"))
        topics.commit(partition.take_changes(T0))
        partition = topics.restored(policy())
        assert (len(partition), partition.open_anomalies) == (2, 1)
        assert partition.get(ledger_key("acme", "s-3")) is None
        assert len(partition) == 2

    @pytest.mark.parametrize("open_anomaly", [True, False])
    def test_a_record_that_cannot_be_read_stops_it(self, *, open_anomaly: bool) -> None:
        topics, partition = Topics(), ledger()
        feed(partition, spend(0, 80 if open_anomaly else 1))
        topics.commit(partition.take_changes(T0))
        topics.sessions[named("s-1")] = topics.sessions[named("s-1")][:-9]
        with pytest.raises(UnreadableRecord):
            topics.restored(policy())

    def test_amounts_have_no_upper_end(self) -> None:
        """The dearest rate times the most tokens is beyond 64 bits of pico-USD."""
        rules, topics = policy(), Topics()
        rules.set_book(BOOK.with_overrides([rate(0, "1000000")]))
        partition = ledger(rules)
        feed(partition, *(usage(event_id=f"e-{number}", input_tokens=10**9) for number in range(3)))
        topics.commit(partition.take_changes(T0))
        found = held(topics.restored(rules))
        assert found.total("cost_pico_usd") == sum(found.slices.values()) == 3 * 10**9 * PICO_PER_USD
