"""Incidents of teams, projects, organisations and session trees, and what of their members' is folded into them. Pure.

An incident is told once, at the widest scope that explains it. A wide one begins when its scope is out of the ordinary
(`scopes.py`), or when three agents of it have gone out of range for the same cause within an hour. Incidents of its
members that are about money itself, or about that cause, become part of it: the first that was told goes on as the wide
one, under its id; others that were told end, and say why; further ones are not told. What a member does that the wide
one does not explain is told beside it: another cause, or more than two thirds of all the excess. It is over an hour
after its scope was last out of the ordinary, and none of its members' incidents is open any more.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from burnline.detection.anomaly import Anomaly, Evidence, Learned, ResolvedBy, Severity, State, anomaly_id
from burnline.detection.baseline import LEARNED
from burnline.detection.burn import ratio_text
from burnline.detection.learned.meters import HOUR_MS
from burnline.detection.learned.notice import Place
from burnline.detection.learned.rules import Cause
from burnline.detection.rule import SECONDS_PER_HOUR
from burnline.detection.subject import AnomalyScope, Member, Subject
from burnline.detection.summary import with_summary
from burnline.detector.notices import WINDOW as FINDING_WINDOW
from burnline.detector.scopes import HOLDS, TOLD_MEMBERS, Found
from burnline.detector.spenders import Owned, subjects_of
from burnline.pricing.money import PICO_PER_USD, pico_from_text, usd_text

QUIET_MS = HOUR_MS
AGENTS_OF_A_SCOPE = 3
"""So many agents that go out of range for one cause within an hour are one incident of what they are all part of."""
CRITICAL_RATIO = 3
"""Critical from so many times the usual burn."""
_OF_MONEY = frozenset({Cause.VOLUME, Cause.FAN_OUT})
"""Causes that the money of a wider scope explains."""


class Where(NamedTuple):
    """For whom the event of a notice was, and the root of its session."""

    team_id: str | None
    project_code: str | None
    root: str


class Heard(msgspec.Struct):
    """An open incident of a session or an agent, as it was told last."""

    where: Where
    opened_ms: int
    json: bytes
    folded: bool = False

    @property
    def notice(self) -> Anomaly:
        """The newest notice, read anew each time."""
        return Anomaly.model_validate_json(self.json)


class Wide(msgspec.Struct):
    """An open wide incident. Money in pico-USD."""

    scope: AnomalyScope
    org_id: str
    name: str
    anomaly_id: str
    revision: int
    opened_at: int
    cause: Cause
    found: Found
    last_out_ms: int
    spent: int
    peak: int
    severity: Severity
    folded: list[str] = []
    members: dict[str, int] = {}

    @property
    def subject(self) -> Subject:
        """Its scope."""
        return Subject(self.scope, self.org_id, self.name)


_Members = dict[str, Heard]


class FoldingState(msgspec.Struct, frozen=True):
    """All that is held."""

    wide: list[Wide]
    heard: list[tuple[str, Heard]]


class Folding:
    """All open wide incidents, and those of sessions and agents that may become part of one."""

    def __init__(self, topic: str, *, suggests: bool) -> None:
        """Take the usage topic's full name, and whether notices are only shown."""
        self._topic = topic
        self._suggests = suggests
        self._wide: dict[Subject, Wide] = {}
        self._heard: dict[str, Heard] = {}

    def __len__(self) -> int:
        """Wide incidents that are open."""
        return len(self._wide)

    def hear(self, notice: Anomaly, where: Where | None) -> list[Anomaly]:
        """A notice of a session or an agent: what is to be told in its place.

        Args:
            notice: What the learned rules tell.
            where: Whose event it is about; None where that is not at hand, at its end.
        """
        known = self._heard.get(notice.anomaly_id)
        if notice.state is State.RESOLVED:
            self._heard.pop(notice.anomaly_id, None)
            return self._ended(notice) if known is not None and known.folded else [notice]
        if known is not None:
            known.json = notice.model_dump_json().encode()
            return [] if known.folded else [notice]
        if where is None:
            return [notice]
        heard = self._heard[notice.anomaly_id] = Heard(where, notice.updated_at, notice.model_dump_json().encode())
        if (wide := self._explaining(notice, where)) is not None:
            heard.folded = True
            wide.folded.append(notice.anomaly_id)
            wide.members[notice.agent_id] = max(wide.members.get(notice.agent_id, 0), _excess(notice))
            wide.last_out_ms = max(wide.last_out_ms, notice.updated_at)
            return []
        return self._alike(notice, where) or [notice]

    def _ended(self, notice: Anomaly) -> list[Anomaly]:
        for wide in self._wide.values():
            if notice.anomaly_id in wide.folded:
                wide.folded.remove(notice.anomaly_id)
                wide.last_out_ms = max(wide.last_out_ms, notice.updated_at - QUIET_MS)
        return []

    def _explaining(self, notice: Anomaly, where: Where) -> Wide | None:
        """The open wide incident that explains what a member does, if there is one; the narrowest."""
        for subject in _subjects(notice, where):
            wide = self._wide.get(subject)
            if wide is None or not (_cause(notice) in _OF_MONEY or _cause(notice) is wide.cause):
                continue
            if _cause(notice) is wide.cause and wide.cause not in _OF_MONEY:
                return wide
            if _excess(notice) < HOLDS * wide.found.excess:
                return wide
        return None

    def _alike(self, notice: Anomaly, where: Where) -> list[Anomaly]:
        """What follows if a third agent goes out of range for the same cause."""
        recent = (
            (one_id, one, one.notice)
            for one_id, one in self._heard.items()
            if not one.folded and notice.updated_at - one.opened_ms < HOUR_MS
        )
        alike = [each for each in recent if _cause(each[2]) is _cause(notice)]
        for subject in _subjects(notice, where):
            if subject.scope is AnomalyScope.TREE or subject in self._wide:
                continue
            part = [(one_id, one, told) for one_id, one, told in alike if subject in _subjects(told, one.where)]
            notices = [told for _, _, told in part]
            if len({told.agent_id for told in notices}) >= AGENTS_OF_A_SCOPE:
                members = {one_id: one for one_id, one, _ in part}
                found = _found_of(subject, where, notices, notice)
                return self._begin(found, members, _cause(notice), notice.anomaly_id)
        return []

    def find(self, found: Found) -> list[Anomaly]:
        """A scope is out of the ordinary in a minute: what is to be told; usually nothing or one notice."""
        wide = self._covering(found)
        if wide is not None:
            _go_on(wide, found)
            if wide.severity is Severity.WARNING and _is_critical(found):
                return [self._escalated(wide, Severity.CRITICAL)]
            return []
        members = {
            one_id: one
            for one_id, one, told in ((one_id, one, one.notice) for one_id, one in self._heard.items())
            if found.subject in _subjects(told, one.where)
            and _cause(told) in _OF_MONEY
            and (one.folded or _excess(told) < HOLDS * found.excess)
        }
        cause = Cause.FAN_OUT if found.scope is AnomalyScope.TREE else Cause.VOLUME
        return self._begin(found, members, cause)

    def _covering(self, found: Found) -> Wide | None:
        """The open incident of the scope itself, or of a wider one that is about money too."""
        if (own := self._wide.get(found.subject)) is not None:
            return own
        around = [each for each in subjects_of(found) if each.scope.width > found.scope.width]
        wider = [wide for each in reversed(around) if (wide := self._wide.get(each)) and wide.cause in _OF_MONEY]
        return wider[0] if wider else None

    def _begin(self, found: Found, members: _Members, cause: Cause, newest: str | None = None) -> list[Anomaly]:
        """A wide incident, made of what is open of its members and of narrower scopes; the newest one was not told."""
        narrower = [self._wide.pop(each) for each in sorted(self._wide) if _is_part(self._wide[each], found, cause)]
        told = [self._notice(one, State.OPENED) for one in narrower]
        told += [one.notice for one_id, one in members.items() if not one.folded and one_id != newest]
        told.sort(key=lambda each: (each.opened_at, each.anomaly_id))
        evidence = Evidence(self._topic, found.place.partition, found.place.offset, found.event_id)
        wide = Wide(
            *found.subject,
            anomaly_id=anomaly_id(evidence, found.org_id, f"{found.scope}/{found.name}"),
            revision=1,
            opened_at=found.at_ms,
            cause=cause,
            found=found,
            last_out_ms=found.at_ms,
            spent=found.hour,
            peak=max(found.burns.values()),
            severity=Severity.CRITICAL if _is_critical(found) else Severity.WARNING,
            folded=sorted({*members, *(each for one in narrower for each in one.folded)}),
            members=dict(found.members),
        )
        if told:
            wide.anomaly_id, wide.opened_at = told[0].anomaly_id, told[0].opened_at
            wide.revision = max(each.revision for each in told) + 1
        for one in members.values():
            one.folded = True
        self._wide[wide.subject] = wide
        opening = self._notice(wide, State.ESCALATED if told else State.OPENED)
        return [opening, *(_merged(each, found.at_ms, wide.subject) for each in told[1:])]

    def _escalated(self, wide: Wide, severity: Severity) -> Anomaly:
        wide.severity = severity
        wide.revision += 1
        return self._notice(wide, State.ESCALATED)

    def settle(self, now_ms: int) -> list[Anomaly]:
        """Resolve what is over at a moment."""
        over = [wide for wide in self._wide.values() if not wide.folded and wide.last_out_ms + QUIET_MS <= now_ms]
        notices = []
        for wide in sorted(over, key=lambda each: (each.last_out_ms, each.subject)):
            del self._wide[wide.subject]
            wide.revision += 1
            notices.append(self._notice(wide, State.RESOLVED))
        return notices

    def _notice(self, wide: Wide, state: State) -> Anomaly:
        found, over = wide.found, state is State.RESOLVED
        at_ms = wide.last_out_ms + QUIET_MS if over else wide.last_out_ms
        members = sorted(wide.members.items(), key=lambda each: (-each[1], each[0]))
        notice = Anomaly(
            anomaly_id=wide.anomaly_id,
            revision=wide.revision,
            state=state,
            severity=wide.severity,
            scope=wide.scope,
            subject=wide.name,
            org_id=wide.org_id,
            agent_id=found.agent_id,
            session_id=found.session_id,
            opened_at=wide.opened_at,
            updated_at=at_ms,
            burn_usd_per_hour={window: usd_text(burn) for window, burn in found.burns.items()},
            baseline_usd_per_hour=usd_text(found.usual),
            baseline_source=LEARNED,
            multiplier="1",
            ratio=ratio_text(found.burn, SECONDS_PER_HOUR, found.usual),
            spend_usd=usd_text(wide.spent),
            evidence=Evidence(self._topic, found.place.partition, found.place.offset, found.event_id),
            detected_after_s=max(0, at_ms - found.at_ms) // 1000 if not over else 0,
            resolved_by=ResolvedBy.EVENT_TIME if over else None,
            excess_usd_per_hour=usd_text(0 if over else found.excess),
            learned=Learned(
                suggested=self._suggests,
                cause=wide.cause,
                summary=_summary(wide, over=over),
                sessions=found.sessions,
                usual_usd_per_hour=usd_text(found.usual) if found.usual else None,
                peak_usd_per_hour=usd_text(wide.peak),
                excess_usd=usd_text(max(0, wide.spent - found.usual)),
                excess_usd_per_hour=usd_text(0 if over else found.excess),
                change_usd_per_hour={},
                statistic=found.statistic,
                ratio_to_highest=found.ratio_to_highest,
                learned_from=found.learned_from,
            ),
            members=[
                Member(
                    scope=AnomalyScope.SESSION if wide.scope is AnomalyScope.TREE else AnomalyScope.AGENT,
                    name=name,
                    excess_usd_per_hour=usd_text(excess),
                )
                for name, excess in members[:TOLD_MEMBERS]
            ],
        )
        return with_summary(notice)

    def save(self) -> FoldingState:
        """All that is held."""
        return FoldingState(list(self._wide.values()), list(self._heard.items()))

    def load(self, state: FoldingState) -> None:
        """Go on with what another one held."""
        self._wide = {wide.subject: wide for wide in state.wide}
        self._heard = dict(state.heard)


