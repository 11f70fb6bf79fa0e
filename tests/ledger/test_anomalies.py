"""When a partition opens, escalates and resolves anomalies: by events, by idle time, by changed baselines."""

import pytest

from burnline.detection.anomaly import ResolvedBy
from burnline.detection.baseline import Baseline
from burnline.windows.slices import SLICE_MS
from tests.ledger.examples import (
    PARTITION,
    T0,
    TOPIC,
    Topics,
    at_slice,
    baselines_of,
    feed,
    ledger,
    marks,
    policy,
    spend,
)


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
        """Its own punctual event says that the session's time has gone on: nobody can stop that spend any more."""
        partition = ledger()
        feed(partition, spend(0.5, 1), spend(at, 1, session_id="s-2"), spend(0, 80))
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
