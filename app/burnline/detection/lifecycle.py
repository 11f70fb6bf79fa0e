"""An anomaly's life: `opened → escalated → resolved`, one notice per change of state.

`judge` decides after an event was added, `quiet.is_quiet` when time has moved on; `opened`, `escalated` and `resolved`
build what follows. There is no de-escalation, and no second opening: after `resolved` the session has no anomaly, and
the next one has another id.

A baseline may change while an anomaly is open. The limits are looked up anew, and it goes on under the new ones: it
escalates or resolves by them, from the next decision on, and each notice carries the baseline in force at its revision.
The minimum spend guards the opening only.
"""

from typing import NamedTuple

import msgspec

from burnline.detection.anomaly import Anomaly, Evidence, ResolvedBy, Severity, State, anomaly_id
from burnline.detection.baseline import EffectiveBaseline
from burnline.detection.burn import burn_pico_usd_per_hour, ratio_text
from burnline.detection.quiet import quiet_slice
from burnline.detection.reasons import Reason
from burnline.detection.rule import BurnRule, Thresholds
from burnline.detection.summary import with_summary
from burnline.pricing.money import usd_text
from burnline.windows.slices import SLICE_MS, Slices, window_sum

UNREACHABLE = 1 << 200
"""A watch level that no window sum exceeds."""


class OpenAnomaly(msgspec.Struct, frozen=True):
    """What a ledger keeps of an open anomaly between events, and over a restart. Times are epoch milliseconds."""

    anomaly_id: str
    revision: int
    state: State
    severity: Severity
    org_id: str
    agent_id: str
    session_id: str
    opened_at: int
    updated_at: int
    evidence: Evidence


class Burn(NamedTuple):
    """The money at one moment: window sums and the session's total in pico-USD, and what they are held against."""

    short_pico_usd: int
    long_pico_usd: int
    spend_pico_usd: int
    baseline: EffectiveBaseline
    delay_ms: int = 0
    """How long after their time the log took the events."""


class Change(NamedTuple):
    """A change of state: what the ledger keeps from now on, and the notice to publish."""

    anomaly: OpenAnomaly
    notice: Anomaly


def judge(current: OpenAnomaly | None, short_pico_usd: int, long_pico_usd: int, limits: Thresholds) -> Reason:
    """What follows from the window sums after an event was added.

    Args:
        current: The session's open anomaly, if any.
        short_pico_usd: Sum of the short window, the event's cost included.
        long_pico_usd: Sum of the long window.
        limits: The lines in force.
    """
    critical = short_pico_usd > limits.critical_short and long_pico_usd > limits.critical_long
    if current is not None:
        if current.severity is Severity.CRITICAL:
            return Reason.ALREADY_CRITICAL
        return Reason.ESCALATED if critical else Reason.STILL_OPEN
    short_above = short_pico_usd > limits.warning_short
    long_above = long_pico_usd > limits.warning_long
    if not (short_above and long_above):
        if short_above:
            return Reason.SHORT_ONLY
        return Reason.LONG_ONLY if long_above else Reason.BELOW_THRESHOLD
    if long_pico_usd < limits.minimum_spend:
        return Reason.MINIMUM_SPEND
    return Reason.OPENED_CRITICAL if critical else Reason.OPENED_WARNING


def watch_levels(current: OpenAnomaly | None, limits: Thresholds) -> tuple[int, int]:
    """Levels (short, long) in pico-USD: `judge` changes the state exactly when both window sums exceed theirs.

    A hot path compares two integers per event, and judges only when both are exceeded.
    """
    if current is None:
        return limits.warning_short, max(limits.warning_long, limits.minimum_spend - 1)
    if current.severity is Severity.CRITICAL:
        return UNREACHABLE, UNREACHABLE
    return limits.critical_short, limits.critical_long