def _subjects(notice: Anomaly, where: Where) -> list[Subject]:
    """What a member's incident is part of, the narrowest first."""
    owned = Owned(notice.org_id, where.team_id, where.project_code)
    return [Subject(AnomalyScope.TREE, notice.org_id, where.root), *reversed(list(subjects_of(owned)))]


def _cause(notice: Anomaly) -> Cause:
    return notice.learned.cause if notice.learned else Cause.VOLUME


def _burn(notice: Anomaly) -> int:
    return max(pico_from_text(burn) for burn in notice.burn_usd_per_hour.values())


def _excess(notice: Anomaly) -> int:
    """Burn above usual, pico-USD per hour; all of it where usual is not known."""
    return _burn(notice) if notice.excess_usd_per_hour is None else pico_from_text(notice.excess_usd_per_hour)


def _is_critical(found: Found) -> bool:
    return found.usual > 0 and found.burn > CRITICAL_RATIO * found.usual


def _is_part(wide: Wide, found: Found, cause: Cause) -> bool:
    """Whether an open incident of a narrower scope is part of a wider one that begins."""
    if wide.org_id != found.org_id or wide.scope.width >= found.scope.width:
        return False
    if wide.cause is not cause and not {wide.cause, cause} <= _OF_MONEY:
        return False
    return found.scope is AnomalyScope.ORG or found.subject in set(subjects_of(wide.found))


