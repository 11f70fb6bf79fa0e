"""Who spent it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from burnline.api.access.principal import Viewer
from burnline.api.amounts import Ratio, Used, ratio_text, unpriced_of, used_fields
from burnline.api.envelope import Envelope
from burnline.api.groups import GroupKey, group_key
from burnline.api.questions import BY_AGENT, GroupBy, Period, Question, Week, find, grouping
from burnline.api.resources import WithResources
from burnline.finance.allocation import allocate, share
from burnline.finance.frames import Dimension

router = APIRouter(tags=["finance"])

MAX_ROWS = 1000
MAX_OFFSET = 1_000_000

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Rows in a page.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Rows to pass over.")]


class AllocationRow(Used):
    """What one group used."""

    group: GroupKey
    share: Ratio = Field(description="Its part of the total cost; null where nothing cost anything.")


class Allocations(Envelope):
    """A page of groups, dearest first."""

    period: Period
    group_by: list[Dimension]
    total: Used = Field(description="Over all groups, those on other pages included.")
    groups: int = Field(ge=0, description="How many groups there are on all pages.", examples=[1])
    offset: int = Field(ge=0, description="Groups passed over.", examples=[0])
    allocations: list[AllocationRow] = Field(description="Dearest first; empty where nothing was used.")


@router.get("/allocations", summary="Who spent it?")
async def allocations(
    resources: WithResources,
    caller: Viewer,
    asked: Week,
    group_by: GroupBy = BY_AGENT,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Allocations:
    """By organisation and agent, or by any other dimensions."""
    return await _allocate(resources, caller, asked, grouping(group_by), limit, offset)


@router.get("/allocations/by-model", summary="On which models was it spent?")
async def allocations_by_model(
    resources: WithResources, caller: Viewer, asked: Week, limit: Limit = 100, offset: Offset = 0
) -> Allocations:
    """By model and the provider who served it."""
    return await _allocate(resources, caller, asked, [Dimension.PROVIDER, Dimension.MODEL], limit, offset)


async def _allocate(
    resources: WithResources, caller: Viewer, asked: Question, by: list[Dimension], limit: int, offset: int
) -> Allocations:
    found = await find(resources, caller, asked)
    answer = await asyncio.to_thread(allocate, found.frame, by, limit, offset)
    return Allocations(
        **found.freshness.envelope(unpriced_of(answer.total)),
        period=asked.period(),
        group_by=by,
        total=Used.of(answer.total),
        groups=answer.groups,
        offset=offset,
        allocations=[
            AllocationRow(
                **used_fields(row.totals),
                group=group_key(by, row.group),
                share=ratio_text(share(row.totals.cost, answer.total.cost)),
            )
            for row in answer.rows
        ],
    )
