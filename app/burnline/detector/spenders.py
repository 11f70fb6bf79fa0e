"""Who spends what for whom, by the minute: what the wider scopes are added up from. Pure.

An agent at work for one team and project is a spender; a session with all that descend from it is a tree. Events are
gathered for a minute of the log's time, and only then added to these: an event costs a look into one dictionary.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from burnline.detection.learned.notice import Place
from burnline.detection.learned.ranges import HISTORY_DAYS
from burnline.detection.subject import AnomalyScope, Subject
from burnline.events.usage import Usage

MINUTE_MS = 60_000
DAY_MINUTES = 1_440
WINDOW_MINUTES = 60
SHORT_MINUTES = 15
Announced = Callable[[str, str], bool]
"""Whether a spike of an agent (organisation, agent) is announced now."""


class Spender(msgspec.Struct):
    """One agent at work for one team and project. Money in pico-USD.

    Attributes:
        minutes: What was spent, by minute of event time; none older than an hour.
        day_pico: Sum over the minutes of this day of what the hour before each held, while that was anything.
        day_minutes: How many minutes that were.
        days: (day, `day_pico`, `day_minutes`) of the days before.
    """

    org_id: str
    agent_id: str
    team_id: str | None
    project_code: str | None
    minutes: dict[int, int] = {}
    day_pico: int = 0
    day_minutes: int = 0
    days: list[tuple[int, int, int]] = []

    def usual(self) -> int:
        """What an hour of its work costs in the mean, by the days before; 0 if it had none."""
        minutes = sum(each[2] for each in self.days)
        return sum(each[1] for each in self.days) // minutes if minutes else 0

    def close_day(self, day: int) -> bool:
        """The day is over; whether anything is left to be remembered."""
        if self.day_minutes:
            self.days.append((day, self.day_pico, self.day_minutes))
            self.day_pico = self.day_minutes = 0
        self.days = [each for each in self.days if each[0] > day - HISTORY_DAYS]
        return bool(self.days or self.minutes)


class Tree(msgspec.Struct):
    """A session and its descendants, as far as they work for one team and project.

    Attributes:
        agent_id: Whose session the root is, or the first of its descendants that was seen.
        sessions: Those of the hour: the minute in which each was seen last, and what it has spent since it came.
    """

    org_id: str
    root: str
    agent_id: str
    team_id: str | None
    project_code: str | None
    minutes: dict[int, int] = {}
    sessions: dict[str, tuple[int, int]] = {}


class Entry(msgspec.Struct):
    """What one session has spent for one team and project in one minute, and the first event of it."""

    org_id: str
    agent_id: str
    session_id: str
    team_id: str | None
    project_code: str | None
    minute: int
    event_id: str
    place: Place
    pico_usd: int


_Key = tuple[int, str | None, str | None, int]
"""Number of the session, team, project, minute."""


class SpendersState(msgspec.Struct, frozen=True):
    """All that is held."""

    gathered: list[tuple[_Key, Entry]]
    parents: list[tuple[str, str, str, int]]
    spenders: list[Spender]
    trees: list[Tree]


class Spenders:
    """All spenders and trees. Events in the order of the log.

    Memory: about 0.7 KB for a spender of the last 14 days, 1 KB more while it works, and 1 KB for a tree of the hour.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._gathered: dict[_Key, Entry] = {}
        self._parents: dict[tuple[str, str], tuple[str, int]] = {}
        self._spenders: dict[tuple[str, str, str | None, str | None], Spender] = {}
        self._active: dict[tuple[str, str, str | None, str | None], Spender] = {}
        self._trees: dict[tuple[str, str, str | None, str | None], Tree] = {}

    def add(
        self, usages: Iterable[Usage], sessions: Iterable[int], costs: Iterable[int], places: Iterable[Place], now: int
    ) -> None:
        """Gather events.

        Args:
            usages: The events.
            sessions: A number for the session of each.
            costs: What each cost, pico-USD.
            places: Where each stands.
            now: The minute that the log's time is in: nothing is newer, and what is an hour older is passed over.
        """
        gathered = self._gathered
        for usage, session, cost, place in zip(usages, sessions, costs, places, strict=True):
            minute = usage.occurred_at // MINUTE_MS
            if minute > now:
                minute = now
            key = session, usage.team_id, usage.project_code, minute
            entry = gathered.get(key)
            if entry is not None:
                entry.pico_usd += cost
            elif minute > now - WINDOW_MINUTES:
                gathered[key] = Entry(
                    usage.org_id, usage.agent_id, usage.session_id, usage.team_id, usage.project_code, minute,
                    usage.event_id, place, cost,
                )  # fmt: skip
            if type(usage) is not Usage and usage.parent_session_id:
                self._parents[usage.org_id, usage.session_id] = usage.parent_session_id, now

    def take(self, now: int, announced: Announced) -> list[Entry]:
        """What was gathered in a minute that is over, added to its spenders and trees, which hold one hour from now on.

        What is announced is left out of all sums.
        """
        entries = [entry for entry in self._gathered.values() if not announced(entry.org_id, entry.agent_id)]
        self._gathered.clear()
        for entry in entries:
            if entry.minute > now - WINDOW_MINUTES:
                self._add(entry)
        self._forget(now)
        return entries

    def _add(self, entry: Entry) -> None:
        whose = entry.team_id, entry.project_code
        spender_key = entry.org_id, entry.agent_id, *whose
        spender = self._spenders.get(spender_key)
        if spender is None:
            spender = self._spenders[spender_key] = Spender(*spender_key)
        self._active[spender_key] = spender
        root = self.root_of(entry.org_id, entry.session_id)
        tree_key = entry.org_id, root, *whose
        tree = self._trees.get(tree_key)
        if tree is None:
            tree = self._trees[tree_key] = Tree(entry.org_id, root, entry.agent_id, *whose)
        if entry.session_id == root:
            tree.agent_id = entry.agent_id
        for minutes in (spender.minutes, tree.minutes):
            minutes[entry.minute] = minutes.get(entry.minute, 0) + entry.pico_usd
        last, spent = tree.sessions.get(entry.session_id, (entry.minute, 0))
        tree.sessions[entry.session_id] = max(last, entry.minute), spent + entry.pico_usd

    def _forget(self, now: int) -> None:
        oldest = now - WINDOW_MINUTES
        for spender in self._active.values():
            _drop(spender.minutes, oldest)
        self._active = {key: each for key, each in self._active.items() if each.minutes}
        for tree in self._trees.values():
            _drop(tree.minutes, oldest)
            for session in [session for session, seen in tree.sessions.items() if seen[0] <= oldest]:
                del tree.sessions[session]
        self._trees = {key: each for key, each in self._trees.items() if each.minutes}

    def root_of(self, org_id: str, session_id: str) -> str:
        """The session that a session descends from, as far as that is known; itself if it has no parent."""
        seen = {session_id}
        while (known := self._parents.get((org_id, session_id))) is not None and known[0] not in seen:
            session_id = known[0]
            seen.add(session_id)
        return session_id

    def all(self) -> Iterator[Spender]:
        """Those of the last 14 days that have spent anything in the hour, or have days behind them."""
        yield from (each for each in self._spenders.values() if each.minutes or each.days)

    def at_work(self) -> Iterator[Spender]:
        """Those that have spent anything in the hour."""
        yield from self._active.values()

    def trees(self) -> Iterator[Tree]:
        """Those that have spent anything in the hour."""
        yield from self._trees.values()

    def close_day(self, day: int) -> None:
        """A day is over: it becomes part of what is usual."""
        for key, spender in list(self._spenders.items()):
            if not spender.close_day(day):
                del self._spenders[key]
        oldest = day * DAY_MINUTES
        self._parents = {key: known for key, known in self._parents.items() if known[1] >= oldest}

    def save(self) -> SpendersState:
        """All that is held."""
        parents = [(*key, *known) for key, known in self._parents.items()]
        return SpendersState(
            list(self._gathered.items()), parents, list(self._spenders.values()), list(self._trees.values())
        )

    def load(self, state: SpendersState) -> None:
        """Go on with what another one held."""
        self._gathered = dict(state.gathered)
        self._parents = {(org, session): (parent, minute) for org, session, parent, minute in state.parents}
        self._spenders = {
            (each.org_id, each.agent_id, each.team_id, each.project_code): each for each in state.spenders
        }
        self._active = {key: each for key, each in self._spenders.items() if each.minutes}
        self._trees = {(each.org_id, each.root, each.team_id, each.project_code): each for each in state.trees}


class Owned(NamedTuple):
    """For whom something is spent."""

    org_id: str
    team_id: str | None
    project_code: str | None


class _HasOwner(Protocol):
    @property
    def org_id(self) -> str: ...
    @property
    def team_id(self) -> str | None: ...
    @property
    def project_code(self) -> str | None: ...


def subjects_of(owned: _HasOwner) -> Iterator[Subject]:
    """The wide scopes that something is part of, the widest first; a tree is none of them."""
    yield Subject(AnomalyScope.ORG, owned.org_id, owned.org_id)
    if owned.project_code:
        yield Subject(AnomalyScope.PROJECT, owned.org_id, owned.project_code)
    if owned.team_id:
        yield Subject(AnomalyScope.TEAM, owned.org_id, owned.team_id)


def _drop(minutes: dict[int, int], oldest: int) -> None:
    for minute in [minute for minute in minutes if minute <= oldest]:
        del minutes[minute]
