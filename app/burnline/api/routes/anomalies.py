"""Anomalies: what is open, what has been, and how one went on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, Field

from burnline.api.access.principal import Principal, Viewer
from burnline.api.envelope import Envelope, Note
from burnline.api.problems import Mistake, Problem, responses
from burnline.api.resources import Resources, WithResources
from burnline.api.view.anomalies import Heading, Kept, Opened, Urgency, urgency
from burnline.api.view.cursors import CursorText, read_cursor, write_cursor
from burnline.api.view.generation import read_together
from burnline.api.view.live import LiveView, WithLive
from burnline.api.view.names_seen import AgentNotes
from burnline.api.view.notes import NotesOut, SeenAnomaly, note_fields
from burnline.api.view.scope import AgentFilter, OrgFilter, envelope_json, visible
from burnline.api.view.shapes import NextCursor
from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.readmodel.rows import notice

router = APIRouter(tags=["live"])

MAX_PAGE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Anomalies in a page.")]
SeverityFilter = Annotated[Severity | None, Query(description="Only of this severity.")]


class Anomalies(Envelope):
    """A page of anomalies, each by its newest notice."""

    rows: list[SeenAnomaly]
    next_cursor: NextCursor


class AnomalyTimeline(Envelope):
    """One anomaly: its newest notice, and all of them in their order."""

    anomaly: SeenAnomaly
    timeline: Annotated[list[Anomaly], Field(description="Every notice, by revision: what changed, when, and why.")]


@router.get("/anomalies/active", summary="Which anomalies are open?", response_model=Anomalies)
async def active_anomalies(
    live: WithLive,
    caller: Viewer,
    severity: SeverityFilter = None,
    org_id: OrgFilter = None,
    agent_id: AgentFilter = None,
    limit: Limit = 100,
    cursor: CursorText = None,
    *,
    notes: AgentNotes,
) -> Response:
    """Open and escalated anomalies, critical before warning, the latest change first."""
    wanted = _wanted(visible(caller, org_id), agent_id, severity, None)
    found = live.picture.anomalies.open(wanted, limit=limit + 1, after=read_cursor(cursor, "active", Urgency))
    more = write_cursor("active", urgency(found[limit - 1].heading)) if len(found) > limit else None
    return _page(live, found[:limit], more, notes)


@router.get("/anomalies", summary="Which anomalies have there been?", response_model=Anomalies)
async def anomalies(
    live: WithLive,
    caller: Viewer,
    state: Annotated[list[State] | None, Query(description="Only in this state; may be repeated.")] = None,
    severity: SeverityFilter = None,
    org_id: OrgFilter = None,
    agent_id: AgentFilter = None,
    since: Annotated[
        AwareDatetime | None,
        Query(alias="from", description="Only what was open at this moment or later (RFC 3339, event time)."),
    ] = None,
    until: Annotated[
        AwareDatetime | None, Query(alias="to", description="Only what was opened before this moment, exclusive.")
    ] = None,
    limit: Limit = 100,
    cursor: CursorText = None,
    *,
    notes: AgentNotes,
) -> Response:
    """All anomalies of the last 90 days, the latest opening first.

    `from` and `to` ask for what was open at some moment in between. The order is that of the openings, which do not
    change: while anomalies are opened and resolved, a walk through the pages meets each exactly once.
    """
    since_ms, until_ms = _epoch_ms(since), _epoch_ms(until)
    if since_ms is not None and until_ms is not None and since_ms >= until_ms:
        mistake = Mistake(where="query.to", detail="It has to be after from.")
        raise Problem(422, f"{mistake.where}: {mistake.detail}", kind="invalid-request", errors=[mistake])
    found = live.picture.anomalies.history(
        _wanted(visible(caller, org_id), agent_id, severity, since_ms, frozenset(state or State)),
        limit=limit + 1,
        before=read_cursor(cursor, "history", Opened),
        until_ms=until_ms,
    )
    more = None
    if len(found) > limit:
        last = found[limit - 1].heading
        more = write_cursor("history", Opened(last.opened_at, last.anomaly_id))
    return _page(live, found[:limit], more, notes)


@router.get("/anomalies/{anomaly_id}", summary="How did one anomaly go on?", responses=responses(404))
async def anomaly(
    anomaly_id: Annotated[UUID, Path(description="The anomaly's id, from any of its notices.")],
    resources: WithResources,
    live: WithLive,
    caller: Viewer,
) -> AnomalyTimeline:
    """The anomaly as it stands, and its notices from the opening on."""
    timeline, notes = await read_anomaly(resources, caller, str(anomaly_id))
    newest = SeenAnomaly(**dict(timeline[-1]), notes=notes)
    return AnomalyTimeline(**live.freshness().envelope(), anomaly=newest, timeline=timeline)


async def read_anomaly(resources: Resources, caller: Principal, anomaly_id: str) -> tuple[list[Anomaly], NotesOut]:
    """An anomaly's notices by revision, at least one, and what people say of it.

    Raises:
        Problem: 404, there is none that the caller may see; 503, there is no projection.
    """
    _, (found, said) = await read_together(
        resources,
        lambda pipe, keys: (
            pipe.hgetall(keys.anomaly(anomaly_id)),
            pipe.hmget(keys.anomaly_notes, note_fields(anomaly_id)),
        ),
    )
    timeline = [notice(value) for _, value in sorted(found.items(), key=lambda item: int(item[0]))]
    if not timeline or not caller.sees(timeline[-1].org_id):
        raise Problem(404, f"There is no anomaly {anomaly_id}.", kind="no-such-anomaly")
    return timeline, NotesOut.read(anomaly_id, said)


def _page(live: LiveView, found: list[Kept], cursor: str | None, notes: list[Note]) -> Response:
    rows = b",".join(map(live.picture.anomalies.row, found))
    next_cursor = b"null" if cursor is None else b'"%s"' % cursor.encode()
    body = envelope_json(live, {}, notes) + b',"rows":[' + rows + b'],"next_cursor":' + next_cursor + b"}"
    return Response(body, media_type="application/json")


def _epoch_ms(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def _wanted(
    orgs: frozenset[str] | None,
    agents: list[str] | None,
    severity: Severity | None,
    since_ms: int | None,
    states: frozenset[State] = frozenset(State),
) -> Callable[[Heading], bool]:
    def wanted(heading: Heading) -> bool:
        return (
            (orgs is None or heading.org_id in orgs)
            and (agents is None or heading.agent_id in agents)
            and severity in (None, heading.severity)
            and heading.state in states
            and (since_ms is None or heading.is_open or heading.updated_at >= since_ms)
        )

    return wanted
