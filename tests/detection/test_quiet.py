"""When an anomaly is over, from the slices alone."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import State
from burnline.detection.quiet import is_quiet, judge_quiet, last_loud_slice, quiet_slice
from burnline.detection.reasons import Reason
from burnline.detection.rule import BurnRule, Thresholds, thresholds
from burnline.settings import Settings
from burnline.windows.slices import SLICE_MS, window_sum
from tests.detection.rules import BASELINE, CENT, LIMITS, RULE, USD
from tests.detection.timeline import Walker

# Short window of 6 slices, above 8⅓ cents; a quiet period of 6 slices.
#
#   slice   0  1  2  3  4  5  6  7  8  9 10 11 12 13
#   cents   9
#   above   #  #  #  #  #  #  .  .  .  .  .  .  .
#                             └── quiet minute ─┘  └ resolved when the watermark enters 12
NINE = {0: 9 * CENT}


@pytest.mark.parametrize(
    ("slices", "newest", "reason"),
    [
        pytest.param(NINE, 0, Reason.STILL_ABOVE, id="just-spent"),
        pytest.param(NINE, 5, Reason.STILL_ABOVE, id="last-slice-of-the-window"),
        pytest.param(NINE, 6, Reason.COOLING_DOWN, id="out-of-the-window"),
        pytest.param(NINE, 11, Reason.COOLING_DOWN, id="last-slice-of-the-quiet-minute"),
        pytest.param(NINE, 12, Reason.QUIET, id="the-quiet-minute-is-complete"),
        pytest.param(NINE, 10**9, Reason.QUIET, id="long-after"),
        pytest.param({0: 8 * CENT}, 0, Reason.QUIET, id="never-above"),
        pytest.param({}, 0, Reason.QUIET, id="nothing-held"),
        pytest.param({0: LIMITS.warning_short}, 0, Reason.QUIET, id="at-the-line-is-quiet"),
        pytest.param({0: LIMITS.warning_short + 1}, 0, Reason.STILL_ABOVE, id="one-pico-above-is-not"),
        pytest.param({**NINE, 8: 8 * CENT}, 12, Reason.QUIET, id="spend-below-the-line-keeps-quiet"),
        pytest.param({**NINE, 11: 9 * CENT}, 12, Reason.STILL_ABOVE, id="spend-in-the-minute-breaks-it"),
        pytest.param({**NINE, 12: 9 * CENT}, 12, Reason.STILL_ABOVE, id="spend-in-the-filling-slice-breaks-it"),
        pytest.param({0: 4 * CENT, 5: 5 * CENT}, 11, Reason.COOLING_DOWN, id="above-in-one-slice-only: slice 5"),
        pytest.param({0: 4 * CENT, 5: 5 * CENT}, 12, Reason.QUIET, id="above-in-slice-5-only, a minute later"),
    ],
)
def test_judge_quiet(slices: dict[int, int], newest: int, reason: Reason) -> None:
    assert judge_quiet(slices, newest, RULE, LIMITS) is reason
    assert is_quiet(slices, newest, RULE, LIMITS) == (reason is Reason.QUIET)


@pytest.mark.parametrize(
    ("slices", "loud"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({0: 8 * CENT}, None, id="below"),
        pytest.param(NINE, 5, id="until-it-leaves-the-window"),
        pytest.param({0: 9 * CENT, 40: 1}, 5, id="what-came-later-was-below"),
        pytest.param({0: 4 * CENT, 3: 5 * CENT}, 5, id="until-the-first-of-two-leaves"),
    ],
)
def test_last_loud_slice(slices: dict[int, int], loud: int | None) -> None:
    assert last_loud_slice(slices, RULE, LIMITS) == loud


def test_without_a_loud_slice_it_is_quiet_now() -> None:
    assert quiet_slice({3: CENT}, 7, RULE, LIMITS) == 7


slices_held = st.dictionaries(st.integers(0, 30), st.integers(0, 5), max_size=12)
rules = st.builds(BurnRule, st.integers(1, 8), st.integers(8, 30), st.just(Decimal(3)), st.just(0), st.integers(1, 8))
lines = st.integers(0, 12).map(lambda line: Thresholds(line, line, line, line, 0, line))


@given(slices_held, st.integers(0, 12), rules, lines)
def test_quiet_is_every_slice_end_of_the_quiet_period_at_or_below(
    slices: dict[int, int], later: int, rule: BurnRule, limits: Thresholds
) -> None:
    newest = max(slices, default=0) + later
    ends = range(newest - rule.resolve_after_slices, newest + 1)
    told = all(window_sum(slices, end, rule.short_window_slices) <= limits.warning_short for end in ends)
    assert is_quiet(slices, newest, rule, limits) == told


@given(slices_held, rules, lines)
def test_quiet_begins_once_and_stays(slices: dict[int, int], rule: BurnRule, limits: Thresholds) -> None:
    first = max(slices, default=0)
    begins = quiet_slice(slices, first, rule, limits)
    for newest in range(first, first + 20):
        assert is_quiet(slices, newest, rule, limits) == (newest >= begins)


FLAPPING = {index for turn in range(30) for index in range(24 * turn, 24 * turn + 9)}
"""Slices of two hours in which an agent works 90 s of each four minutes."""


def notices_of(rule: BurnRule) -> list[State]:
    """What is told of such an agent at 20 USD/h, held against 5."""
    walker = Walker(rule=rule)
    for index in range(24 * 31):
        walker.look(index)
        if index in FLAPPING:
            walker.spend(index * SLICE_MS, 20 * USD // 360)
    return [notice.state for notice in walker.notices]


def test_by_default_a_burn_that_flaps_about_the_line_is_one_anomaly() -> None:
    rule = BurnRule.from_settings(Settings())
    assert [state for state in notices_of(rule) if state is not State.ESCALATED] == [State.OPENED, State.RESOLVED]


def test_a_quiet_minute_tells_of_it_again_and_again() -> None:
    """What the default was: the setting is still there for those who want it so."""
    told = notices_of(BurnRule.from_settings(Settings(resolve_after_s=60)))
    assert told.count(State.OPENED) == 30


@pytest.mark.parametrize(
    ("factor", "reason"), [("1", Reason.QUIET), ("0.5", Reason.STILL_ABOVE)], ids=["below-the-line", "above-recovery"]
)
def test_an_anomaly_is_over_below_the_recovery_line(factor: str, reason: Reason) -> None:
    limits = thresholds(replace(RULE, recovery_factor=Decimal(factor)), BASELINE)
    assert judge_quiet({0: 6 * CENT}, 0, RULE, limits) is reason
