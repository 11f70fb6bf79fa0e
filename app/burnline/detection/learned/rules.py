"""The rules: a cause out of the agent's own range, mostly together with money out of its range.

A condition holds a statistic against the agent's range of it, in one of two ways: so many spreads above the median
peak, or so many times its highest peak. `RULES` is the list in the order in which causes are named; each limit was
chosen on generated fortnights with labelled runaways (docs/detection.md says how, and shows what `sensitivity` trades).
"""

import math
from array import array
from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import NamedTuple

from burnline.detection.learned.ranges import Range
from burnline.detection.learned.statistic import Statistic


class Cause(StrEnum):
    """Why money runs away."""

    RETRY_LOOP = "retry_loop"
    MODEL_SWITCH = "model_switch"
    CACHE_COLLAPSE = "cache_collapse"
    FAN_OUT = "fan_out"
    CONTEXT_GROWTH = "context_growth"
    SLOW_LEAK = "slow_leak"
    PRICE_CHANGE = "price_change"
    VOLUME = "volume"


class Against(Enum):
    """How a statistic is held against its range."""

    SPREADS = "spreads above the median of the daily peaks"
    HIGHEST = "natural logarithm above the highest daily peak"


class Condition(NamedTuple):
    """A statistic above a limit."""

    statistic: Statistic
    against: Against
    limit: float
    first_days: int = 0
    """Holds of agents on their first so many days only, against what newcomers borrow; 0: of all, against their own."""

    def line(self, known: Range | None, sensitivity: float) -> float:
        """The value (in the statistic's scale) that has to be exceeded; infinite where no range is known."""
        if known is None:
            return math.inf
        if self.against is Against.SPREADS:
            return self.statistic.value_at(known.middle + known.spread * self.limit / sensitivity)
        return self.statistic.value_at(known.highest + self.limit - math.log(sensitivity))


class Rule(NamedTuple):
    """A cause, and the conditions that all have to hold."""

    cause: Cause
    conditions: tuple[Condition, ...]

    @property
    def of_agent(self) -> bool:
        """Whether it speaks of the agent as a whole."""
        return self.conditions[0].statistic.of_agent


def _spreads(statistic: Statistic, limit: float) -> Condition:
    return Condition(statistic, Against.SPREADS, limit)


def _times(statistic: Statistic, limit: float) -> Condition:
    return Condition(statistic, Against.HIGHEST, limit)


_S = Statistic
RULES: tuple[Rule, ...] = (
    Rule(Cause.RETRY_LOOP, (_times(_S.SAME_CALLS, 2.5),)),
    Rule(Cause.RETRY_LOOP, (_spreads(_S.ALIKE_CALLS, 6),)),
    Rule(Cause.RETRY_LOOP, (_spreads(_S.ALIKE_CALLS, 4), _spreads(_S.STREAK_TO_USUAL, 2))),
    Rule(Cause.MODEL_SWITCH, (_spreads(_S.MODEL_5, 5),)),
    Rule(Cause.MODEL_SWITCH, (_spreads(_S.MODEL_5, 4), _spreads(_S.STREAK, 1))),
    Rule(Cause.MODEL_SWITCH, (_spreads(_S.MODEL_5, 3), _times(_S.STREAK, 0.0))),
    Rule(Cause.MODEL_SWITCH, (Condition(_S.MODEL_5, Against.SPREADS, 2, first_days=2),)),
    Rule(Cause.MODEL_SWITCH, (_spreads(_S.AGENT_MODEL_50, 3), _times(_S.STREAK, 0.5))),
    Rule(Cause.MODEL_SWITCH, (_spreads(_S.AGENT_MODEL_50, 4), _spreads(_S.AGENT_1H, 2))),
    Rule(Cause.CACHE_COLLAPSE, (_spreads(_S.CACHE_15, 3), _spreads(_S.MONEY_5M, 1))),
    Rule(Cause.CACHE_COLLAPSE, (_times(_S.CACHE_5, 1.0),)),
    Rule(Cause.CACHE_COLLAPSE, (_spreads(_S.CACHE_15, 1), _spreads(_S.STREAK_TO_USUAL, 3))),
    Rule(Cause.CACHE_COLLAPSE, (_spreads(_S.CACHE_5, 1), _spreads(_S.STREAK_TO_USUAL, 2))),
    Rule(Cause.CACHE_COLLAPSE, (_spreads(_S.AGENT_CACHE_50, 3), _spreads(_S.AGENT_1H, 1))),
    Rule(Cause.FAN_OUT, (_times(_S.AGENT_STARTED_2M, 0.6),)),
    Rule(Cause.FAN_OUT, (_times(_S.AGENT_ACTIVE_2M, 0.7), _times(_S.AGENT_1H, 0.0))),
    Rule(Cause.FAN_OUT, (_times(_S.PARALLEL_RUNS, 0.9),)),
    Rule(Cause.FAN_OUT, (_spreads(_S.PARALLEL_RUNS, 1), _times(_S.STREAK, 0.0))),
    Rule(Cause.CONTEXT_GROWTH, (_spreads(_S.LEAST_COST, 6),)),
    Rule(Cause.CONTEXT_GROWTH, (_spreads(_S.LEAST_COST, 4), _spreads(_S.STREAK_TO_USUAL, 3))),
    Rule(Cause.CONTEXT_GROWTH, (Condition(_S.STREAK_TO_USUAL, Against.HIGHEST, 0.2, first_days=2),)),
    Rule(Cause.VOLUME, (Condition(_S.AGENT_HOUR_TO_BEFORE, Against.HIGHEST, 0.5, first_days=4),)),
    Rule(Cause.VOLUME, (_times(_S.STREAK_CALLS, 2.0),)),
    Rule(Cause.VOLUME, (_times(_S.STREAK, 2.5),)),
    Rule(Cause.VOLUME, (_times(_S.MONEY_5M, 1.5),)),
    Rule(Cause.VOLUME, (_times(_S.CALLS_1M, 1.0),)),
    Rule(Cause.VOLUME, (_times(_S.CALLS_5M, 1.1),)),
)


def conditions_of(rules: Sequence[Rule]) -> tuple[Condition, ...]:
    """Every condition of every rule, one behind the other: the order of an agent's lines."""
    return tuple(condition for rule in rules for condition in rule.conditions)


def lines_of(
    conditions: Sequence[Condition],
    own: Sequence[Range | None],
    borrowed: Sequence[Range | None],
    sensitivity: float,
    *,
    days_seen: int,
) -> "array[float]":
    """An agent's lines.

    Args:
        conditions: Of the rules, in their order.
        own: Its ranges of all statistics.
        borrowed: Those that a newcomer borrows from its peers.
        sensitivity: 1.0 as tuned.
        days_seen: How many days with calls it has behind it.
    """

    def known(each: Condition) -> Range | None:
        if not each.first_days:
            return own[each.statistic]
        return borrowed[each.statistic] if days_seen < each.first_days else None

    return array("d", [each.line(known(each), sensitivity) for each in conditions])
