"""Thresholds are told once in a period, by the highest that is reached."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.budgets.budget import Budget, Budgets
from burnline.budgets.crossings import LATE_MS, Crossings
from burnline.budgets.notice import BudgetNotice, cloudevent_headers, notice_key
from burnline.detection.anomaly import Severity
from burnline.finance.days import QUARTER_MS
from tests.budgets.examples import USD, budget
from tests.budgets.records import record

DAY_QUARTERS = 96
TODAY = 20_785
"""2026-11-28, in days since 1970."""
FIRST = TODAY * DAY_QUARTERS
NOON_MS = (FIRST + 48) * QUARTER_MS


class Log:
    """Usage of one agent, each step a whole flush."""

    def __init__(self, *budgets: Budget) -> None:
        self.crossings = Crossings()
        self.crossings.budgets = Budgets(budgets)
        self.offset = 0

    def spend(
        self, usd: int, quarter: int = FIRST + 48, at_ms: int = NOON_MS, agent: str = "bot"
    ) -> list[BudgetNotice]:
        self.offset += 1
        row = record(usd * USD, since=self.offset, quarter=quarter, agent=agent)
        changed = self.crossings.spending.take(*row, self.offset)
        return self.crossings.reached_by(changed, at_ms)


def percents(notices: list[BudgetNotice]) -> list[int]:
    return [notice.threshold_percent for notice in notices]


def test_each_threshold_is_told_once_in_its_period() -> None:
    log = Log(budget())
    told = [percents(log.spend(usd)) for usd in (49, 1, 29, 1, 14, 1, 5, 100)]
    assert told == [[], [50], [], [80], [], [95], [100], []]


def test_a_jump_tells_the_highest_alone() -> None:
    log = Log(budget())
    (notice,) = log.spend(130)
    assert (notice.threshold_percent, notice.severity, notice.saturation) == (100, Severity.CRITICAL, "1.3000")
    assert (notice.spent_usd, notice.remaining_usd, notice.offsets) == ("130", "-30", {"0": 1})
    assert notice.summary == "agent acme/bot: 130.0 % of 100 USD per day used, 130 USD spent; over by 30 USD"
    assert log.spend(1) == []


def test_the_next_period_begins_anew() -> None:
    log = Log(budget())
    assert percents(log.spend(60)) == [50]
    tomorrow_ms = NOON_MS + DAY_QUARTERS * QUARTER_MS
    assert percents(log.spend(60, FIRST + 48 + DAY_QUARTERS, tomorrow_ms)) == [50]


def test_a_rolling_period_is_told_of_once_in_its_length() -> None:
    log = Log(budget(period="rolling-1h"))
    hours = [log.spend(60, quarter, quarter * QUARTER_MS) for quarter in range(FIRST, FIRST + 8)]
    assert [percents(each) for each in hours] == [[50], [100], [], [], [100], [], [], []]


def test_each_agent_has_its_own_where_the_budget_is_for_each() -> None:
    log = Log(budget(name="*"))
    assert percents(log.spend(60)) == [50]
    (notice,) = log.spend(60, agent="other")
    assert (notice.name, notice.budget) == ("other", "agent/acme/*@day")


def test_a_budget_that_is_raised_is_told_of_anew_and_one_that_is_lowered_at_once() -> None:
    log = Log(budget())
    assert percents(log.spend(60)) == [50]
    log.crossings.budgets = Budgets([budget(amount_usd="200")])
    assert log.crossings.reached_now(NOON_MS) == []
    assert percents(log.spend(40)) == [50]
    log.crossings.budgets = Budgets([budget(amount_usd="90")])
    assert percents(log.crossings.reached_now(NOON_MS)) == [100]
    assert log.crossings.reached_now(NOON_MS) == []


def test_an_action_that_is_added_to_a_budget_that_is_used_up_is_told_of_at_once() -> None:
    log = Log(budget())
    assert percents(log.spend(120)) == [100]
    log.crossings.budgets = Budgets([budget(action="stop", mode="enforce")])
    assert percents(log.crossings.reached_now(NOON_MS)) == [100]
    assert log.crossings.reached_now(NOON_MS) == []


@pytest.mark.parametrize(
    ("at_ms", "told"),
    [
        pytest.param(FIRST * QUARTER_MS + LATE_MS - 1, [50], id="within a day of its end"),
        pytest.param(FIRST * QUARTER_MS + LATE_MS, [], id="later: a backfill"),
    ],
)
def test_what_comes_late_is_told_of_for_a_day(at_ms: int, told: list[int]) -> None:
    assert percents(Log(budget()).spend(60, FIRST - 1, at_ms)) == told


def test_a_period_that_was_over_when_the_budget_was_set_is_passed_over() -> None:
    assert Log(budget(updated_at=FIRST * QUARTER_MS)).spend(60, FIRST - 1, FIRST * QUARTER_MS) == []
    assert percents(Log(budget(updated_at=FIRST * QUARTER_MS - 1)).spend(60, FIRST - 1, FIRST * QUARTER_MS)) == [50]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3 * DAY_QUARTERS)), min_size=1, max_size=25),
    st.integers(0, 24),
    st.sampled_from(["hour", "day", "week", "rolling-6h"]),
)
def test_who_goes_on_from_what_was_told_tells_nothing_twice_and_misses_nothing(
    steps: list[tuple[int, int]], cut: int, period: str
) -> None:
    """Told in one go, or by two processes of which the second reads what the first has told: the same notices."""
    steps = sorted(steps, key=lambda step: step[1])

    def spend(log: Log, some: list[tuple[int, int]]) -> list[BudgetNotice]:
        return [one for usd, quarter in some for one in log.spend(usd, FIRST + quarter, (FIRST + quarter) * QUARTER_MS)]

    of = budget(period=period)
    whole = spend(Log(of), steps)
    first, second = Log(of), Log(of)
    told = spend(first, steps[:cut])
    for notice in told:
        second.crossings.note_told(BudgetNotice.model_validate_json(notice.model_dump_json()))
    assert spend(second, steps[:cut]) == []
    assert told + spend(second, steps[cut:]) == whole
    assert len({notice.notice_id for notice in whole}) == len(whole)
    for before, after in pairwise(whole):
        if before.period_start == after.period_start:
            assert before.threshold_percent < after.threshold_percent


def test_what_is_let_go_of_changes_nothing_that_is_told() -> None:
    log = Log(budget())
    log.spend(60)
    log.crossings.forget(NOON_MS + QUARTER_MS)
    assert percents(log.spend(20)) == [80]
    log.crossings.forget(NOON_MS + 30 * LATE_MS)
    assert list(log.crossings.spending.subjects()) == []


def test_a_record_is_a_cloudevent() -> None:
    (notice,) = Log(budget()).spend(60)
    headers = dict(cloudevent_headers(notice))
    assert notice_key(notice) == b'["agent","acme","bot"]'
    assert headers["ce_id"] == notice.notice_id.encode()
    assert headers["ce_type"] == b"burnline.budget.threshold_reached.v1"
    assert headers["ce_time"] == b"2026-11-28T12:00:00.000Z"


STEPS = st.lists(
    st.tuples(
        st.integers(-20, 60),
        st.integers(0, 30),
        st.integers(0, 12),
        st.sampled_from(["bot", "other"]),
    ),
    max_size=40,
)


@given(steps=STEPS, period=st.sampled_from(["hour", "day", "rolling-1h", "rolling-3h"]))
@settings(max_examples=60, deadline=None)
def test_what_is_not_looked_at_again_would_have_told_nothing(
    steps: list[tuple[int, int, int, str]], period: str
) -> None:
    """Held against budgets that are looked at each time: whatever comes late, is taken back or is of another period."""
    budgets = budget(period=period), budget(name="*", period="day", amount_usd="70")
    swift, thorough = Log(*budgets), Log(*budgets)
    quarter = FIRST
    for usd, step, late, agent in steps:
        quarter += step
        thorough.crossings.budgets = Budgets(budgets)
        spent = usd, max(FIRST, quarter - late), quarter * QUARTER_MS + 5, agent
        assert swift.spend(*spent) == thorough.spend(*spent)