def _go_on(wide: Wide, found: Found) -> None:
    wide.last_out_ms = max(wide.last_out_ms, found.at_ms)
    if found.subject == wide.subject:
        wide.found = found
        wide.spent += found.minute
        wide.peak = max(wide.peak, *found.burns.values())
        for name, excess in found.members:
            wide.members[name] = max(excess, wide.members.get(name, 0))


def _found_of(subject: Subject, where: Where, notices: Sequence[Anomaly], newest: Anomaly) -> Found:
    """Agents that went out of range for one cause, as what was found of the scope that they are part of."""
    by_agent = {notice.agent_id: _excess(notice) for notice in notices}
    burn = sum(map(_burn, notices))
    learned = newest.learned
    return Found(
        *subject,
        at_ms=newest.updated_at,
        event_id=newest.evidence.event_id,
        place=Place(newest.evidence.partition, newest.evidence.offset, newest.updated_at),
        agent_id=newest.agent_id,
        session_id=newest.session_id,
        team_id=where.team_id,
        project_code=where.project_code,
        minute=0,
        hour=sum(pico_from_text(notice.spend_usd) for notice in notices),
        burns={FINDING_WINDOW: burn},
        usual=sum(pico_from_text(notice.baseline_usd_per_hour) for notice in notices),
        excess=sum(map(_excess, notices)),
        members=sorted(by_agent.items(), key=lambda each: (-each[1], each[0])),
        sessions=[notice.session_id for notice in notices],
        statistic=learned.statistic if learned else "",
        ratio_to_highest=learned.ratio_to_highest if learned else None,
        learned_from=f"{len(by_agent)} of its agents, out of their own ranges for the same cause within an hour",
    )


