"""What is usual, from daily peaks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.learned.ranges import Range, learn
from burnline.detection.learned.rules import Against, Condition, lines_of
from burnline.detection.learned.statistic import NOTHING_YET, Statistic

MONEY, LOOPS = Statistic.STREAK, Statistic.SAME_CALLS


@pytest.mark.parametrize(("days", "known"), [(1, False), (2, True), (14, True)])
def test_two_days_make_a_range(days: int, *, known: bool) -> None:
    assert (0 in learn(MONEY, {0: [1.0] * days}).by_agent) is known


def test_a_range_is_median_highest_and_spread() -> None:
    found = learn(MONEY, {0: [1.0, 2.0, 4.0]}).by_agent[0]
    assert (found.middle, found.highest, found.days) == (2.0, 4.0, 3)
    assert found.spread >= math.sqrt(7 / 3)


def test_a_steady_agent_is_not_held_to_be_steadier_than_the_floor() -> None:
    assert learn(MONEY, {0: [1.0] * 9}).by_agent[0].spread >= MONEY.least_spread


def test_the_fewer_the_days_the_wider_the_range() -> None:
    spreads = [learn(MONEY, {0: [1.0, 2.0] * half}).by_agent[0].spread for half in (1, 2, 4, 7)]
    assert spreads[1:] == sorted(spreads[1:], reverse=True)
    steady = [learn(MONEY, {0: [1.0] * days}).by_agent[0].spread for days in (2, 5, 14)]
    assert steady == sorted(steady, reverse=True)


def test_few_days_draw_the_spread_towards_the_peers() -> None:
    peers = {agent: [0.0, 1.0, 2.0] for agent in range(1, 9)}
    assert 0.15 < learn(MONEY, {0: [1.0] * 3, **peers}).by_agent[0].spread < 1.0


@pytest.mark.parametrize(("statistic", "peers", "borrows"), [(LOOPS, 20, True), (LOOPS, 19, False), (MONEY, 20, False)])
def test_a_newcomer_borrows_what_does_not_depend_on_size(statistic: Statistic, peers: int, *, borrows: bool) -> None:
    found = learn(statistic, {agent: [agent / 10, agent / 10] for agent in range(peers)}).newcomer
    assert (found is not None) is borrows


@pytest.mark.parametrize(
    ("statistic", "highest"), [(LOOPS, 1.0), (MONEY, 3.0)], ids=["an-incident-nobody-saw", "a-big-day"]
)
def test_a_single_peak_far_above_the_others(statistic: Statistic, highest: float) -> None:
    assert learn(statistic, {0: [1.0, 3.0, 1.0, 1.0, 0.9]}).by_agent[0].highest == highest


@given(st.sampled_from(list(Statistic)), st.floats(-10, 10))
def test_a_line_undoes_the_logarithm(statistic: Statistic, logarithm: float) -> None:
    value = statistic.value_at(logarithm)
    if statistic.logarithm(value) != NOTHING_YET:
        assert statistic.logarithm(value) == pytest.approx(logarithm, abs=1e-6)


@pytest.mark.parametrize("against", Against)
def test_a_greater_sensitivity_lowers_lines(against: Against) -> None:
    known = learn(MONEY, {0: [1.0, 2.0, 4.0]}).by_agent[0]
    lines = [Condition(MONEY, against, 2.0).line(known, sensitivity) for sensitivity in (0.5, 1.0, 2.0)]
    assert lines == sorted(lines, reverse=True)


@pytest.mark.parametrize(
    ("days_seen", "expected"), [(0, "borrowed"), (1, "borrowed"), (2, None), (9, None)], ids=lambda value: str(value)
)
def test_a_condition_of_the_first_days_holds_then_and_against_what_is_borrowed(
    days_seen: int, expected: str | None
) -> None:
    own, borrowed = ([known] * len(Statistic) for known in (Range(0, 1, 1, 3), Range(0, 2, 1, 0)))
    conditions = [Condition(MONEY, Against.HIGHEST, 1.0, first_days=2), Condition(MONEY, Against.HIGHEST, 1.0)]
    early, always = lines_of(conditions, own, borrowed, 1.0, days_seen=days_seen)
    assert early == (MONEY.value_at(3) if expected else math.inf)
    assert always == MONEY.value_at(2)


def test_an_hour_at_the_usual_rate_is_not_out_of_what_is_borrowed() -> None:
    """However little of an hour the peers are at work."""
    peers = {agent: [-2.0 + agent / 100, -2.0] for agent in range(30)}
    borrowed = learn(Statistic.AGENT_HOUR_TO_BEFORE, peers).newcomer
    assert borrowed is not None
    assert borrowed.highest == 0.0