def opened(
    reason: Reason,
    *,
    org_id: str,
    agent_id: str,
    session_id: str,
    evidence: Evidence,
    at_ms: int,
    burn: Burn,
    rule: BurnRule,
) -> Change:
    """Open an anomaly; `reason` is `OPENED_WARNING` or `OPENED_CRITICAL`.

    Args:
        reason: What `judge` answered.
        org_id: Whose session it is.
        agent_id: Which agent's.
        session_id: The session.
        evidence: The event that crossed the line; with the session it makes the anomaly's id.
        at_ms: That event's time.
        burn: The money at this moment.
        rule: The burn rule.
    """
    anomaly = OpenAnomaly(
        anomaly_id=anomaly_id(evidence, org_id, session_id),
        revision=1,
        state=State.OPENED,
        severity=_OPENING_SEVERITY[reason],
        org_id=org_id,
        agent_id=agent_id,
        session_id=session_id,
        opened_at=at_ms,
        updated_at=at_ms,
        evidence=evidence,
    )
    return Change(anomaly, _notice(anomaly, burn, rule))


def escalated(current: OpenAnomaly, *, evidence: Evidence, at_ms: int, burn: Burn, rule: BurnRule) -> Change:
    """Raise an open warning to critical; `evidence` is the event that crossed the critical line, `at_ms` its time."""
    anomaly = msgspec.structs.replace(
        current,
        revision=current.revision + 1,
        state=State.ESCALATED,
        severity=Severity.CRITICAL,
        updated_at=max(current.updated_at, at_ms),  # a late event does not turn time back
        evidence=evidence,
    )
    return Change(anomaly, _notice(anomaly, burn, rule))


def resolved(
    current: OpenAnomaly,
    *,
    by: ResolvedBy,
    slices: Slices,
    newest_slice: int,
    spend_pico_usd: int,
    baseline: EffectiveBaseline,
    delay_ms: int = 0,
    limits: Thresholds,
    rule: BurnRule,
) -> Anomaly:
    """The last notice of an anomaly that `is_quiet` found to be over; the ledger keeps none from now on.

    Its time is the moment that completed the quiet period, its burn that of the windows that ended then, both read from
    the slices: the notice does not depend on when somebody looked. The evidence stays that of the crossing.

    Args:
        current: The open anomaly.
        by: What moved time on.
        slices: The session's slices.
        newest_slice: Slice index of the session's own time.
        spend_pico_usd: What the session has spent in all.
        baseline: The baseline in force.
        delay_ms: How long after their time the log takes the session's events.
        limits: The lines in force.
        rule: The burn rule.
    """
    completing = quiet_slice(slices, newest_slice, rule, limits)
    anomaly = msgspec.structs.replace(
        current,
        revision=current.revision + 1,
        state=State.RESOLVED,
        updated_at=max(current.updated_at, completing * SLICE_MS),
    )
    burn = Burn(
        window_sum(slices, completing - 1, rule.short_window_slices),
        window_sum(slices, completing - 1, rule.long_window_slices),
        spend_pico_usd,
        baseline,
        delay_ms,
    )
    return _notice(anomaly, burn, rule, resolved_by=by)


_OPENING_SEVERITY = {Reason.OPENED_WARNING: Severity.WARNING, Reason.OPENED_CRITICAL: Severity.CRITICAL}


def _notice(anomaly: OpenAnomaly, burn: Burn, rule: BurnRule, resolved_by: ResolvedBy | None = None) -> Anomaly:
    sums = {rule.short_window_s: burn.short_pico_usd, rule.long_window_s: burn.long_pico_usd}
    baseline = burn.baseline
    burn_pico_usd = burn_pico_usd_per_hour(burn.short_pico_usd, rule.short_window_s)
    notice = Anomaly(
        **msgspec.structs.asdict(anomaly),
        burn_usd_per_hour={
            f"{window_s}s": usd_text(burn_pico_usd_per_hour(pico_usd, window_s)) for window_s, pico_usd in sums.items()
        },
        baseline_usd_per_hour=usd_text(baseline.usd_per_hour_pico),
        baseline_source=baseline.source,
        multiplier=f"{baseline.multiplier.normalize():f}",
        ratio=ratio_text(burn.short_pico_usd, rule.short_window_s, baseline.usd_per_hour_pico),
        spend_usd=usd_text(burn.spend_pico_usd),
        detected_after_s=burn.delay_ms // 1000,
        resolved_by=resolved_by,
        excess_usd_per_hour=usd_text(max(0, burn_pico_usd - baseline.usd_per_hour_pico)),
    )
    return with_summary(notice)
