"""Which cause an incident is given: that of the rules that fired, unless the split of the change speaks against it.

A dearer model or a lost cache is the cause only if it explains more than the size of calls does; and a cache is lost
only where calls find less than half of what they usually find. The new part of a growing prompt is in no cache: its
calls become dearer than with the usual share of hits, and that alone is no collapse.
"""

from collections.abc import Callable, Sequence

from burnline.detection.learned.causes import Split
from burnline.detection.learned.rules import Cause, Rule
from burnline.detection.learned.statistic import Statistic

_LOOPS_FROM = 4
"""So many calls alike in a row may be a loop."""
_PARALLEL_FROM = 3
"""So many runs or sessions at once may be a fan-out."""
_GROWN_PART = 4
"""Calls have grown if their size explains at least one part in so many of the change."""

Beyond = Callable[[Statistic, int], bool]
"""Whether a statistic is at least a number, and above what is usual for the agent."""


def cause_of(fired: Sequence[Rule], change: Split | None, beyond: Beyond, *, cache_is_lost: bool = True) -> Cause:
    """The cause of what fired.

    Args:
        fired: The rules, in their order; at least one.
        change: The split of the change in burn, if usual is known.
        beyond: Tells of the statistics.
        cache_is_lost: Whether the call finds less than half of what the agent's calls usually find in the cache.
    """
    causes = {rule.cause for rule in fired}
    grows = Cause.CACHE_COLLAPSE in causes and not cache_is_lost
    if grows:
        causes.remove(Cause.CACHE_COLLAPSE)
    if Cause.RETRY_LOOP in causes or beyond(Statistic.ALIKE_CALLS, _LOOPS_FROM):
        return Cause.RETRY_LOOP
    for cause, part in ((Cause.MODEL_SWITCH, "model"), (Cause.CACHE_COLLAPSE, "cache")):
        if cause in causes and (change is None or getattr(change, part) >= max(change.size, 1)):
            return cause
    if Cause.FAN_OUT in causes or any(
        beyond(each, _PARALLEL_FROM) for each in (Statistic.PARALLEL_RUNS, Statistic.AGENT_ACTIVE_2M)
    ):
        return Cause.FAN_OUT
    if grows:
        return Cause.CONTEXT_GROWTH
    if change is None:
        return fired[0].cause
    if change.model > max(change.size, change.volume, change.cache):
        return Cause.MODEL_SWITCH
    if change.size * _GROWN_PART >= sum(change) or change.size > change.volume:
        return Cause.CONTEXT_GROWTH
    return fired[0].cause if fired[0].cause is not Cause.CONTEXT_GROWTH else Cause.VOLUME
