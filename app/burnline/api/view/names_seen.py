"""Which names usage had lately: what filters are held against, on every route that has some."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import Depends

from burnline.api.access.principal import Principal, Viewer
from burnline.api.envelope import Note
from burnline.api.resources import Resources, WithResources
from burnline.api.view.known_sessions import KnownSessions
from burnline.api.view.scope import AgentFilter, OrgFilter
from burnline.finance.frames import Dimension
from burnline.finance.known import Names, Unknown, names_of, unknown
from burnline.readmodel.keys import DAY_MS

LOOKED_BACK_DAYS = 31
LOOKED = f"in the last {LOOKED_BACK_DAYS} days"
AGAIN_S = 1.0
"""Names are gathered anew at most so often, and only for a value that was not among them."""

_GUEST = (
    "Agent {!r} has begun no session that is known. What it spends in sessions of other agents is in theirs here; by "
    "itself it is in /trends and /allocations."
)

Filters = Mapping[Dimension, Iterable[str]]


class NamesSeen:
    """The names of the last `LOOKED_BACK_DAYS` days, of every organisation. One per process."""

    def __init__(self) -> None:
        self._names: Names = {}
        self._gathered_at_s = float("-inf")

    async def unknown(self, resources: Resources, caller: Principal, filters: Filters) -> list[Unknown]:
        """The filters' values that nobody whom the caller may see has used.

        Raises:
            Problem: 503, there is nothing to look at.
            redis.RedisError: Redis is away.
        """
        given = {dimension: list(values) for dimension, values in filters.items()}
        if not any(any(values) for values in given.values()):
            return []
        found = unknown(given, self._names, caller.orgs)
        if found and time.monotonic() - self._gathered_at_s > AGAIN_S:
            now_ms = resources.now_ms()
            rows = await resources.rollups.read(resources, now_ms - LOOKED_BACK_DAYS * DAY_MS, now_ms + DAY_MS)
            self._names = await asyncio.to_thread(names_of, rows.frame)
            self._gathered_at_s = time.monotonic()
            found = unknown(given, self._names, caller.orgs)
        return found


def notes(found: Iterable[Unknown], looked: str = LOOKED) -> list[Note]:
    """What was found, as answers say it."""
    return [
        Note(
            parameter=one.dimension.value,
            value=one.value,
            known=False,
            did_you_mean=one.did_you_mean,
            detail=one.sentence(looked),
        )
        for one in found
    ]


def of_guests(
    known: KnownSessions, agents: Iterable[str], orgs: frozenset[str] | None, said: Iterable[Note]
) -> list[Note]:
    """What is to be said of agents that are known and have begun no session: their spend is in those of others.

    Args:
        known: All sessions.
        agents: Those that are asked for.
        orgs: The organisations that are asked for and may be seen; None is all.
        said: What is said already: nobody has used such a name.
    """
    unused = {note.value for note in said if note.parameter == Dimension.AGENT.value}
    open_ = {agent for agent in agents if agent not in unused}
    rows = known.rows() if open_ and known.is_complete else []
    if not rows:
        return []
    hosts = {row.agent_id for row in rows if orgs is None or row.org_id in orgs}
    return [
        Note(parameter=Dimension.AGENT.value, value=agent, known=True, did_you_mean=None, detail=_GUEST.format(agent))
        for agent in sorted(open_ - hosts)
    ]


async def _of_org(resources: WithResources, caller: Viewer, org_id: OrgFilter = None) -> list[Note]:
    return notes(await resources.names.unknown(resources, caller, {Dimension.ORG: org_id or []}))


async def _of_org_and_agent(
    resources: WithResources, caller: Viewer, org_id: OrgFilter = None, agent_id: AgentFilter = None
) -> list[Note]:
    given = {Dimension.ORG: org_id or [], Dimension.AGENT: agent_id or []}
    return notes(await resources.names.unknown(resources, caller, given))


OrgNotes = Annotated[list[Note], Depends(_of_org)]
"""What is to be said of the filter `org_id`, for a route that has it."""
AgentNotes = Annotated[list[Note], Depends(_of_org_and_agent)]
"""The same of `org_id` and `agent_id`."""
