"""Sessions whose events lie on several partitions: judged as one ledger would judge them, and told once."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import Anomaly, ResolvedBy, Severity, State
from burnline.detection.baseline import Baseline
from burnline.detection.learned.meters import DAY_MS, HOUR_MS
from burnline.detection.learned.notice import Place
from burnline.detector.spread import SpreadSessions, SpreadState
from burnline.events.usage import Usage
from burnline.windows.slices import SLICE_MS
from tests.ledger.examples import RETENTION, RULE, T0, TOPIC, at_slice, baselines_of, ledger, policy, usage

PICO_PER_TOKEN = 2_500_000
"""gpt-4o's input."""
BELOW = 11_111
"""Tokens whose cost is the short line's greatest that is not above it, 0.02777… USD."""


def spread(*baselines: Baseline) -> SpreadSessions:
    return SpreadSessions(TOPIC, RULE, baselines_of(*baselines), RETENTION.slices)


def event(number: int, slice_: float, tokens: int = BELOW, **changes: object) -> Usage:
    return usage(event_id=f"e-{number}", occurred_at=at_slice(slice_), input_tokens=tokens, **changes)


def take(of: SpreadSessions, events: Sequence[tuple[Usage, int]], delay_ms: int = 0) -> list[Anomaly]:
    """Events and their partitions, each taken by the log at its time or so much later."""
    usages = [each for each, _ in events]
    places = [Place(partition, offset, each.occurred_at + delay_ms) for offset, (each, partition) in enumerate(events)]
    of.add(usages, [each.input_tokens * PICO_PER_TOKEN for each in usages], places)
    return of.take_notices()


def burning(partitions: Sequence[int], tokens: int = BELOW, first: int = 0) -> list[tuple[Usage, int]]:
    """Two events in each of four slices: what windows hold of each is twice the line at most, of both four times."""
    return [
        (event(2 * place + turn, place, tokens), partitions[turn % len(partitions)])
        for place in range(first, first + 4)
        for turn in range(2)
    ]


HALF = BELOW // 2
"""So many tokens in each slice are the line."""


@pytest.mark.parametrize(
    ("partitions", "tokens", "told"),
    [
        ([0], HALF, []),
        ([0], BELOW, []),
        ([0, 1], HALF // 2, []),
        ([0, 1], HALF, [("opened", Severity.WARNING)]),
        ([0, 1], BELOW, [("opened", Severity.WARNING), ("escalated", Severity.CRITICAL)]),
    ],
    ids=["one-below", "one-above-is-its-workers", "sum-below", "sum-above", "sum-far-above"],
)
def test_only_what_no_worker_sees_is_told(partitions: list[int], tokens: int, told: list[tuple[str, Severity]]) -> None:
    notices = take(spread(), burning(partitions, tokens))
    assert [(notice.state.value, notice.severity) for notice in notices] == told


def test_a_notice_says_what_the_whole_session_burns() -> None:
    (opened,) = take(spread(), burning([0, 1], HALF))
    assert (opened.scope, opened.org_id, opened.agent_id, opened.session_id) == ("session", "acme", "agent-7", "s-1")
    assert (opened.evidence.topic, opened.evidence.partition, opened.baseline_source) == (TOPIC, 0, "default")
    assert opened.learned is None
    assert opened.spend_usd == "0.0694375"


def test_what_a_worker_tells_of_its_part_is_not_told_again_until_that_is_over() -> None:
    watched = spread()
    assert take(watched, burning([0], BELOW)) == []
    assert take(watched, [(event(90, 3, HALF), 1)]) == []
    assert [notice.state for notice in take(watched, burning([0, 1], HALF, first=12))] == [State.OPENED]


def test_it_is_over_when_the_session_is_quiet_whatever_its_neighbours_clocks_say() -> None:
    watched = spread()
    take(watched, burning([0, 1], HALF))
    ahead = usage(event_id="ahead", session_id="s-2", occurred_at=at_slice(40), input_tokens=1)
    watched.add([ahead], [1], [Place(1, 99, at_slice(4))])
    assert watched.take_notices() == []
    assert len(watched) == 1
    watched.move_on(at_slice(9), ResolvedBy.CLOCK)
    (resolved,) = watched.take_notices()
    assert (resolved.state, resolved.revision, resolved.resolved_by) == (State.RESOLVED, 2, ResolvedBy.CLOCK)
    assert len(watched) == 0


def test_an_old_event_raises_no_alarm() -> None:
    assert take(spread(), burning([0, 1], BELOW), delay_ms=RETENTION.slices * SLICE_MS) == []


def test_an_agent_is_held_against_its_own_baseline() -> None:
    dear = Baseline(org_id="acme", agent_id="agent-7", usd_per_hour="100")
    watched = spread(dear)
    assert take(watched, burning([0, 1], HALF)) == []
    watched.set_baselines(baselines_of())
    assert [notice.state for notice in take(watched, [(event(99, 3, HALF), 2)])] == [State.OPENED]


def test_a_session_is_forgotten_after_an_idle_day() -> None:
    watched = spread()
    take(watched, burning([0, 1], 10))
    watched.move_on(T0 + DAY_MS, ResolvedBy.CLOCK)
    assert len(watched.save().sessions) == 1
    watched.move_on(T0 + DAY_MS + HOUR_MS, ResolvedBy.CLOCK)
    assert watched.save().sessions == []


drawn = st.lists(
    st.tuples(
        st.integers(1, BELOW),
        st.sampled_from([0, 1, 2_000, SLICE_MS, 3 * SLICE_MS, 12 * SLICE_MS]),
        st.sampled_from([0, 0, 0, 500, SLICE_MS, 6 * SLICE_MS, 9 * SLICE_MS, -4_000]),
    ),
    max_size=40,
)


def log_of(steps: list[tuple[int, int, int]]) -> list[tuple[Usage, int]]:
    """Events and when the log took each."""
    now_ms, log = T0, []
    for number, (tokens, step_ms, behind_ms) in enumerate(steps):
        now_ms += step_ms
        log.append((usage(event_id=f"e-{number}", occurred_at=now_ms - behind_ms, input_tokens=tokens), now_ms))
    return log


@given(steps=drawn, cut=st.integers(0, 40))
def test_the_sum_is_judged_like_the_ledger_of_one_partition(steps: list[tuple[int, int, int]], cut: int) -> None:
    """Each event lies on a partition of its own, where it is below the line; wherever the state is saved between."""
    log = log_of(steps)
    one, watched = ledger(policy()), spread()
    one.apply(range(len(log)), [each for each, _ in log], logged_ms=[at for _, at in log], now_ms=T0)
    for number, (each, log_ms) in enumerate(log):
        if number == cut:
            kept, watched = watched, spread()
            watched.load(msgspec.msgpack.decode(msgspec.msgpack.encode(kept.save()), type=SpreadState))
            notices = kept.take_notices()
        watched.add([each], [each.input_tokens * PICO_PER_TOKEN], [Place(number, 0, log_ms)])
    notices = (notices if cut < len(log) else []) + watched.take_notices()
    same = {"anomaly_id": "", "evidence": None}
    expected = one.take_changes(T0).notices
    assert [each.model_copy(update=same) for each in notices] == [each.model_copy(update=same) for each in expected]
