"""All sessions that the projection knows, retired ones too, as short rows: found, sorted, page by page.

A row is some 400 bytes, and a question looks at each of them once: about 1 ms per 1,000 rows, in a thread of its own.
Nothing here waits or reads a clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from enum import StrEnum
from heapq import nlargest, nsmallest
from typing import NamedTuple

import msgspec

from burnline.api.view.active import ActiveSession, RowId
from burnline.pricing.money import pico_from_text
from burnline.readmodel.rows import SessionRow


class SessionState(StrEnum):
    """Whether a session goes on."""

    ACTIVE = "active"
    IDLE = "idle"
    RETIRED = "retired"


class KnownSession(msgspec.Struct, frozen=True, gc=False):
    """What a session of an organisation has spent: its ledgers and what was retired of it, added up."""

    session_id: str
    org_id: str
    agent_id: str
    """Of its earliest event."""
    parent_session_id: str | None
    """The session of the same organisation that it is a part of."""
    first_event_at: int
    last_event_at: int
    spend_pico_usd: int
    events: int
    runs: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    unpriced_tokens: int
    models: int
    main_model: str
    """The one that has cost most; of several the first by name."""
    is_retired: bool
    """No ledger of it stands any more."""

    @property
    def id(self) -> RowId:
        """Which session."""
        return RowId(self.session_id, self.org_id)

    @property
    def parent(self) -> RowId | None:
        """Which session it is a part of."""
        return None if self.parent_session_id is None else RowId(self.parent_session_id, self.org_id)


class SessionSort(StrEnum):
    """What known sessions can be sorted by."""

    BURN_SHORT = "burn_short"
    BURN_LONG = "burn_long"
    RATIO = "ratio"
    SPEND = "spend"
    LAST_EVENT_AT = "last_event_at"
    FIRST_EVENT_AT = "first_event_at"
    EVENTS = "events"
    RUNS = "runs"
    TOOL_CALLS = "tool_calls"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    UNPRICED_TOKENS = "unpriced_tokens"


Value = Callable[[KnownSession, ActiveSession | None], int]
_VALUES: Mapping[SessionSort, Value] = {
    SessionSort.BURN_SHORT: lambda _, live: 0 if live is None else live.short_pico_usd,
    SessionSort.BURN_LONG: lambda _, live: 0 if live is None else live.long_pico_usd,
    SessionSort.RATIO: lambda _, live: 0 if live is None else live.ratio_milli,
    SessionSort.SPEND: lambda row, _: row.spend_pico_usd,
    SessionSort.LAST_EVENT_AT: lambda row, _: row.last_event_at,
    SessionSort.FIRST_EVENT_AT: lambda row, _: row.first_event_at,
    SessionSort.EVENTS: lambda row, _: row.events,
    SessionSort.RUNS: lambda row, _: row.runs,
    SessionSort.TOOL_CALLS: lambda row, _: row.tool_calls,
    SessionSort.INPUT_TOKENS: lambda row, _: row.input_tokens,
    SessionSort.OUTPUT_TOKENS: lambda row, _: row.output_tokens,
    SessionSort.UNPRICED_TOKENS: lambda row, _: row.unpriced_tokens,
}


class SessionPlace(NamedTuple):
    """Where a session stands in an order: of equal values the newer one counts as greater."""

    value: int
    last_event_at: int
    session_id: str
    org_id: str


class SessionFilter(NamedTuple):
    """Which sessions are asked for; None asks nothing."""

    orgs: frozenset[str] | None = None
    agents: frozenset[str] | None = None
    states: frozenset[SessionState] | None = None
    search: str | None = None
    """In the id of the session, its agent or its organisation; upper and lower case are the same."""
    from_ms: int | None = None
    """Its newest event is at this time or later."""
    to_ms: int | None = None
    """Its first event is before this time."""
    anomalous: bool | None = None
    """Whether an anomaly of it is open."""

    def wants(self, row: KnownSession, live: ActiveSession | None) -> bool:
        """Whether a session is one of them."""
        return (
            (self.orgs is None or row.org_id in self.orgs)
            and (self.agents is None or row.agent_id in self.agents)
            and (self.from_ms is None or row.last_event_at >= self.from_ms)
            and (self.to_ms is None or row.first_event_at < self.to_ms)
            and (self.states is None or state_of(row, live) in self.states)
            and (self.anomalous is None or (live is not None and live.anomaly is not None) == self.anomalous)
            and (self.search is None or _holds(row, self.search.casefold()))
        )


class SessionPage(NamedTuple):
    """One page, and the sums over all sessions that were asked for."""

    rows: list[KnownSession]
    last: SessionPlace | None
    """The last row's place if there are more."""
    sessions: int
    spend_pico_usd: int
    unpriced_tokens: int


def state_of(row: KnownSession, live: ActiveSession | None) -> SessionState:
    """Whether a session goes on."""
    if live is not None:
        return SessionState.ACTIVE
    return SessionState.RETIRED if row.is_retired else SessionState.IDLE


