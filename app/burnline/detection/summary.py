"""An anomaly in one line of words. Pure."""

from burnline.detection.anomaly import Anomaly, State
from burnline.detection.subject import AnomalyScope


def summary(notice: Anomaly) -> str:
    """What happened, in one line: who, how much, against what."""
    if notice.learned is not None:
        return f"{notice.org_id} / {notice.learned.summary}"
    window, burn = next(iter(notice.burn_usd_per_hour.items()))
    of = "all its sessions together" if notice.scope is AnomalyScope.AGENT else f"session {notice.session_id}"
    who = f"{notice.org_id} / {notice.agent_id}, {of}"
    times = "over a baseline of 0" if notice.ratio is None else f"{notice.ratio} × its baseline"
    if notice.state is State.RESOLVED:
        return f"{who}: back below its line, {burn} USD/h over {window}; {notice.spend_usd} USD spent in all"
    return (
        f"{who}: burns {burn} USD/h over {window}, {times} of {notice.baseline_usd_per_hour} USD/h "
        f"(line: × {notice.multiplier}); {notice.spend_usd} USD spent so far"
    )


def with_summary(notice: Anomaly) -> Anomaly:
    """The notice, with its summary in it."""
    return notice.model_copy(update={"summary": summary(notice)})
