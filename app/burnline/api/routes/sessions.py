"""One session's whole ledger."""

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from redis.asyncio.client import Pipeline

from burnline.api.access.principal import Viewer
from burnline.api.envelope import Envelope
from burnline.api.problems import Problem, responses
from burnline.api.resources import Resources, WithResources
from burnline.api.view.active import ActiveSession, RowId
from burnline.api.view.generation import read_together
from burnline.api.view.known_sessions import SessionState, state_of
from burnline.api.view.live import LiveView, WithLive
from burnline.api.view.picture import Picture
from burnline.api.view.scope import OrgFilter, unpriced_of, visible
from burnline.api.view.session_tree import tree_of
from burnline.api.view.shapes import Burn, EpochMs, ModelMixOut
from burnline.finance.near import nearest
from burnline.ledger.record import ModelTotals, OpenAnomalyState, UsdText, model_record
from burnline.ledger.view import merge
from burnline.pricing.money import usd_text
from burnline.readmodel.keys import Keys
from burnline.readmodel.rows import SessionRow, decode_session
from burnline.windows.slices import SLICE_MS, slice_index

router = APIRouter(tags=["live"])

MOST_NAMED = 5
MOST_NODES = 500
NEAR_AMONG = 1_000
"""So many sessions are compared with an id that there is none of."""


class SlicePoint(BaseModel):
    """What was spent in one slice of 10 s."""

    start_at: Annotated[int, Field(description="Begin of the slice, Unix epoch ms.", examples=[1764000000000])]
    spend_usd: UsdText


class SourceLedger(BaseModel):
    """The part of a session that was counted from one partition of the usage topic."""

    source_partition: Annotated[int, Field(ge=0, examples=[2])]
    last_offset: Annotated[
        int,
        Field(
            ge=-1,
            description="Offset of the newest event in it; -1 where that was one of a former usage topic.",
            examples=[81204],
        ),
    ]
    first_event_at: EpochMs
    last_event_at: EpochMs
    events: Annotated[int, Field(ge=0, examples=[12])]
    cost_usd: UsdText
    retired: Annotated[bool, Field(description="What was spent until it was retired; what came since stands apart.")]


class RelatedSession(BaseModel):
    """A session that this one is a part of, directly or not."""

    session_id: str
    known: Annotated[bool, Field(description="Whether there is anything of it; events may name one that has none.")]


class TreeSession(BaseModel):
    """A session in a tree."""

    session_id: str
    parent_session_id: str | None
    agent_id: str
    depth: Annotated[int, Field(ge=0, description="0 is the session that was asked for.", examples=[0])]
    state: SessionState
    last_event_at: EpochMs
    events: Annotated[int, Field(ge=0, examples=[12])]
    spend_usd: Annotated[UsdText, Field(description="What it has spent itself.")]
    tree_spend_usd: Annotated[UsdText, Field(description="What it and all below it have spent.")]
    tree_sessions: Annotated[int, Field(ge=1, description="How many those are, itself included.", examples=[3])]


class SessionTree(BaseModel):
    """The sessions around one, by `parent_session_id` of their events; all of one organisation."""

    ancestors: Annotated[
        list[RelatedSession], Field(description="From the root down to the parent; empty where it is a root.")
    ]
    spend_usd: Annotated[UsdText, Field(description="What the session and all below it have spent.")]
    sessions: Annotated[int, Field(ge=1, description="How many those are.", examples=[3])]
    nodes: Annotated[
        list[TreeSession],
        Field(
            description=f"The session, then all below it, each before its own children; the first {MOST_NODES} of "
            "them. The sums are over all."
        ),
    ]


class SessionAnswer(Envelope, Burn, ModelTotals):
    """A session's ledger, added up over the partitions that it stands on. The sums are over all models."""

    session_id: Annotated[str, Field(examples=["sess-4711"])]
    org_id: Annotated[str, Field(description="Of the session's first event.", examples=["acme"])]
    agent_id: Annotated[str, Field(description="Of the session's first event.", examples=["code-reviewer"])]
    active: Annotated[bool, Field(description="Whether it is in `/burn-rates/active`.")]
    retired: Annotated[bool, Field(description="Whether nothing of it is left but what it had spent.")]
    first_event_at: EpochMs
    last_event_at: EpochMs
    runs: Annotated[int, Field(ge=0)]
    tool_calls: Annotated[int, Field(ge=0)]
    model_mix: ModelMixOut
    by_model: dict[str, ModelTotals]
    slices: Annotated[
        list[SlicePoint],
        Field(description="Spend over time, oldest first, as far back as slices are held (600 s); without empty ones."),
    ]
    ledgers: Annotated[list[SourceLedger], Field(description="What it is added up from: first what was retired.")]
    anomaly: OpenAnomalyState | None
    parent_session_id: Annotated[str | None, Field(description="The session that it is a part of.")]
    tree: Annotated[
        SessionTree | None,
        Field(description="Its parents and children. Null for a moment after a start, until all sessions were read."),
    ]


