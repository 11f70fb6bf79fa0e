"""What a backtest has found, as numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from burnline.detection.anomaly import State
from burnline.detection.learned.notice import Incident

WEEK_MS = 7 * 86_400_000


@dataclass(slots=True)
class Report:
    """Counts of notices and incidents. Money and times are those of the notices."""

    notices: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    incidents: dict[str, Incident] = field(default_factory=dict)

    def add(self, notice: Incident) -> None:
        """Take a notice in; of an incident the newest one counts."""
        self.notices[notice.state] += 1
        if notice.revision == 1:
            self.causes[notice.cause] += 1
            self.policies[notice.policy or ""] += 1
        self.incidents[notice.anomaly_id] = notice

    def as_json(self, events: int, first_ms: int, last_ms: int, feedback: Mapping[str, str] | None) -> dict[str, Any]:
        """The report as one JSON object.

        Args:
            events: How many were read.
            first_ms: Event time of the first of them.
            last_ms: Of the last one.
            feedback: Verdicts by incident, if any were given.
        """
        weeks = max((last_ms - first_ms) / WEEK_MS, 1e-9)
        excess = [Decimal(each.excess_usd) for each in self.incidents.values() if each.excess_usd is not None]
        lasted = sorted(
            (each.updated_at - each.opened_at) // 1000
            for each in self.incidents.values()
            if each.state is State.RESOLVED
        )
        return {
            "events": events,
            "from_ms": first_ms if events else None,
            "to_ms": last_ms if events else None,
            "incidents": len(self.incidents),
            "notices": {state: self.notices[state] for state in State},
            "notices_per_incident": round(
                (self.notices[State.OPENED] + self.notices[State.ESCALATED]) / max(len(self.incidents), 1), 3
            ),
            "incidents_per_week": round(len(self.incidents) / weeks, 2) if events else None,
            "causes": dict(sorted(self.causes.items())),
            "excess_usd": str(sum(excess, Decimal())),
            "median_duration_s": lasted[len(lasted) // 2] if lasted else None,
            "feedback": _judged(self.incidents, feedback) if feedback is not None else None,
        }


def _judged(incidents: Mapping[str, Incident], feedback: Mapping[str, str]) -> dict[str, Any]:
    """How many of the incidents that somebody judged were real."""
    verdicts = Counter(feedback[each] for each in incidents if each in feedback)
    judged = sum(verdicts.values())
    return {
        "judged": judged,
        **{name: verdicts[name] for name in ("true", "false", "planned")},
        "unknown_ids": sum(each not in incidents for each in feedback),
        "precision": round(verdicts["true"] / judged, 4) if judged else None,
    }


def compared(here: Mapping[str, Incident], there: Mapping[str, Incident]) -> dict[str, Any]:
    """What one run told that another one did not, of the same log.

    Two incidents are the same if they are of one agent and overlap in time: where limits differ they begin with other
    events, and so have other ids.

    Args:
        here: Incidents of this run.
        there: Of the other one.

    Returns:
        How many both have, and each alone; and by how many seconds this one is earlier, in the median of the former.
    """
    found = {mine.anomaly_id: _same(mine, there.values()) for mine in here.values()}
    both = {name: other for name, other in found.items() if other is not None}
    met = {id(other) for other in both.values()}
    others = [other for other in there.values() if id(other) not in met and _same(other, here.values()) is None]
    earlier = sorted((other.opened_at - here[name].opened_at) // 1000 for name, other in both.items())
    return {
        "incidents": len(there),
        "both": len(both),
        "only_here": len(found) - len(both),
        "only_there": len(others),
        "earlier_here_s": earlier[len(earlier) // 2] if earlier else None,
    }


def _same(one: Incident, others: Iterable[Incident]) -> Incident | None:
    for other in others:
        if (
            (one.org_id, one.agent_id) == (other.org_id, other.agent_id)
            and one.opened_at <= other.updated_at
            and other.opened_at <= one.updated_at
        ):
            return other
    return None
