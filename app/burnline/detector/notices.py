"""Learned incidents as notices of the topic `anomalies`. Pure."""

from decimal import ROUND_HALF_EVEN, Decimal

from burnline.detection.anomaly import Anomaly, Evidence, Learned
from burnline.detection.baseline import LEARNED
from burnline.detection.learned.notice import Incident
from burnline.detection.subject import AnomalyScope
from burnline.detection.summary import with_summary

WINDOW = "300s"
_RATIO = Decimal("0.001")


def as_anomaly(incident: Incident, topic: str, *, suggested: bool) -> Anomaly:
    """A notice that everybody reads who reads those of the burn rule.

    Args:
        incident: What is to be told; its event stands in a topic.
        topic: That topic.
        suggested: Shown to whoever looks, and sent to nobody.

    Raises:
        ValueError: The place of its event is not known.
    """
    seen = incident.evidence
    if seen.place is None:
        raise ValueError(f"incident {incident.anomaly_id}: event {seen.event_id} stands in no topic")
    notice = Anomaly(
        anomaly_id=incident.anomaly_id,
        revision=incident.revision,
        state=incident.state,
        severity=incident.severity,
        scope=AnomalyScope(incident.scope),
        org_id=incident.org_id,
        agent_id=incident.agent_id,
        session_id=incident.session_id or incident.sessions[0],
        opened_at=incident.opened_at,
        updated_at=incident.updated_at,
        burn_usd_per_hour={WINDOW: incident.burn_usd_per_hour},
        baseline_usd_per_hour=incident.usual_usd_per_hour or "0",
        baseline_source=LEARNED,
        multiplier="1",
        ratio=_ratio(incident),
        spend_usd=incident.spend_usd,
        evidence=Evidence(topic, seen.place.partition, seen.place.offset, seen.event_id),
        detected_after_s=max(0, seen.place.logged_ms - seen.occurred_at) // 1000,
        resolved_by=incident.resolved_by,
        excess_usd_per_hour=incident.excess_usd_per_hour,
        learned=Learned(
            suggested=suggested,
            cause=incident.cause,
            summary=incident.summary,
            sessions=incident.sessions,
            usual_usd_per_hour=incident.usual_usd_per_hour,
            peak_usd_per_hour=incident.peak_usd_per_hour,
            excess_usd=incident.excess_usd,
            excess_usd_per_hour=incident.excess_usd_per_hour,
            change_usd_per_hour=incident.change_usd_per_hour,
            statistic=seen.statistic,
            ratio_to_highest=seen.ratio_to_highest,
            learned_from=seen.learned_from,
            policy=incident.policy,
            policy_version=incident.policy_version,
        ),
    )
    return with_summary(notice)


def _ratio(incident: Incident) -> str | None:
    usual = Decimal(incident.usual_usd_per_hour or 0)
    if not usual:
        return None
    return f"{(Decimal(incident.burn_usd_per_hour) / usual).quantize(_RATIO, ROUND_HALF_EVEN):f}"
