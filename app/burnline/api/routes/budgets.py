"""What may be spent: budgets looked at as they stand, set, deleted, and what will be spent."""

import asyncio
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ValidationError

from burnline.api.access.principal import Editor, Principal, Viewer
from burnline.api.parameters import invalid
from burnline.api.problems import Mistake, Problem, responses
from burnline.api.questions import Tz, moment
from burnline.api.resources import WithResources
from burnline.api.view.budget_shapes import (
    BudgetBody,
    BudgetForecast,
    BudgetList,
    BudgetSet,
    BudgetStanding,
    BudgetStandings,
    BudgetWritten,
)
from burnline.api.view.budgets import of_scope, read_whole, set_budgets, stand
from burnline.api.writing import read_entries, write
from burnline.budgets.budget import Budget, Scope, Subject, budget_key
from burnline.budgets.outlook import forecast_pico
from burnline.finance.budgeted import SpentBy
from burnline.finance.days import Day, date_in, days_until, zone
from burnline.finance.frames import visible
from burnline.pricing.money import usd_text
from burnline.topics.catalogue import topics_for

router = APIRouter(tags=["budgets"])

MAX_PAGE = 1_000
MAX_OFFSET = 1_000_000
FORECAST_DAYS = (7, 14, 30)
DAYS_KNOWN = 30
_SHOWN = 80

_Scope = Annotated[Scope, Query(description="Whose spending it is about.")]
_Org = Annotated[str, Query(max_length=256, description="The organisation.", examples=["acme"])]
_Name = Annotated[str, Query(max_length=256, description="Team, project or agent; empty for an organisation's.")]


@router.get("/budgets", summary="How do budgets stand?")
async def list_standings(
    resources: WithResources,
    caller: Viewer,
    scope: Annotated[Scope | None, Query(description="Only of this scope.")] = None,
    org_id: Annotated[str | None, Query(max_length=256, description="Only of this organisation.")] = None,
    name: Annotated[str | None, Query(max_length=256, description="Only of this team, project or agent.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows in a page.")] = 100,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Rows to pass over.")] = 0,
) -> BudgetStandings:
    """What is spent of each budget in its period, what is left, and where it is heading; the fullest first.

    For each subject and period the most specific budget counts. Sums are those of the ledgers at `offsets`.
    """
    found = await stand(resources, caller)
    rows = of_scope(found.standings, scope, org_id, name)
    return BudgetStandings(
        **found.freshness.envelope(found.unpriced),
        at=moment(resources.now_ms()),
        offsets={str(partition): cut for partition, cut in sorted(found.cuts.items())},
        subjects=len(rows),
        offset=offset,
        rows=[BudgetStanding.of(one) for one in rows[offset : offset + limit]],
    )


@router.get("/budgets/set", summary="Which budgets were set?")
async def list_budgets(resources: WithResources, caller: Viewer) -> BudgetList:
    """All that count for what the caller may see, by key."""
    held, fresh = await set_budgets(resources, caller)
    return BudgetList(**fresh.envelope(), rows=[BudgetSet.of(held.entries[key]) for key in sorted(held.entries)])


@router.get("/budgets/forecast", summary="What will be spent?")
async def forecast(
    resources: WithResources, caller: Viewer, scope: _Scope, org_id: _Org, name: _Name = "", tz: Tz = "UTC"
) -> BudgetForecast:
    """The next 7, 14 and 30 days, by the straight line that fits the last 30 whole days best.

    Days before the first one with usage are left out: a new agent is not one that has grown from nothing.
    """
    days = _last_days(tz, resources.now_ms())
    rows = await read_whole(resources, days[0].start_ms, days[-1].end_ms)
    frame = visible(rows.frame, caller.orgs)
    daily = await asyncio.to_thread(SpentBy(frame).daily, scope, org_id, name, days)
    first = next((number for number, spent in enumerate(daily) if spent), len(daily))
    known = daily[first:]
    return BudgetForecast(
        **rows.freshness.envelope(),
        days_known=len(known),
        next_days_usd={str(ahead): usd_text(forecast_pico(known, ahead)) for ahead in FORECAST_DAYS},
    )


@router.put("/budgets", summary="Set a budget")
async def set_budget(resources: WithResources, caller: Editor, body: BudgetBody) -> BudgetWritten:
    """Set what may be spent; answered once every in-sync replica has it. The same again changes nothing."""
    budget = _budget(body, resources.now_ms())
    _may_set(caller, budget.org_id)
    topic = topics_for(resources.settings).budgets
    entries, places = await read_entries(resources.settings, topic, Budget.parse)
    key = budget.key()
    old = entries.get(key)
    changed = old is None or old.model_copy(update={"updated_at": budget.updated_at}) != budget
    if changed:
        where = await write(resources.settings, topic, key, budget)
        partition, offset = where.partition, where.offset
    else:
        partition, offset = places[key].partition, places[key].offset
    return BudgetWritten(
        key=key,
        changed=changed,
        topic=topic.name,
        partition=partition,
        offset=offset,
        now=BudgetSet.of(budget if changed or old is None else old),
        before=None if old is None else BudgetSet.of(old),
    )


@router.delete("/budgets", summary="Delete a budget", responses=responses(404))
async def delete_budget(
    resources: WithResources,
    caller: Editor,
    scope: _Scope,
    org_id: _Org,
    name: _Name = "",
    period: Annotated[str, Query(max_length=16, description="Its period.")] = "month",
) -> BudgetWritten:
    """Delete a budget; a wider one counts again."""
    _may_set(caller, org_id)
    topic = topics_for(resources.settings).budgets
    entries, _ = await read_entries(resources.settings, topic, Budget.parse)
    key = budget_key(Subject(scope, org_id, name), period)
    if key not in entries:
        raise Problem(404, f"There is no budget {key[:_SHOWN]}.")
    where = await write(resources.settings, topic, key, None)
    return BudgetWritten(key=key, changed=True, **where._asdict(), now=None, before=BudgetSet.of(entries[key]))


def _may_set(caller: Principal, org_id: str) -> None:
    if not caller.sees(org_id):
        raise Problem(
            403, f"This token writes for its own organisations only, and {org_id[:_SHOWN]!r} is none of them."
        )


def _budget(body: BudgetBody, now_ms: int) -> Budget:
    try:
        return Budget.model_validate({**body.model_dump(), "updated_at": now_ms})
    except ValidationError as error:
        raise invalid(
            *(
                Mistake(
                    where=f"body.{item['loc'][0]}" if item["loc"] else "body",
                    detail=item["msg"].removeprefix("Value error, "),
                )
                for item in error.errors()
            )
        ) from None


def _last_days(tz: str, now_ms: int) -> list[Day]:
    try:
        named = zone(tz)
    except ValueError as error:
        raise invalid(Mistake(where="query.tz", detail=str(error))) from None
    return days_until(named, date_in(named, now_ms) - timedelta(days=1), DAYS_KNOWN)
