"""Suggested baselines: what an agent's sessions usually burn."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import polars as pl
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from burnline.api.access.principal import Viewer
from burnline.api.amounts import unpriced_of
from burnline.api.envelope import Envelope
from burnline.api.questions import Period, find, question
from burnline.api.resources import WithResources
from burnline.api.routes.baselines import projected
from burnline.api.view.baseline_shapes import InForce, Place
from burnline.api.view.cursors import CursorText, read_cursor, write_cursor
from burnline.api.view.scope import AgentFilter, OrgFilter, visible
from burnline.api.view.shapes import NextCursor
from burnline.api.view.spending import spent_by_sessions
from burnline.detection.baseline import Baselines, default_baseline
from burnline.finance.frames import QUARTER, Dimension, totals
from burnline.finance.periods import MAX_DAYS, Asked
from burnline.finance.suggestions import MIN_SESSIONS, Agent, Spread, Suggestion, suggest
from burnline.pricing.money import usd_text

router = APIRouter(tags=["baselines"])

MAX_PAGE = 500
_ORDER = "suggestions"

RULE = (
    f"From {MIN_SESSIONS} sessions on: the median of their burn; more where 2 × p95 would lie above baseline × "
    "multiplier otherwise; rounded up to two digits, and at least 0.01 USD/h. A session's burn is its cost per hour of "
    "its life, or of the long window if that is longer. Sessions with an open anomaly or with unpriced tokens are left "
    "out. Median and p95 are by nearest rank. Computed on the ledgers of sessions that are not retired yet; beside "
    "them stand the quarter-hours of the rollups, which hold all of an agent's sessions together."
)


class SpreadOut(BaseModel):
    """Median and p95 of so many burn rates, in USD per hour; null where there are none."""

    model_config = ConfigDict(title="Spread")

    n: Annotated[int, Field(ge=0)]
    median_usd_per_hour: Annotated[str | None, Field(examples=["1.2"])]
    p95_usd_per_hour: Annotated[str | None, Field(examples=["3.4"])]

    @classmethod
    def of(cls, spread: Spread) -> "SpreadOut":
        """From the spread itself."""
        if not spread.n:
            return cls(n=0, median_usd_per_hour=None, p95_usd_per_hour=None)
        return cls(n=spread.n, median_usd_per_hour=usd_text(spread.median), p95_usd_per_hour=usd_text(spread.p95))


class SuggestionOut(BaseModel):
    """What is suggested for one agent, and why."""

    model_config = ConfigDict(title="BaselineSuggestion")

    org_id: str
    agent_id: str
    suggested_usd_per_hour: Annotated[str | None, Field(description="Null if there are too few sessions.")]
    why: Annotated[str, Field(description="A sentence, with the figures.")]
    sessions: Annotated[SpreadOut, Field(description="Burn of the sessions that were looked at.")]
    left_out_anomalous: Annotated[int, Field(ge=0, description="Sessions left out: an anomaly is open.")]
    left_out_unpriced: Annotated[int, Field(ge=0, description="Sessions left out: their cost is not known.")]
    quarter_hours: Annotated[
        SpreadOut, Field(description="Burn of all its sessions together, per quarter-hour in which it spent anything.")
    ]
    current: Annotated[InForce, Field(description="The baseline in force.")]


class Suggestions(Envelope):
    """A page of suggestions, by org and agent."""

    period: Period
    rule: Annotated[str, Field(description="How suggestions are made, and on what.")]
    rows: list[SuggestionOut]
    next_cursor: NextCursor


@router.get("/baselines/suggestions", summary="Which baselines would fit?")
async def suggestions(
    resources: WithResources,
    caller: Viewer,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="How many days (UTC), today included.")] = 14,
    org_id: OrgFilter = None,
    agent_id: AgentFilter = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows in a page.")] = 100,
    cursor: CursorText = None,
) -> Suggestions:
    """A baseline for each agent that has spent anything, from what its sessions burned; `rule` says how.

    Ledgers go when their sessions are retired (`BURNLINE_RETIRE_AFTER_S`, a day), so the sessions are the newest ones
    whatever `days` says; the quarter-hours go back over all of them. Too few sessions: no number, and `why` says so.
    """
    after = read_cursor(cursor, _ORDER, Place)
    filters = {Dimension.ORG: org_id, Dimension.AGENT: agent_id}
    asked = question(
        resources.now_ms(), Asked(days=days), "UTC", days, {name: each for name, each in filters.items() if each}
    )
    found = await find(resources, caller, asked)
    orgs = visible(caller, org_id)
    sessions = await spent_by_sessions(resources, orgs, asked.from_ms, asked.until_ms)
    baselines, _ = await projected(resources)
    answer = await asyncio.to_thread(
        suggest,
        [one for one in sessions if not agent_id or one.agent_id in agent_id],
        _quarters(found.frame),
        Baselines(default_baseline(resources.settings), baselines),
        window_ms=resources.settings.long_window_s * 1000,
    )
    wanted = [one for one in answer if after is None or (one.org_id, one.agent_id) > after]
    page = wanted[:limit]
    last = Place(page[-1].org_id, page[-1].agent_id) if len(wanted) > limit else None
    return Suggestions(
        **found.freshness.envelope(unpriced_of(totals(found.frame))),
        period=asked.period(),
        rule=RULE,
        rows=[_row(one) for one in page],
        next_cursor=None if last is None else write_cursor(_ORDER, last),
    )


def _quarters(frame: pl.DataFrame) -> dict[Agent, Iterable[int]]:
    """Per agent, pico-USD spent in each quarter-hour in which it spent anything."""
    spent = frame.group_by("org_id", "agent_id", QUARTER).agg(pl.col("cost").sum()).filter(pl.col("cost") > 0)
    grouped = spent.group_by("org_id", "agent_id").agg(pl.col("cost"))
    return {(org, agent): costs for org, agent, costs in grouped.iter_rows()}


def _row(one: Suggestion) -> SuggestionOut:
    suggested = one.suggested_pico_usd_per_hour
    return SuggestionOut(
        org_id=one.org_id,
        agent_id=one.agent_id,
        suggested_usd_per_hour=None if suggested is None else usd_text(suggested),
        why=one.why,
        sessions=SpreadOut.of(one.sessions),
        left_out_anomalous=one.left_out_anomalous,
        left_out_unpriced=one.left_out_unpriced,
        quarter_hours=SpreadOut.of(one.quarters),
        current=InForce.of(one.current),
    )
