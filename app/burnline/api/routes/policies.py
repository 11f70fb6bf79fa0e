"""Policies of the learned rules: what each asks, and what it would have done lately."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field

from burnline.api.access.principal import Principal, Viewer
from burnline.api.problems import Problem, responses
from burnline.api.resources import WithResources
from burnline.api.view.live import LiveView, WithLive
from burnline.api.view.policy_shapes import AgentKey, PolicyReport, outcomes, visible_to
from burnline.api.writing import read_entries
from burnline.detection.anomaly import Anomaly
from burnline.detection.policy_record import PolicyRecord
from burnline.readmodel.keys import DAY_MS
from burnline.topics.catalogue import topics_for

router = APIRouter(tags=["policies"])

MOST_INCIDENTS = 5_000
"""More are not looked at, the newest first."""
_fields = msgspec.json.Decoder(type=dict[str, msgspec.Raw])

Days = Annotated[int, Query(ge=1, le=90, description="How far to look back."), Field(examples=[7])]


@router.get("/policies", summary="What does each policy ask, and what would it have done?", responses=responses(409))
async def policies(resources: WithResources, live: WithLive, caller: Viewer, days: Days = 7) -> PolicyReport:
    """All policies on their topic, the most specific first, held against what was told in the last days.

    Each incident of the learned rules counts for the policy that holds for its agent now, as it stood by its newest
    notice. What no policy of that time let be told is not kept, and so not among them; `burnline backtest --policy`
    reads the log itself.
    """
    records, _ = await read_entries(resources.settings, topics_for(resources.settings).policies, PolicyRecord.parse)
    since_ms = resources.now_ms() - days * DAY_MS
    found = _incidents(live, caller, since_ms)
    try:
        rows = outcomes(visible_to(records.values(), caller.sees), _at_work(live, caller, since_ms), found)
    except ValueError as error:  # written past `burnline policies apply`, which refuses it
        raise Problem(409, f"The policies contradict each other: {error}", kind="policies-contradict") from error
    return PolicyReport(**live.freshness().envelope(), days=days, incidents=len(found), rows=rows)


def _incidents(live: LiveView, caller: Principal, since_ms: int) -> list[Anomaly]:
    kept = live.picture.anomalies.history(
        lambda heading: caller.sees(heading.org_id) and heading.updated_at >= since_ms,
        limit=MOST_INCIDENTS,
        before=None,
        until_ms=None,
    )
    return [Anomaly.model_validate_json(one.json) for one in kept if "learned" in _fields.decode(one.json)]


def _at_work(live: LiveView, caller: Principal, since_ms: int) -> dict[AgentKey, int]:
    """Agents that began sessions, and their newest events."""
    newest: dict[AgentKey, int] = {}
    for row in live.picture.known.rows():
        if row.last_event_at >= since_ms and caller.sees(row.org_id):
            key = (row.org_id, row.agent_id)
            newest[key] = max(newest.get(key, 0), row.last_event_at)
    return newest
