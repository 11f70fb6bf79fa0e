"""What teams, projects, organisations and session trees spend, held against their own past. Pure.

Once a minute of the log's time what every spender has spent in the hour is added up by scope. Two things are out of the
ordinary: most members at once spend more than they usually do (`breadth`: the mean of the logarithms of what each
spends over what it usually spends, the highest one left out), or the money of a quarter or an hour is far above what it
was on any day before.
Each is held against the highest value of the scope's own days, up to 14; a scope of fewer than three says nothing.

An excess is told of the narrowest scope that holds at least two thirds of it: what one agent or one session burns alone
is theirs, and left to the rules that look at them. So a wide scope is told of only where nothing within it explains it.
"""

import math
from collections.abc import Iterable
from itertools import chain

import msgspec

from burnline.detection.learned.notice import Place
from burnline.detection.subject import AnomalyScope, Subject
from burnline.detector.scope_past import STATISTICS, Limits, Past, Values
from burnline.detector.spenders import (
    DAY_MINUTES,
    MINUTE_MS,
    SHORT_MINUTES,
    Announced,
    Entry,
    Spender,
    Spenders,
    SpendersState,
    Tree,
    subjects_of,
)
from burnline.events.usage import Usage
from burnline.pricing.money import PICO_PER_USD

LIMITS = Limits(breadth=0.25, money_15m=1.1, money_1h=0.9)
"""Chosen on generated fortnights: organisations of 30 agents, cut into teams of 10 (docs/detection.md)."""
TREE_LIMITS = Limits(breadth=0.0, money_15m=1.2, money_1h=1.0)
LEAST_MEMBERS = 5
"""With fewer at work at once it is not told by how many of them spend more."""
TREE_SESSIONS = 3
"""A tree of fewer sessions is left to the rules for sessions."""
LEAST_EXCESS = PICO_PER_USD // 2
"""An hour that costs less than this above usual is nobody's concern: half a USD."""
HOLDS = 2 / 3
"""Who holds so much of an excess explains it."""
MOST_TIMES = 1.5
"""A member's logarithm of spent over usual counts up to this, and down to less this: none is the whole."""
TOLD_MEMBERS = 20


class Found(msgspec.Struct, frozen=True):
    """A scope that is out of the ordinary in a minute. Money in pico-USD.

    Attributes:
        scope, org_id, name: The scope.
        at_ms: When the minute was over.
        event_id, place: The first event of the session that has spent most for it in that minute.
        agent_id, session_id, team_id, project_code: That session.
        minute, hour: Spent in that minute, and in the hour before its end.
        burns: Burn per hour, by window.
        usual: What an hour of those who are at work usually costs; of a tree 0.
        excess: What each has spent above its usual, added up.
        members: Name of each agent (of a tree: each session) and its part of the excess; the largest 20.
        sessions: Sessions that were at work in that minute, the dearest 20.
        statistic: Which statistic says so.
        ratio_to_highest: Its value over the highest one of the days before.
        learned_from: How that came to be known, in words.
    """

    scope: AnomalyScope
    org_id: str
    name: str
    at_ms: int
    event_id: str
    place: Place
    agent_id: str
    session_id: str
    team_id: str | None
    project_code: str | None
    minute: int
    hour: int
    burns: dict[str, int]
    usual: int
    excess: int
    members: list[tuple[str, int]]
    sessions: list[str]
    statistic: str
    ratio_to_highest: float | None
    learned_from: str

    @property
    def subject(self) -> Subject:
        """The scope."""
        return Subject(self.scope, self.org_id, self.name)

    @property
    def burn(self) -> int:
        """Over the first of its windows, pico-USD per hour."""
        return next(iter(self.burns.values()))


class _Sums:
    """What a scope's members have spent, added up in a minute."""

    __slots__ = ("excess", "hour", "known", "logarithms", "members", "most", "quarter", "usual")

    def __init__(self) -> None:
        self.hour = self.quarter = self.usual = self.excess = self.known = 0
        self.logarithms, self.most = 0.0, -MOST_TIMES
        self.members: dict[str, int] = {}

    def add(self, name: str, hour: int, quarter: int, usual: int) -> None:
        self.hour += hour
        self.quarter += quarter
        self.usual += usual
        if hour > usual:
            self.excess += hour - usual
            self.members[name] = self.members.get(name, 0) + hour - usual
        if usual:
            self.known += 1
            times = max(-MOST_TIMES, min(MOST_TIMES, math.log(hour / usual)))
            self.logarithms += times
            self.most = max(self.most, times)

    def values(self) -> Values:
        others = self.known - 1
        breadth = (self.logarithms - self.most) / others if self.known >= LEAST_MEMBERS else None
        return breadth, _logarithm(self.quarter), _logarithm(self.hour)

    def holds_alone(self) -> bool:
        """Whether one member explains the excess."""
        return bool(self.members) and max(self.members.values()) >= HOLDS * self.excess


