"""Which cause an incident is given: that of the rule that fired, or what the numbers say where a rule names none."""

from collections.abc import Sequence

from burnline.detection.learned.causes import Split
from burnline.detection.learned.engine import Hit
from burnline.detection.learned.rules import Cause, Rule
from burnline.detection.learned.statistic import Statistic

_LOOPS_FROM = 5
"""So many calls alike in a row are a loop."""
_UNNAMED = {Cause.VOLUME, Cause.CONTEXT_GROWTH}


def cause_of(fired: Sequence[Rule], hit: Hit, change: Split | None) -> Cause:
    """The cause of what fired.

    Args:
        fired: The rules, in their order; at least one.
        hit: The statistics.
        change: The split of the change in burn, if usual is known.
    """
    named = next((rule.cause for rule in fired if rule.cause not in _UNNAMED), None)
    if named is not None:
        return named
    if hit.values[Statistic.ALIKE_CALLS] >= _LOOPS_FROM:
        return Cause.RETRY_LOOP
    if change is None:
        return fired[0].cause
    return Cause.CONTEXT_GROWTH if change.size > change.volume else fired[0].cause
