"""Server-sent events: new notices as they come, and what burns, once a second."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from burnline.api.access.principal import Viewer
from burnline.api.problems import Problem
from burnline.api.view.feed import FeedPlace
from burnline.api.view.live import WithLive
from burnline.api.view.scope import OrgFilter, visible
from burnline.api.view.shapes import StreamData
from burnline.api.view.streaming import Kind, Wish, events

router = APIRouter(tags=["live"])

MAX_SECONDS = 300
"""A stream ends after so long, and its reader comes back: that is when it is asked again who it is."""


async def _wish(
    caller: Viewer,
    org_id: OrgFilter = None,
    events: Annotated[list[Kind] | None, Query(description="Only these; may be repeated.")] = None,
    seconds: Annotated[
        int, Query(ge=1, le=MAX_SECONDS, description="End after so long; readers come back by themselves.")
    ] = MAX_SECONDS,
    last_event_id: Annotated[
        str | None, Header(max_length=64, description="Go on behind this event; browsers send it by themselves.")
    ] = None,
) -> Wish:
    try:
        after = FeedPlace.parse(last_event_id) if last_event_id else None
    except ValueError as error:
        raise Problem(422, f"header.Last-Event-ID: {error}", kind="invalid-request") from error
    return Wish(visible(caller, org_id), frozenset(events or Kind), after, seconds)


@router.get(
    "/stream",
    summary="What changes, as it changes",
    response_class=EventSourceResponse,
    responses={200: {"description": "Events, each with JSON in `data`.", "model": StreamData}},
)
async def stream(live: WithLive, wish: Annotated[Wish, Depends(_wish)]) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events (`text/event-stream`).

    - `anomaly`: a new notice, as on the topic. Its `id` is where a reader resumes: whoever comes back with
      `Last-Event-ID` gets what came in between, from any API process, also after the projection was built anew.
    - `burn`: at most once a second, active sessions whose numbers have changed, at most 100; the first one of a
      stream, and any with `complete`, holds those that burn most of all. Absolute rows: nothing has to be resumed.
    - `ready`: the beginning, with an `id` to resume from.
    - `reset`: notices were lost to this reader; ask for `/anomalies` again.

    A comment every 15 s keeps silent connections open. A stream ends after `seconds`, and readers come back.
    """
    async for event in events(live, wish):
        yield event
