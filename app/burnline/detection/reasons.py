"""Every outcome of a detection decision by name, "no change" included."""

from enum import StrEnum


class Reason(StrEnum):
    """Why an anomaly was opened, escalated or resolved, or why nothing changed."""

    OPENED_WARNING = "opened_warning"
    """None was open; both windows are above the warning line and the spend suffices."""
    OPENED_CRITICAL = "opened_critical"
    """None was open; both windows are above the critical line and the spend suffices."""
    ESCALATED = "escalated"
    """A warning was open; both windows are above the critical line."""
    QUIET = "quiet"
    """One was open; the short window has been at or below the recovery line for the whole quiet period."""

    BELOW_THRESHOLD = "below_threshold"
    """None is open; neither window is above the warning line."""
    SHORT_ONLY = "short_only"
    """None is open; a burst: only the short window is above."""
    LONG_ONLY = "long_only"
    """None is open; it burned before: only the long window is above."""
    MINIMUM_SPEND = "minimum_spend"
    """None is open; both windows are above, but the long window holds less than the minimum spend."""
    STILL_OPEN = "still_open"
    """A warning is open; not both windows are above the critical line."""
    ALREADY_CRITICAL = "already_critical"
    """It is critical: there is nothing above that, and no way back but to resolve."""
    STILL_ABOVE = "still_above"
    """One is open; the short window is above the recovery line."""
    COOLING_DOWN = "cooling_down"
    """One is open; the short window is at or below the recovery line, but not yet for the whole quiet period."""

    @property
    def changes_state(self) -> bool:
        """Whether the anomaly changes state, and with it exactly one notice is due."""
        return self in _CHANGES


_CHANGES = frozenset({Reason.OPENED_WARNING, Reason.OPENED_CRITICAL, Reason.ESCALATED, Reason.QUIET})