class ScopesState(msgspec.Struct, frozen=True):
    """All that is held, and the minute that the log's time was in."""

    minute: int
    spenders: SpendersState
    pasts: list[Past]


class Scopes:
    """All wide scopes. Events in the order of the log."""

    def __init__(self, announced: Announced) -> None:
        """Take whose spikes are announced: they are part of no sum."""
        self._announced = announced
        self._spenders = Spenders()
        self._pasts: dict[Subject, Past] = {}
        self._minute = -1
        self.root_of = self._spenders.root_of

    def add(
        self, usages: Iterable[Usage], sessions: Iterable[int], costs: Iterable[int], places: Iterable[Place]
    ) -> None:
        """Take events in that were not counted before: each with its session's number, its cost and its place."""
        self._spenders.add(usages, sessions, costs, places, self._minute)

    def move_on(self, log_ms: int) -> list[Found]:
        """The log's time has come to a moment: judge the minute that is over, if it is."""
        minute = log_ms // MINUTE_MS
        if minute <= self._minute:
            return []
        over, self._minute = self._minute, minute
        if over < 0:
            return []
        found = self._judge(over)
        if minute // DAY_MINUTES > over // DAY_MINUTES:
            self._close_day(over // DAY_MINUTES)
        return found

    def _close_day(self, day: int) -> None:
        self._spenders.close_day(day)
        for subject, past in list(self._pasts.items()):
            if not past.close_day(day):
                del self._pasts[subject]

    def _judge(self, minute: int) -> list[Found]:
        entries = self._spenders.take(minute, self._announced)
        if not entries:
            return []
        sums, trees = self._added_up(minute), self._of_trees(minute)
        fired: dict[Subject, tuple[int, float, int]] = {}
        for subject, each, limits in chain(
            ((subject, each, LIMITS) for subject, each in sums.items()),
            ((_kin(tree), each, TREE_LIMITS) for tree, each in trees.values()),
        ):
            past = self._pasts.get(subject)
            if past is None:
                past = self._pasts[subject] = Past(*subject)
            out = past.judge(each.values(), limits, matters=each.excess >= LEAST_EXCESS)
            if out is not None:
                fired[subject] = *out, len(past.days)
        return list(self._found(minute, entries, fired, sums, trees)) if fired else []

    def _added_up(self, minute: int) -> dict[Subject, _Sums]:
        sums: dict[Subject, _Sums] = {}
        for spender in self._spenders.at_work():
            hour = sum(spender.minutes.values())
            spender.day_pico += hour
            spender.day_minutes += 1
            if not hour:
                continue
            quarter, usual = _short(spender, minute), spender.usual()
            for subject in subjects_of(spender):
                found = sums.get(subject)
                if found is None:
                    found = sums[subject] = _Sums()
                found.add(spender.agent_id, hour, quarter, usual)
        return sums

    def _of_trees(self, minute: int) -> dict[tuple[str, str], tuple[Tree, _Sums]]:
        """Trees with enough sessions, by organisation and root; what is theirs for several teams added up."""
        found: dict[tuple[str, str], tuple[Tree, _Sums]] = {}
        names: dict[tuple[str, str], set[str]] = {}
        for tree in self._spenders.trees():
            key = tree.org_id, tree.root
            _, sums = found.setdefault(key, (tree, _Sums()))
            sums.hour += sum(tree.minutes.values())
            sums.quarter += _short(tree, minute)
            sums.excess = sums.hour
            for session, (_, spent) in tree.sessions.items():
                sums.members[session] = sums.members.get(session, 0) + spent
            names.setdefault(key, set()).update(tree.sessions)
        return {key: each for key, each in found.items() if len(names[key]) >= TREE_SESSIONS}

    def _found(
        self,
        minute: int,
        entries: list[Entry],
        fired: dict[Subject, tuple[int, float, int]],
        sums: dict[Subject, _Sums],
        trees: dict[tuple[str, str], tuple[Tree, _Sums]],
    ) -> Iterable[Found]:
        """What is told: of each organisation the narrowest scopes that hold what is out of the ordinary."""
        told: dict[Subject, tuple[int, float, int]] = {}
        for subject in sorted(fired, key=lambda each: (each.org_id, -each.scope.width, each.name)):
            if subject.scope is AnomalyScope.TREE:
                continue
            holder = _holder(subject, sums, trees, breadth=not fired[subject][0])
            if holder is not None:
                told.setdefault(holder, fired[subject])
        for (org_id, root), (tree, each) in trees.items():
            kin = _kin(tree)
            if kin in fired and not each.holds_alone():
                told.setdefault(Subject(AnomalyScope.TREE, org_id, root), fired[kin])
        for holder, (statistic, above, days) in told.items():
            of_tree = holder.scope is AnomalyScope.TREE
            each = trees[holder.org_id, holder.name][1] if of_tree else sums[holder]
            if of_tree:
                of_org = (one for one in entries if one.org_id == holder.org_id)
                own = [one for one in of_org if self.root_of(one.org_id, one.session_id) == holder.name]
            else:
                own = [one for one in entries if holder in subjects_of(one)]
            if own:
                yield _one(holder, minute, own, each, STATISTICS[statistic], math.exp(above), days)

    def last_at_work(self) -> dict[tuple[str, str], int]:
        """By organisation and agent, when it was at work last: to the minute within the hour, else to the day."""
        found: dict[tuple[str, str], int] = {}
        for spender in self._spenders.all():
            at_ms = (
                max(spender.minutes) * MINUTE_MS if spender.minutes else spender.days[-1][0] * DAY_MINUTES * MINUTE_MS
            )
            key = spender.org_id, spender.agent_id
            found[key] = max(at_ms, found.get(key, 0))
        return found

    def save(self) -> ScopesState:
        """All that is held."""
        return ScopesState(self._minute, self._spenders.save(), list(self._pasts.values()))

    def load(self, state: ScopesState) -> None:
        """Go on with what another one held."""
        self._minute = state.minute
        self._spenders.load(state.spenders)
        self._pasts = {each.subject: each for each in state.pasts}


def _kin(tree: Tree) -> Subject:
    """Whose days a tree is held against: those of all trees that begin with the same agent."""
    return Subject(AnomalyScope.TREE, tree.org_id, tree.agent_id)


def _holder(
    subject: Subject, sums: dict[Subject, _Sums], trees: dict[tuple[str, str], tuple[Tree, _Sums]], *, breadth: bool
) -> Subject | None:
    """The narrowest wide scope that explains an excess; None where one agent or one session does."""
    whole = sums[subject]
    least = HOLDS * whole.excess
    within = [each for each in sums if each.org_id == subject.org_id and sums[each].excess >= least]
    within.sort(key=lambda each: (each.scope.width, -sums[each].excess, each.name))
    held_by = next((each for each in within if _is_within(each, subject)), subject)
    if breadth:
        return held_by
    for (org_id, root), (_, tree) in trees.items():
        if org_id == subject.org_id and tree.hour >= least:
            return None if tree.holds_alone() else Subject(AnomalyScope.TREE, org_id, root)
    return None if sums[held_by].holds_alone() else held_by


def _is_within(narrow: Subject, wide: Subject) -> bool:
    return narrow == wide or narrow.scope.width < wide.scope.width


def _one(
    subject: Subject, minute: int, own: list[Entry], sums: _Sums, statistic: str, ratio: float, days: int
) -> Found:
    dearest = max(own, key=lambda entry: (entry.pico_usd, -entry.place.logged_ms, entry.event_id))
    by_session: dict[str, int] = {}
    for entry in own:
        by_session[entry.session_id] = by_session.get(entry.session_id, 0) + entry.pico_usd
    return Found(
        *subject,
        at_ms=(minute + 1) * MINUTE_MS,
        event_id=dearest.event_id,
        place=dearest.place,
        agent_id=dearest.agent_id,
        session_id=dearest.session_id,
        team_id=dearest.team_id,
        project_code=dearest.project_code,
        minute=sum(entry.pico_usd for entry in own),
        hour=sums.hour,
        burns={"3600s": sums.hour, "900s": sums.quarter * 4},
        usual=sums.usual,
        excess=sums.excess,
        members=_largest(sums.members),
        sessions=[name for name, _ in _largest(by_session)],
        statistic=statistic,
        ratio_to_highest=round(ratio, 3),
        learned_from=f"highest values of {days} of its own days",
    )


def _largest(parts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(parts.items(), key=lambda part: (-part[1], part[0]))[:TOLD_MEMBERS]


def _short(of: Spender | Tree, minute: int) -> int:
    return sum(pico for at, pico in of.minutes.items() if at > minute - SHORT_MINUTES)


def _logarithm(pico_usd: int) -> float | None:
    return math.log(pico_usd) if pico_usd > 0 else None