def _merged(member: Anomaly, at_ms: int, subject: Subject) -> Anomaly:
    """The end of an incident that goes on as part of a wider one: whoever shows it as open shows it no more."""
    learned = member.learned
    words = f"It goes on as part of one incident of {subject}."
    ended = member.model_copy(
        update={
            "state": State.RESOLVED,
            "revision": member.revision + 1,
            "updated_at": max(member.updated_at, at_ms),
            "resolved_by": ResolvedBy.EVENT_TIME,
            "learned": learned and learned.model_copy(update={"summary": f"{learned.summary} {words}"}),
        }
    )
    return with_summary(ended)


def _summary(wide: Wide, *, over: bool) -> str:
    found, many = wide.found, len(wide.members)
    of = "sessions" if wide.scope is AnomalyScope.TREE else "agents"
    who = f"{wide.subject}, {many} of its {of}"
    if over:
        return f"{who}: it is over. {_usd(wide.spent)} USD spent since an hour before it began."
    what = "one session has fanned out" if wide.scope is AnomalyScope.TREE else _WHAT.get(wide.cause)
    what = what or f"the same at once: {wide.cause.value.replace('_', ' ')}"
    usual = f", usually {_usd(found.usual)}" if found.usual else ""
    return f"{who}: {what}. Together they burn {_usd(found.burn)} USD/h{usual}."


_WHAT = {
    Cause.VOLUME: "many spend more than they usually do, and none of them explains it alone",
    Cause.FAN_OUT: "more work at once than ever before",
}


def _usd(pico_usd: int) -> str:
    return f"{pico_usd / PICO_PER_USD:.2f}"
