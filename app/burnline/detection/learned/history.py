"""The days that are learned from, and what follows from them: usual habits, ranges, lines."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from burnline.detection.learned.engine import DayOfAgent
from burnline.detection.learned.meters import Usage, Usual, summed, usual_of
from burnline.detection.learned.ranges import HISTORY_DAYS, Range, Ranges, learn
from burnline.detection.learned.rules import Condition, lines_of
from burnline.detection.learned.statistic import NOTHING_YET, Statistic

if TYPE_CHECKING:
    from array import array

_NO_RANGES = Ranges({}, None)


class PastState(msgspec.Struct, frozen=True):
    """An agent's days, as they are kept: (day, usage, peaks as logarithms) and how many were seen and left out."""

    days: list[tuple[int, Usage, tuple[float, ...]]]
    seen: int
    left_out: int
    in_a_row: int


@dataclass(slots=True)
class _Past:
    """An agent's days: usage, and peaks as logarithms."""

    days: deque[tuple[int, Usage, tuple[float, ...]]] = field(default_factory=lambda: deque(maxlen=HISTORY_DAYS))
    seen: int = 0
    left_out: int = 0
    in_a_row: int = 0


class History:
    """What every agent did on the days before today.

    A day on which anything of an agent was out of range is left out of its history, so that a runaway does not teach
    itself in. What goes on for longer than half as many days in a row as are known is what the agent does now: a range
    that few days have made too narrow does not stay so. At most 14 days of 21 peaks and 12 sums are held for each
    agent, and none older than 14 days.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions
        self._past: dict[int, _Past] = {}
        self._ranges: dict[Statistic, Ranges] = dict.fromkeys(Statistic, _NO_RANGES)

    def close(self, day: int, closed: Iterable[DayOfAgent], out_of_range: set[int]) -> None:
        """Take a day in.

        Args:
            day: Days since 1970-01-01, UTC.
            closed: What each agent did on it.
            out_of_range: The agents with anything out of range on it.
        """
        for agent, usage, peaks in closed:
            past = self._past.setdefault(agent, _Past())
            past.seen += 1
            past.in_a_row = past.in_a_row + 1 if agent in out_of_range else 0
            if 0 < past.in_a_row <= max(1, len(past.days) // 2):
                past.left_out += 1
            else:
                logs = tuple(each.logarithm(peaks[each]) for each in Statistic)
                past.days.append((day, usage, logs))
        for past in self._past.values():
            while past.days and past.days[0][0] <= day - HISTORY_DAYS:
                past.days.popleft()
        self._learn()

    def _learn(self) -> None:
        for statistic in Statistic:
            self._ranges[statistic] = learn(statistic, self._peaks(statistic))

    def save(self) -> dict[int, PastState]:
        """All that is known, by agent: ranges follow from it."""
        return {
            agent: PastState(list(past.days), past.seen, past.left_out, past.in_a_row)
            for agent, past in self._past.items()
        }

    def load(self, state: Mapping[int, PastState]) -> None:
        """Go on with what another one knew, of an earlier build perhaps, which had fewer statistics."""
        self._past = {
            agent: _Past(deque(map(_widened, past.days), maxlen=HISTORY_DAYS), past.seen, past.left_out, past.in_a_row)
            for agent, past in state.items()
        }
        self._learn()

    def _peaks(self, statistic: Statistic) -> dict[int, list[float]]:
        return {
            agent: [logs[statistic] for _, _, logs in past.days if logs[statistic] > NOTHING_YET]
            for agent, past in self._past.items()
        }

    def used(self, agent: int) -> Usage:
        """An agent's usage of the days that are held."""
        past = self._past.get(agent)
        total = Usage()
        for _, usage, _ in past.days if past else ():
            total = summed(total, usage)
        return total

    def usual(self, used: Usage) -> Usual | None:
        """What is usual after that; None for a newcomer."""
        return usual_of(used)

    def ranges(self, agent: int) -> list[Range | None]:
        """An agent's range of every statistic: its own, what it borrows from its peers, or None."""
        return [self.range_of(agent, statistic) for statistic in Statistic]

    def range_of(self, agent: int, statistic: Statistic) -> Range | None:
        """An agent's range of one statistic."""
        known = self._ranges[statistic]
        return known.by_agent.get(agent, known.newcomer)

    def range_against(self, agent: int, condition: Condition) -> Range | None:
        """The range that a condition holds an agent against."""
        if condition.first_days:
            return self._ranges[condition.statistic].newcomer
        return self.range_of(agent, condition.statistic)

    def lines(self, agent: int, sensitivity: float) -> "array[float]":
        """An agent's lines for today, in the order of the conditions; at sensitivity 1.0 as tuned."""
        past = self._past.get(agent)
        borrowed = [self._ranges[statistic].newcomer for statistic in Statistic]
        return lines_of(self._conditions, self.ranges(agent), borrowed, sensitivity, days_seen=past.seen if past else 0)

    def explanation(self, agent: int, condition: Condition) -> str:
        """How the range that a condition holds an agent against came to be, in words."""
        known, past = self.range_against(agent, condition), self._past.get(agent)
        if known is None:
            return "no range yet"
        if not known.days:
            return f"borrowed from its peers: it has {_days(past.seen if past else 0)} of its own"
        left_out = f", {past.left_out} left out for what was out of range on them" if past and past.left_out else ""
        return f"highest values of {known.days} of its own days{left_out}"


def _days(seen: int) -> str:
    return "no day" if not seen else "one day" if seen == 1 else f"{seen} days"


def _widened(of_day: tuple[int, Usage, tuple[float, ...]]) -> tuple[int, Usage, tuple[float, ...]]:
    day, usage, logs = of_day
    return day, usage, logs + (NOTHING_YET,) * (len(Statistic) - len(logs))