def page_of(
    rows: Iterable[KnownSession],
    active: Callable[[RowId], ActiveSession | None],
    wanted: SessionFilter,
    sort: SessionSort,
    *,
    descending: bool,
    after: SessionPlace | None,
    limit: int,
) -> SessionPage:
    """At most `limit` sessions in an order, behind a place.

    Args:
        rows: All there are.
        active: What a session burns; None where it is not active.
        wanted: Which are asked for.
        sort: What to sort by.
        descending: Greatest first.
        after: The last place of the page before.
        limit: How many.
    """
    value = _VALUES[sort]
    found: list[tuple[SessionPlace, KnownSession]] = []
    sessions = spend = unpriced = 0
    for row in rows:
        live = active(row.id)
        if not wanted.wants(row, live):
            continue
        sessions += 1
        spend += row.spend_pico_usd
        unpriced += row.unpriced_tokens
        place = SessionPlace(value(row, live), row.last_event_at, row.session_id, row.org_id)
        if after is None or (place < after if descending else place > after):
            found.append((place, row))
    first = (nlargest if descending else nsmallest)(limit + 1, found, key=_place)
    last = first[limit - 1][0] if len(first) > limit else None
    return SessionPage([row for _, row in first[:limit]], last, sessions, spend, unpriced)


class KnownSessions:
    """The rows, by session."""

    def __init__(self) -> None:
        self._rows: dict[RowId, KnownSession] = {}
        self._ids: dict[str, tuple[RowId, ...]] = {}
        self._children: dict[RowId, dict[RowId, None]] = {}
        self._with_closed: set[str] = set()
        self.is_complete = False
        """Whether all that the projection knows was read."""

    def put(self, session_id: str, standing: Sequence[SessionRow], closed: Sequence[SessionRow]) -> None:
        """Take over what there is of a session id: its ledgers, and what was retired; without any it goes."""
        by_org: dict[str, list[tuple[SessionRow, bool]]] = {}
        for parts, stands in ((standing, True), (closed, False)):
            for part in parts:
                by_org.setdefault(part.org_id, []).append((part, stands))
        for row_id in self._ids.pop(session_id, ()):
            self._take_from_parent(self._rows.pop(row_id))
        if by_org:
            rows = [_added_up([part for part, _ in own], any(stands for _, stands in own)) for own in by_org.values()]
            self._rows.update((row.id, row) for row in rows)
            self._ids[session_id] = tuple(row.id for row in rows)
            for row in rows:
                if row.parent is not None:
                    self._children.setdefault(row.parent, {})[row.id] = None
        (self._with_closed.add if closed else self._with_closed.discard)(session_id)

    def _take_from_parent(self, row: KnownSession) -> None:
        if row.parent is None:
            return
        others = self._children[row.parent]
        del others[row.id]
        if not others:
            del self._children[row.parent]

    def get(self, row_id: RowId) -> KnownSession | None:
        """A session, if it is known."""
        return self._rows.get(row_id)

    def named(self, session_id: str) -> list[KnownSession]:
        """The sessions of an id: one of each organisation that has it."""
        return [self._rows[row_id] for row_id in self._ids.get(session_id, ())]

    def children(self, row_id: RowId) -> list[KnownSession]:
        """The sessions that are a part of one, oldest first; that one need not be known."""
        found = [self._rows[child] for child in self._children.get(row_id, ())]
        return sorted(found, key=lambda row: (row.first_event_at, row.session_id))

    def has_closed(self, session_id: str) -> bool:
        """Whether something of the session was retired, as far as is known here."""
        return session_id in self._with_closed

    def closed_beside(self, ids: Set[str]) -> list[str]:
        """Sessions with something retired that are not among these."""
        return sorted(self._with_closed - ids)

    def rows(self) -> list[KnownSession]:
        """Every row, as of now."""
        return list(self._rows.values())


def _added_up(parts: list[SessionRow], stands: bool) -> KnownSession:  # noqa: FBT001  # the one thing that parts do not say
    first = min(parts, key=lambda part: (part.first_event_at, part.source_partition))
    costs: dict[str, int] = {}
    for part in parts:
        for model, sums in part.by_model.items():
            costs[model] = costs.get(model, 0) + pico_from_text(sums.cost_usd)
    return KnownSession(
        session_id=first.session_id,
        org_id=first.org_id,
        agent_id=first.agent_id,
        parent_session_id=next((part.parent_session_id for part in parts if part.parent_session_id), None),
        first_event_at=first.first_event_at,
        last_event_at=max(part.last_event_at for part in parts),
        spend_pico_usd=sum(pico_from_text(part.cost_usd) for part in parts),
        events=sum(part.events for part in parts),
        runs=sum(part.runs for part in parts),
        tool_calls=sum(part.tool_calls for part in parts),
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
        unpriced_tokens=sum(part.unpriced_tokens for part in parts),
        models=len(costs),
        main_model=min(costs, key=lambda model: (-costs[model], model), default=""),
        is_retired=not stands,
    )


def _place(found: tuple[SessionPlace, KnownSession]) -> SessionPlace:
    return found[0]


def _holds(row: KnownSession, part: str) -> bool:
    return any(part in name.casefold() for name in (row.session_id, row.agent_id, row.org_id))
