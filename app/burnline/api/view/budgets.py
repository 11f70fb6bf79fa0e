"""How budgets stand, out of the projection: budgets, rollups and the ledgers' offsets, all as of one moment."""

import asyncio
from typing import NamedTuple

from redis.asyncio.client import Pipeline

from burnline.api.access.principal import Principal
from burnline.api.amounts import unpriced_of
from burnline.api.envelope import Freshness, Unpriced, ask_freshness, freshness_from
from burnline.api.resources import Resources
from burnline.api.view.generation import read_together
from burnline.api.view.rollups import Cuts, Rows
from burnline.budgets.budget import ANY, Budget, Budgets, Scope, Subject
from burnline.budgets.periods import Span
from burnline.budgets.standing import Standing, first_needed_ms, standings
from burnline.finance.budgeted import SpentBy
from burnline.finance.frames import totals, visible, within
from burnline.readmodel.keys import Keys

READINGS = 6
WAIT_S = 0.03
"""Between two readings, while a flush is not whole in Redis; it is within milliseconds."""


class Stand(NamedTuple):
    """How the budgets that a caller sees stand."""

    standings: list[Standing]
    cuts: Cuts
    freshness: Freshness
    unpriced: Unpriced


async def set_budgets(resources: Resources, caller: Principal) -> tuple[Budgets, Freshness]:
    """The budgets that count for what a caller sees.

    Raises:
        Problem: 503, there is no projection.
        redis.RedisError: Redis is away.
    """

    def ask(pipe: Pipeline, keys: Keys) -> None:
        pipe.hgetall(keys.budgets)
        ask_freshness(pipe, keys)

    _, (found, *fresh) = await read_together(resources, ask)
    entries = (Budget.parse(key, value) for key, value in found.items())
    held = Budgets(one for one in entries if one.org_id == ANY or caller.sees(one.org_id))
    return held, freshness_from(fresh, resources.now_ms())


async def stand(resources: Resources, caller: Principal) -> Stand:
    """How they stand now.

    Raises:
        Problem: As `set_budgets`.
        redis.RedisError: Redis is away.
    """
    held, _ = await set_budgets(resources, caller)
    now_ms = resources.now_ms()
    from_ms = first_needed_ms(held, now_ms)
    rows = await read_whole(resources, from_ms, now_ms + 1)
    return await asyncio.to_thread(_stand, held, rows, caller, from_ms, now_ms)


async def read_whole(resources: Resources, from_ms: int, until_ms: int) -> Rows:
    """Rows at whole flushes; after some readings as they are, and then their cuts say what is not known.

    Raises:
        Problem: 503, there is no projection.
        redis.RedisError: Redis is away.
    """
    rows = await resources.rollups.read(resources, from_ms, until_ms)
    for _ in range(READINGS - 1):
        if None not in rows.cuts.values():
            break
        await asyncio.sleep(WAIT_S)
        rows = await resources.rollups.read(resources, from_ms, until_ms)
    return rows


def _stand(held: Budgets, rows: Rows, caller: Principal, from_ms: int, now_ms: int) -> Stand:
    frame = visible(within(rows.frame, from_ms, now_ms + 1), caller.orgs)
    spent_by = SpentBy(frame)
    spenders = [
        Subject(scope, *names)
        for scope in {one.scope for one in held.entries.values()}
        for names in spent_by.subjects(scope)
    ]

    def spent(subject: Subject, span: Span) -> int:
        return spent_by.pico(*subject, *span)

    found = standings(held, spenders, spent, now_ms)
    return Stand(found, rows.cuts, rows.freshness, unpriced_of(totals(frame)))


def of_scope(found: list[Standing], scope: Scope | None, org_id: str | None, name: str | None) -> list[Standing]:
    """Only those of a scope, an organisation, a name; None is any."""
    return [
        one
        for one in found
        if scope in (None, one.subject.scope)
        and org_id in (None, one.subject.org_id)
        and name in (None, one.subject.name)
    ]
