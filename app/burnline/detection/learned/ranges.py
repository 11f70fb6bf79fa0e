"""What is usual for an agent, learned from its own days: the range of a statistic's daily peaks.

An agent's range of one statistic is the median and the highest of its daily peaks (of up to 14 days with nothing out
of range), and their spread: the standard deviation, drawn towards that of its peers while there are few days, and never
less than a floor. A newcomer borrows a wide range of its peers, for statistics that do not depend on the agent's size.
Everything follows from the peaks, so the same log gives the same ranges.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from burnline.detection.learned.statistic import Statistic

HISTORY_DAYS = 14
"""So many days with calls are remembered."""
LEAST_DAYS = 2
"""With fewer an agent is a newcomer."""
_SPREAD_DAYS = 3
"""From so many days on an agent has a spread of its own."""
_PEER_WEIGHT = 4
"""The peers' spread counts as so many days."""
_LEAST_PEERS = 20
"""A newcomer borrows from no fewer."""
_UNSURE = 1
"""A range of n days is wider by the root of 1 + 1/n: few days tell little of what may still be usual."""
_LONE_SPREAD = 0.15
"""Where nobody has a spread yet."""
_NEWCOMER_MIDDLE, _NEWCOMER_HIGHEST = 0.90, 0.97
"""The parts of its peers that a newcomer is held to be above."""
_OUTLIER_GAP = 0.6
"""A single peak so far (log) above all others is an incident that nobody saw, where the statistic allows that."""
_OUTLIER_DAYS = 4


class Range(NamedTuple):
    """The usual daily peaks of one statistic, as logarithms.

    Attributes:
        middle: Their median.
        highest: The highest of them.
        spread: Their spread.
        days: How many there are; 0 for a range that was borrowed from peers.
    """

    middle: float
    highest: float
    spread: float
    days: int


class Ranges(NamedTuple):
    """The ranges of one statistic: each known agent's, and what a newcomer borrows (None: nothing)."""

    by_agent: dict[int, Range]
    newcomer: Range | None


def learn(statistic: Statistic, histories: Mapping[int, Sequence[float]]) -> Ranges:
    """The ranges of one statistic.

    Args:
        statistic: Which.
        histories: The peaks (logarithms) of each agent's days on which nothing was out of range.
    """
    usable = {agent: _usable(statistic, peaks) for agent, peaks in histories.items()}
    own = {agent: _deviation(peaks) for agent, peaks in usable.items() if len(peaks) >= _SPREAD_DAYS}
    peers = _median(sorted(own.values())) if own else _LONE_SPREAD
    by_agent = {
        agent: _range(statistic, peaks, own.get(agent), peers)
        for agent, peaks in usable.items()
        if len(peaks) >= LEAST_DAYS
    }
    return Ranges(by_agent, _newcomer(statistic, by_agent) if statistic.scale_free else None)


def _usable(statistic: Statistic, peaks: Sequence[float]) -> list[float]:
    kept = sorted(peaks)
    for _ in range(2):
        if not statistic.drops_outliers or len(kept) < _OUTLIER_DAYS or kept[-1] - kept[-2] <= _OUTLIER_GAP:
            break
        kept.pop()
    return kept


def _range(statistic: Statistic, peaks: list[float], own: float | None, peers: float) -> Range:
    days = len(peaks)
    weight = 0 if own is None else days
    spread = math.sqrt(((own or 0.0) ** 2 * weight + _PEER_WEIGHT * peers**2) / (weight + _PEER_WEIGHT))
    unsure = math.sqrt(1 + _UNSURE / days)
    return Range(_median(peaks), peaks[-1], unsure * max(spread, statistic.least_spread), days)


def _newcomer(statistic: Statistic, by_agent: Mapping[int, Range]) -> Range | None:
    if len(by_agent) < _LEAST_PEERS:
        return None
    middles = sorted(found.middle for found in by_agent.values())
    highest = sorted(found.highest for found in by_agent.values())
    spread = _median(sorted(found.spread for found in by_agent.values()))
    mean = sum(middles) / len(middles)
    between = sum((middle - mean) ** 2 for middle in middles) / len(middles)
    return Range(
        _quantile(middles, _NEWCOMER_MIDDLE),
        max(_quantile(highest, _NEWCOMER_HIGHEST), statistic.least_borrowed),
        math.sqrt(between + spread**2),
        0,
    )


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _median(ascending: Sequence[float]) -> float:
    half = len(ascending) // 2
    return ascending[half] if len(ascending) % 2 else (ascending[half - 1] + ascending[half]) / 2


def _quantile(ascending: Sequence[float], part: float) -> float:
    place = part * (len(ascending) - 1)
    below = int(place)
    if below + 1 == len(ascending):
        return ascending[below]
    return ascending[below] + (place - below) * (ascending[below + 1] - ascending[below])
