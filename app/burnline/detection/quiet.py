"""When an anomaly is over: the short window has been at or below the recovery line for the whole quiet period.

The answer comes from the slices alone, so it does not depend on how often somebody looks. Take R slices of quiet period
and a short window of S slices; L is the last slice at whose end the short window was above that line::

    slices      … L-1   L  L+1              L+R  L+R+1
                ─┴────┴────┴──── … quiet … ──┴────┴────▶ event time
    above        yes   yes   no  no   …  no   no   ▲
                                                   └ time enters slice L+R+1: resolved, R whole slices of quiet

Time is the session's own: the log's, less the delay with which the log takes the session's events. No other session's
clock has a say in it. While a slice fills its window only grows, so quiet at a slice's end means quiet all through the
slice, and the slice that is filling can end the quiet but not begin it. For the answer to depend on the log alone, a
ledger looks when the log's time enters another slice, *before* it adds the event that was appended then.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from burnline.detection.reasons import Reason
from burnline.windows.slices import window_sum

if TYPE_CHECKING:
    from burnline.detection.rule import BurnRule, Thresholds


def last_loud_slice(slices: Mapping[int, int], rule: "BurnRule", limits: "Thresholds") -> int | None:
    """The last slice at whose end the short window is above the recovery line, or None if there is none held.

    It may lie in the future by up to a short window: what is spent keeps the window above until it leaves.
    """
    # A window falls only when a slice leaves it, so it is above for the last time just before one does.
    ends = sorted((index + rule.short_window_slices - 1 for index in slices), reverse=True)
    return next(
        (end for end in ends if window_sum(slices, end, rule.short_window_slices) > limits.recovery_short), None
    )


def quiet_slice(slices: Mapping[int, int], newest_slice: int, rule: "BurnRule", limits: "Thresholds") -> int:
    """The slice that completes the quiet period when time enters it, if nothing more is spent.

    Without any loud slice (the limits were raised, or what was loud is no longer held) it is `newest_slice` itself.
    """
    loud = last_loud_slice(slices, rule, limits)
    return newest_slice if loud is None else loud + rule.resolve_after_slices + 1


def judge_quiet(slices: Mapping[int, int], newest_slice: int, rule: "BurnRule", limits: "Thresholds") -> Reason:
    """Whether an open anomaly is over.

    Args:
        slices: The session's slices; at least the last `short_window_slices + resolve_after_slices` are held.
        newest_slice: Slice index of the session's own time.
        rule: The burn rule.
        limits: The lines in force now.

    Returns:
        `QUIET` (resolve it), `COOLING_DOWN` (below the line, not yet for long enough) or `STILL_ABOVE`.
    """
    if quiet_slice(slices, newest_slice, rule, limits) <= newest_slice:
        return Reason.QUIET
    above = window_sum(slices, newest_slice, rule.short_window_slices) > limits.recovery_short
    return Reason.STILL_ABOVE if above else Reason.COOLING_DOWN


def is_quiet(slices: Mapping[int, int], newest_slice: int, rule: "BurnRule", limits: "Thresholds") -> bool:
    """Whether `judge_quiet` says `QUIET`."""
    return judge_quiet(slices, newest_slice, rule, limits) is Reason.QUIET