@router.get(
    "/sessions/{session_id:path}",
    summary="What has one session spent, on what, and when?",
    responses=responses(404, 409),
)
async def session(
    session_id: Annotated[
        str, Path(max_length=256, description="The session's id, as its events have it.", examples=["sess-4711"])
    ],
    resources: WithResources,
    live: WithLive,
    caller: Viewer,
    org_id: OrgFilter = None,
) -> SessionAnswer:
    """The whole ledger of a session, active or not; of one that was retired its sums, for 31 days.

    A session that arrived on several partitions is added up. Where several of the organisations that you may see have a
    session of this id, name one (`org_id`): they are different sessions.
    """
    _, found = await read_together(
        resources,
        lambda pipe, keys: (pipe.hgetall(keys.session(session_id)), pipe.hgetall(keys.closed_session(session_id))),
    )
    seen = visible(caller, org_id)
    standing, closed = (
        sorted((row for row in map(decode_session, values.values()) if seen is None or row.org_id in seen), key=_age)
        for values in found
    )
    own = [*standing, *closed]
    if not own:
        near = await _near(resources, session_id, seen)
        hint = "" if near is None else f" Did you mean {near!r}?"
        raise Problem(404, f"There is no ledger of a session {session_id!r}.{hint}", kind="no-such-session")
    orgs = sorted({row.org_id for row in own})
    if len(orgs) > 1:
        named = ", ".join(orgs[:MOST_NAMED]) + (" …" if len(orgs) > MOST_NAMED else "")
        told = f"{len(orgs)} organisations have a session {session_id!r}: name one by org_id ({named})."
        raise Problem(409, told, kind="ambiguous-session")
    return _answer(standing, closed, live)


async def _near(resources: Resources, session_id: str, orgs: frozenset[str] | None) -> str | None:
    """A session of these organisations whose id is near, among those that were active last."""

    def ask(pipe: Pipeline, keys: Keys) -> None:
        for index in [keys.sessions] if orgs is None else map(keys.sessions_of, sorted(orgs)):
            pipe.zrevrangebyscore(index, "+inf", "-inf", start=0, num=NEAR_AMONG)

    _, found = await read_together(resources, ask)
    ids = [one.decode() for some in found for one in some]
    return await asyncio.to_thread(nearest, session_id, ids[:NEAR_AMONG])


def _age(row: SessionRow) -> tuple[int, int]:
    return row.source_partition, row.last_offset


def _answer(standing: list[SessionRow], closed: list[SessionRow], live: LiveView) -> SessionAnswer:
    (view,) = merge([*standing, *closed])
    picture = live.picture
    sessions = picture.sessions
    baseline = sessions.baselines.lookup(view.org_id, view.agent_id)
    row = ActiveSession(view, baseline)
    newest_ms = max(view.slices, default=0) * SLICE_MS
    moment_ms = max(sessions.moments.of(view.source_partitions) - view.delay_ms, newest_ms)
    row.settle(slice_index(moment_ms), baseline, sessions.rule)
    return SessionAnswer(
        **live.freshness().envelope(unpriced_of(live.bounds, row.unpriced_by_model)),
        **row.burn(sessions.rule),
        **msgspec.to_builtins(model_record(row.total)),
        session_id=view.session_id,
        org_id=view.org_id,
        agent_id=view.agent_id,
        active=sessions.get(row.id) is not None,
        retired=not standing,
        first_event_at=view.first_event_at,
        last_event_at=view.last_event_at,
        runs=view.runs,
        tool_calls=view.tool_calls,
        model_mix=msgspec.to_builtins(row.mix),
        by_model={
            model: ModelTotals(**msgspec.to_builtins(model_record(sums))) for model, sums in sorted(view.models.items())
        },
        slices=[
            SlicePoint(start_at=index * SLICE_MS, spend_usd=usd_text(pico_usd))
            for index, pico_usd in sorted(view.slices.items())
        ],
        ledgers=[
            SourceLedger(
                source_partition=part.source_partition,
                last_offset=_offset_now(part, picture),
                first_event_at=part.first_event_at,
                last_event_at=part.last_event_at,
                events=part.events,
                cost_usd=part.cost_usd,
                retired=is_closed,
            )
            for parts, is_closed in ((closed, True), (standing, False))
            for part in parts
        ],
        parent_session_id=view.parent_session_id,
        tree=_tree(picture, row.id),
        anomaly=None if view.anomaly is None or not standing else OpenAnomalyState(**msgspec.to_builtins(view.anomaly)),
    )


def _offset_now(part: SessionRow, picture: Picture) -> int:
    progress = picture.head.progress.get(part.source_partition)
    return max(-1, part.last_offset - (progress.offset_base if progress else 0))


def _tree(picture: Picture, row_id: RowId) -> SessionTree | None:
    row = picture.known.get(row_id)
    if row is None or not picture.known.is_complete:
        return None
    tree = tree_of(picture.known, row)
    return SessionTree(
        ancestors=[
            RelatedSession(session_id=each.id.session_id, known=each.known is not None) for each in tree.ancestors
        ],
        spend_usd=usd_text(tree.nodes[0].tree_pico_usd),
        sessions=tree.nodes[0].tree_sessions,
        nodes=[
            TreeSession(
                session_id=node.row.session_id,
                parent_session_id=node.row.parent_session_id,
                agent_id=node.row.agent_id,
                depth=node.depth,
                state=state_of(node.row, picture.sessions.get(node.row.id)),
                last_event_at=node.row.last_event_at,
                events=node.row.events,
                spend_usd=usd_text(node.row.spend_pico_usd),
                tree_spend_usd=usd_text(node.tree_pico_usd),
                tree_sessions=node.tree_sessions,
            )
            for node in tree.nodes[:MOST_NODES]
        ],
    )
