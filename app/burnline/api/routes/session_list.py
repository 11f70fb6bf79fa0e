"""Every session that is known, active or not, retired ones too: searched, sorted, page by page."""

import asyncio
from dataclasses import replace
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from burnline.api.access.principal import Viewer
from burnline.api.envelope import Envelope
from burnline.api.problems import unavailable
from burnline.api.questions import Asks, Tz, question
from burnline.api.resources import WithResources
from burnline.api.view.active import ActiveSession
from burnline.api.view.cursors import CursorText, read_cursor, write_cursor
from burnline.api.view.known_sessions import (
    KnownSession,
    SessionFilter,
    SessionPlace,
    SessionSort,
    SessionState,
    page_of,
    state_of,
)
from burnline.api.view.live import WithLive
from burnline.api.view.names_seen import AgentNotes, of_guests
from burnline.api.view.scope import AgentFilter, Anomalous, Order, OrgFilter, Search, unpriced_of, visible
from burnline.api.view.shapes import Burn, EpochMs, NextCursor, OpenAnomalyOut
from burnline.detection.rule import BurnRule
from burnline.ledger.record import Count, UsdText
from burnline.pricing.money import usd_text

router = APIRouter(tags=["live"])

MAX_PAGE = 500


class SessionListRow(BaseModel):
    """One session: what it has spent, and what it burns if it is active."""

    session_id: Annotated[str, Field(examples=["sess-4711"])]
    org_id: Annotated[str, Field(examples=["acme"])]
    agent_id: Annotated[str, Field(description="Of the session's first event.", examples=["code-reviewer"])]
    parent_session_id: Annotated[str | None, Field(description="The session that it is a part of.")]
    state: Annotated[
        SessionState,
        Field(
            description="`active`: in `/burn-rates/active`; `idle`: its ledger stands; `retired`: after a day of "
            "idleness its sums are kept for 31 days."
        ),
    ]
    first_event_at: EpochMs
    last_event_at: EpochMs
    spend_usd: Annotated[UsdText, Field(description="All that it has spent.", examples=["0.41"])]
    burn: Annotated[Burn | None, Field(description="As in `/burn-rates/active`; null unless it is active.")]
    anomaly: Annotated[OpenAnomalyOut | None, Field(description="The one that is open.")]
    models: Annotated[Count, Field(description="How many models it has used.")]
    main_model: Annotated[str, Field(description="The one that has cost most.", examples=["gpt-4o"])]
    events: Count
    runs: Count
    tool_calls: Count
    input_tokens: Count
    output_tokens: Count
    unpriced_tokens: Count


class SessionList(Envelope):
    """A page of sessions."""

    sessions: Annotated[int, Field(ge=0, description="How many there are that are asked for, on all pages.")]
    spend_usd: Annotated[UsdText, Field(description="What all of them have spent.")]
    windows_s: Annotated[list[int], Field(description="Short and long window in seconds.", examples=[[60, 300]])]
    rows: list[SessionListRow]
    next_cursor: NextCursor


@router.get("/sessions", summary="Which sessions are there, and what has each spent?")
async def session_list(
    resources: WithResources,
    live: WithLive,
    caller: Viewer,
    period: Annotated[Asks, Depends()],
    tz: Tz = "UTC",
    sort: Annotated[SessionSort, Query(description="What to sort by.")] = SessionSort.LAST_EVENT_AT,
    order: Order = "desc",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows in a page.")] = 50,
    cursor: CursorText = None,
    org_id: OrgFilter = None,
    agent_id: AgentFilter = None,
    state: Annotated[
        list[SessionState] | None, Query(max_length=len(SessionState), description="Only these; may be repeated.")
    ] = None,
    anomalous: Anomalous = None,
    search: Search = None,
    *,
    notes: AgentNotes,
) -> SessionList:
    """Active sessions, idle ones, and those retired within 31 days (the 50,000 with the newest events).

    With a period only the sessions that were under way in it: begun before its end, their newest event not before its
    begin. `days=1` are today's. Sums are those of whole sessions, whatever the period; what was spent in it by whom is
    told by `/allocations`. Sessions that are not active burn nothing. Where what is sorted by is equal, the one with
    the newer event counts as greater. Pages go on as in `/burn-rates/active`.
    """
    known = live.picture.known
    if not known.is_complete:
        raise unavailable("The sessions that are not active are still being read.", "view-loading")
    orgs = visible(caller, org_id)
    notes += of_guests(known, agent_id or [], orgs, notes)
    said = period.asked
    lasts = None if said == (None, None, None, None) else question(resources.now_ms(), said, tz, 1)
    name = f"sessions:{sort}:{order}"
    active = live.picture.sessions
    page = await asyncio.to_thread(
        page_of,
        known.rows(),
        active.get,
        SessionFilter(
            orgs,
            frozenset(agent_id) if agent_id else None,
            frozenset(state) if state else None,
            search,
            None if lasts is None else lasts.from_ms,
            None if lasts is None else lasts.until_ms,
            anomalous,
        ),
        sort,
        descending=order == "desc",
        after=read_cursor(cursor, name, SessionPlace),
        limit=limit,
    )
    rule = active.rule
    return SessionList(
        **replace(live.freshness(), notes=tuple(notes)).envelope(unpriced_of(live.bounds, {"": page.unpriced_tokens})),
        sessions=page.sessions,
        spend_usd=usd_text(page.spend_pico_usd),
        windows_s=[rule.short_window_s, rule.long_window_s],
        rows=[_row(row, active.get(row.id), rule) for row in page.rows],
        next_cursor=None if page.last is None else write_cursor(name, page.last),
    )


def _row(row: KnownSession, live: ActiveSession | None, rule: BurnRule) -> SessionListRow:
    open_one = None if live is None else live.anomaly
    return SessionListRow(
        session_id=row.session_id,
        org_id=row.org_id,
        agent_id=row.agent_id,
        parent_session_id=row.parent_session_id,
        state=state_of(row, live),
        first_event_at=row.first_event_at,
        last_event_at=row.last_event_at,
        spend_usd=usd_text(row.spend_pico_usd),
        burn=None if live is None else Burn(**live.burn(rule)),
        anomaly=None if open_one is None else OpenAnomalyOut(**msgspec.to_builtins(open_one)),
        models=row.models,
        main_model=row.main_model,
        events=row.events,
        runs=row.runs,
        tool_calls=row.tool_calls,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        unpriced_tokens=row.unpriced_tokens,
    )
