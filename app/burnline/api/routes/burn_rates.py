"""What burns now: a row per active session."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from burnline.api.access.principal import Viewer
from burnline.api.envelope import Envelope
from burnline.api.view.active import ActiveSession
from burnline.api.view.burn_line import BurnPoint
from burnline.api.view.cursors import CursorText, read_cursor, write_cursor
from burnline.api.view.live import WithLive
from burnline.api.view.names_seen import AgentNotes, OrgNotes, of_guests
from burnline.api.view.orders import Column, Place
from burnline.api.view.scope import (
    AgentFilter,
    Anomalous,
    Order,
    OrgFilter,
    Search,
    envelope_json,
    unpriced_of,
    visible,
)
from burnline.api.view.shapes import BurnRateRow, NextCursor
from burnline.detection.burn import burn_pico_usd_per_hour
from burnline.detection.rule import BurnRule
from burnline.ledger.record import UsdText
from burnline.pricing.money import usd_text

router = APIRouter(tags=["live"])

MAX_PAGE = 500


class ActiveBurnRates(Envelope):
    """A page of active sessions."""

    active: Annotated[int, Field(ge=0, description="Active sessions that you may see, before filters.", examples=[1])]
    windows_s: Annotated[list[int], Field(description="Short and long window in seconds.", examples=[[60, 300]])]
    rows: list[BurnRateRow]
    next_cursor: NextCursor


@router.get(
    "/burn-rates/active",
    summary="Which sessions burn how much right now?",
    response_model=ActiveBurnRates,
)
async def active_burn_rates(
    live: WithLive,
    caller: Viewer,
    sort: Annotated[Column, Query(description="What to sort by.")] = Column.BURN_SHORT,
    order: Order = "desc",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows in a page.")] = 50,
    cursor: CursorText = None,
    org_id: OrgFilter = None,
    agent_id: AgentFilter = None,
    min_ratio: Annotated[
        Decimal | None,
        Query(ge=0, le=1_000_000_000, decimal_places=3, description="Only what burns at least so many baselines."),
    ] = None,
    anomalous: Anomalous = None,
    search: Search = None,
    *,
    notes: AgentNotes,
) -> Response:
    """A row per session with an event in the last `BURNLINE_ACTIVE_AFTER_S` (900 s) of event time.

    Windows are sums of whole 10-second slices that end with the session's own time (`windows_end_at`): that of its
    newest event, moved on with the log's time since the log took it. A session that stands on several partitions is
    added up, and its windows end with the newest of their times.

    What a session burns is one number, whichever of its agents spend it, and is held against the baseline of the agent
    that began it; so `agent_id` finds sessions by that one. `/trends` and `/allocations` follow each event's own agent.

    Pages go on from the last row's place in the order. Rows that move across it between two requests, because they
    burn more or less by then, may come twice or not at all; all others come once.
    """
    picture = live.picture
    name = f"{sort}:{order}"
    orgs = visible(caller, org_id)
    notes += of_guests(picture.known, agent_id or [], orgs, notes)
    page = picture.sessions.page(
        sort,
        descending=order == "desc",
        after=read_cursor(cursor, name, Place),
        limit=limit,
        wanted=_wanted(orgs, agent_id, min_ratio, search, anomalous=anomalous),
        now_s=live.clock_s(),
    )
    rule = picture.sessions.rule
    return Response(
        b"".join(
            (
                envelope_json(live, picture.sessions.unpriced(caller.orgs), notes),
                b',"active":%d,"windows_s":[%d,%d],"rows":['
                % (picture.sessions.count(caller.orgs), rule.short_window_s, rule.long_window_s),
                b",".join(row.json(rule) for row in page.rows),
                b'],"next_cursor":',
                b"null" if page.last is None else b'"%s"' % write_cursor(name, page.last).encode(),
                b"}",
            )
        ),
        media_type="application/json",
    )


class BurnLinePoint(BaseModel):
    """What burned at one moment."""

    at: Annotated[int, Field(description="Wall clock: Unix epoch, milliseconds.", examples=[1764000000000])]
    burn_usd_per_hour: Annotated[UsdText, Field(description="Of all active sessions, over the short window.")]
    burn_long_usd_per_hour: Annotated[UsdText, Field(description="The same over the long window, which is steadier.")]


class BurnHistory(Envelope):
    """What has burned lately, all sessions together."""

    window_s: Annotated[int, Field(description="Length of the short window, in seconds.", examples=[60])]
    long_window_s: Annotated[int, Field(description="Of the long one.", examples=[300])]
    points: Annotated[list[BurnLinePoint], Field(description="Oldest first, about one a second.")]


@router.get("/burn-rates/history", summary="What has burned in the last minutes, all sessions together?")
async def burn_history(
    live: WithLive,
    caller: Viewer,
    org_id: OrgFilter = None,
    after: Annotated[int, Query(ge=0, description="Only points after this moment, epoch ms.")] = 0,
    *,
    notes: OrgNotes,
) -> BurnHistory:
    """A point per second for as long as this process has looked, at most 15 minutes."""
    sessions, orgs = live.picture.sessions, visible(caller, org_id)
    return BurnHistory(
        **replace(live.freshness(), notes=tuple(notes)).envelope(unpriced_of(live.bounds, sessions.unpriced(orgs))),
        window_s=sessions.rule.short_window_s,
        long_window_s=sessions.rule.long_window_s,
        points=[_line_point(point, orgs, sessions.rule) for point in live.line.points if point.at_ms > after],
    )


def _line_point(point: BurnPoint, orgs: frozenset[str] | None, rule: BurnRule) -> BurnLinePoint:
    short, long = point.totals(orgs)
    return BurnLinePoint(
        at=point.at_ms,
        burn_usd_per_hour=usd_text(burn_pico_usd_per_hour(short, rule.short_window_s)),
        burn_long_usd_per_hour=usd_text(burn_pico_usd_per_hour(long, rule.long_window_s)),
    )


def _wanted(
    orgs: frozenset[str] | None,
    agents: list[str] | None,
    min_ratio: Decimal | None,
    search: str | None,
    *,
    anomalous: bool | None,
) -> Callable[[ActiveSession], bool] | None:
    checks: list[Callable[[ActiveSession], bool]] = []
    if orgs is not None:
        checks.append(lambda row: row.org_id in orgs)
    if agents:
        checks.append(lambda row: row.agent_id in agents)
    if min_ratio is not None:
        least = int(min_ratio * 1000)
        checks.append(lambda row: row.ratio_milli >= least)
    if anomalous is not None:
        checks.append(lambda row: (row.anomaly is not None) == anomalous)
    if search is not None:
        part = search.casefold()
        checks.append(lambda row: any(part in name.casefold() for name in (row.session_id, row.agent_id, row.org_id)))
    if len(checks) < 2:
        return checks[0] if checks else None
    return lambda row: all(check(row) for check in checks)
