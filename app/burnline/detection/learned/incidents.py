"""The life of learned incidents: opened, escalated, resolved; told once, at the widest scope that explains them.

A session's incident stays open until nothing of it was out of range for an hour, so that a burn that swings about the
line is one incident; an agent's for six hours, since its sessions come and go. The third session of an agent within an
hour makes an incident of the agent, and so does a rule that speaks of the agent; while it is open its sessions are not
told of. What a policy does not let be told is held until it does, or until it is over. Times are event times: what
becomes of a log does not depend on when it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from burnline.detection.anomaly import ResolvedBy, Severity, State
from burnline.detection.learned.causes import Split
from burnline.detection.learned.notice import Incident, IncidentEvidence, Place, incident_id
from burnline.detection.learned.policy import Policies
from burnline.detection.learned.rules import Cause
from burnline.detection.learned.words import summary
from burnline.pricing.money import usd_text

HOUR_MS = 3_600_000
SESSION_QUIET_MS = HOUR_MS
AGENT_QUIET_MS = 6 * HOUR_MS
SESSIONS_OF_AN_AGENT = 3
"""So many sessions of an agent within an hour are one incident of the agent."""
TOLD_MEMBERS = 20
CRITICAL_RATIO = 15
"""Critical from so many times the usual burn."""


@dataclass(slots=True)
class Finding:
    """What was out of range with one call.

    Attributes:
        org_id, agent_id, session_id, event_id, at_ms: The call.
        wide: Whether the agent as a whole is meant.
        cause: Why.
        burn: The session's burn, pico-USD per hour; so is `usual`, 0 if it is not known.
        session_pico_usd, session_active_ms: The session so far.
        recent_pico_usd: The last five minutes of it.
        change: The split of burn less usual; None if usual is not known.
        statistic, ratio_to_highest, learned_from: The evidence.
        place: Where its event stands in a topic, if it does.
    """

    org_id: str
    agent_id: str
    session_id: str
    event_id: str
    at_ms: int
    wide: bool
    cause: Cause
    burn: int
    usual: int
    session_pico_usd: int
    session_active_ms: int
    recent_pico_usd: int
    change: Split | None
    statistic: str
    ratio_to_highest: float | None
    learned_from: str
    place: Place | None = None


@dataclass(slots=True)
class _Open:
    """An open incident; `seen` has each member's money and activity when it was last told of."""

    first: Finding
    last: Finding
    scope: str
    severity: Severity
    revision: int = 1
    state: State = State.OPENED
    spent: int = 0
    active_ms: int = 0
    peak: int = 0
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    held: bool = False
    """Not told yet: its policy does not let it."""
    policy: str = ""
    policy_version: int = 0

    @property
    def ends_ms(self) -> int:
        """When it is over if nothing more happens."""
        return self.last.at_ms + (SESSION_QUIET_MS if self.scope == "session" else AGENT_QUIET_MS)

    def add(self, finding: Finding) -> None:
        """Go on with what was found."""
        before = self.seen.get(finding.session_id)
        if before is None:
            self.spent += finding.recent_pico_usd
            self.active_ms += 300_000
        else:
            self.spent += finding.session_pico_usd - before[0]
            self.active_ms += finding.session_active_ms - before[1]
        self.seen[finding.session_id] = finding.session_pico_usd, finding.session_active_ms
        self.peak = max(self.peak, finding.burn)
        if _is_critical(finding):
            self.severity = Severity.CRITICAL
        if finding.at_ms >= self.last.at_ms:
            self.last = finding

    @property
    def excess(self) -> int:
        """What was spent above usual."""
        return max(0, self.spent - self.last.usual * self.active_ms // HOUR_MS)


class IncidentsState(msgspec.Struct, frozen=True):
    """Open incidents of sessions and of agents, and when sessions' were opened of late, by org and agent."""

    sessions: list[_Open]
    agents: list[_Open]
    opened: list[tuple[str, str, list[int]]]


class Incidents:
    """All open incidents. At most one per session, and one per agent."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._sessions: dict[tuple[str, str, str], _Open] = {}
        self._agents: dict[tuple[str, str], _Open] = {}
        self._opened: dict[tuple[str, str], list[int]] = {}

    def __len__(self) -> int:
        return len(self._sessions) + len(self._agents)

    def set_policies(self, policies: Policies) -> None:
        """What is told for the first time from now on is told by these."""
        self._policies = policies

    def save(self) -> IncidentsState:
        """All that is open."""
        opened = [(*agent, times) for agent, times in self._opened.items()]
        return IncidentsState(list(self._sessions.values()), list(self._agents.values()), opened)

    def load(self, state: IncidentsState) -> None:
        """Go on with what was open elsewhere."""
        self._sessions = {
            (each.first.org_id, each.first.agent_id, each.first.session_id): each for each in state.sessions
        }
        self._agents = {(each.first.org_id, each.first.agent_id): each for each in state.agents}
        self._opened = {(org, agent): times for org, agent, times in state.opened}

    def find(self, finding: Finding) -> list[Incident]:
        """What follows from a finding: usually nothing, or one notice."""
        agent = finding.org_id, finding.agent_id
        session = *agent, finding.session_id
        if (wide := self._agents.get(agent)) is not None:
            wide.add(finding)
            return self._release(wide)
        if (known := self._sessions.get(session)) is not None:
            known.add(finding)
            return self._release(known)
        members = [each for key, each in self._sessions.items() if key[:2] == agent]
        recent = [at for at in self._opened.get(agent, ()) if finding.at_ms - at < HOUR_MS] + [finding.at_ms]
        self._opened[agent] = recent
        if not finding.wide and len(recent) < SESSIONS_OF_AN_AGENT:
            opened = self._sessions[session] = _begun(finding, "session")
            return self._release(opened)
        opened = self._agents[agent] = _begun(finding, "agent")
        others = self._widen(opened, members) if members else []
        return [*self._release(opened), *(_merged(each, finding.at_ms) for each in others)]

    def _release(self, begun: _Open) -> list[Incident]:
        """Tell of an incident for the first time, once its policy lets it; what was told before goes on being told."""
        policy = self._policies.of(begun.first.org_id, begun.first.agent_id)
        told_before = begun.state is State.ESCALATED
        if not begun.held or not (told_before or policy.lets_tell(begun.last.at_ms, begun.spent)):
            return []
        begun.held, begun.policy, begun.policy_version = False, policy.name, policy.version
        return [_notice(begun)]

    def _widen(self, opened: _Open, members: list[_Open]) -> list[_Open]:
        """Make one incident of those of the sessions: it goes on under the id of the first that was told.

        Which ones end by that: those that were told, too.
        """
        members = sorted(members, key=lambda each: (each.held, each.first.at_ms, each.first.session_id))
        opened.first = members[0].first
        if not members[0].held:
            opened.state, opened.revision = State.ESCALATED, max(each.revision for each in members) + 1
        opened.seen = {name: seen for each in [*members, opened] for name, seen in each.seen.items()}
        for each in members:
            opened.spent += each.spent
            opened.active_ms += each.active_ms
            opened.peak = max(opened.peak, each.peak)
            if each.severity is Severity.CRITICAL:
                opened.severity = Severity.CRITICAL
            del self._sessions[each.first.org_id, each.first.agent_id, each.first.session_id]
        return [each for each in members[1:] if not each.held]

    def settle(self, now_ms: int) -> list[Incident]:
        """Resolve what is over at a moment, in the order of its ends."""
        over = sorted(
            (each for each in self._all() if each.ends_ms <= now_ms),
            key=lambda each: (each.ends_ms, each.first.org_id, each.first.agent_id, each.first.session_id),
        )
        for each in over:
            agent = each.first.org_id, each.first.agent_id
            if each.scope == "agent":
                del self._agents[agent]
            else:
                del self._sessions[*agent, each.first.session_id]
        for agent, opened in list(self._opened.items()):
            if now_ms - opened[-1] >= HOUR_MS:
                del self._opened[agent]
        return [_resolved(each) for each in over if not each.held]

    def _all(self) -> Iterator[_Open]:
        yield from self._sessions.values()
        yield from self._agents.values()


def _is_critical(finding: Finding) -> bool:
    return finding.usual > 0 and finding.burn > CRITICAL_RATIO * finding.usual


def _begun(finding: Finding, scope: str) -> _Open:
    severity = Severity.CRITICAL if _is_critical(finding) else Severity.WARNING
    opened = _Open(finding, finding, scope, severity, held=True)
    opened.add(finding)
    return opened


def _resolved(over: _Open) -> Incident:
    over.revision += 1
    over.state = State.RESOLVED
    return _notice(over, over.ends_ms, ResolvedBy.EVENT_TIME)


def _merged(member: _Open, at_ms: int) -> Incident:
    """The end of an incident that goes on as part of its agent's: whoever shows it as open shows it no more."""
    member.revision += 1
    member.state = State.RESOLVED
    notice = _notice(member, at_ms, ResolvedBy.EVENT_TIME)
    return notice.model_copy(update={"summary": f"{notice.summary} It goes on as part of one incident of the agent."})


def _notice(told: _Open, at_ms: int | None = None, resolved_by: ResolvedBy | None = None) -> Incident:
    first, last = told.first, told.last
    known = last.usual > 0
    above = max(0, last.burn - last.usual) if resolved_by is None else 0
    return Incident(
        anomaly_id=incident_id(first.org_id, first.agent_id, first.session_id, first.event_id),
        revision=told.revision,
        state=told.state,
        severity=told.severity,
        scope="session" if told.scope == "session" else "agent",
        org_id=first.org_id,
        agent_id=first.agent_id,
        session_id=first.session_id if told.scope == "session" else None,
        sessions=list(told.seen)[:TOLD_MEMBERS],
        opened_at=first.at_ms,
        updated_at=last.at_ms if at_ms is None else at_ms,
        cause=last.cause if told.state is State.OPENED else first.cause,
        summary=summary(told.scope, last, len(told.seen), told.excess if known else None, over=resolved_by is not None),
        burn_usd_per_hour=usd_text(last.burn),
        usual_usd_per_hour=usd_text(last.usual) if known else None,
        peak_usd_per_hour=usd_text(told.peak),
        spend_usd=usd_text(told.spent),
        excess_usd=usd_text(told.excess) if known else None,
        excess_usd_per_hour=usd_text(above) if known else None,
        change_usd_per_hour={name: usd_text(part) for name, part in last.change._asdict().items()}
        if last.change
        else {},
        evidence=IncidentEvidence(
            event_id=last.event_id,
            occurred_at=last.at_ms,
            statistic=last.statistic,
            ratio_to_highest=last.ratio_to_highest,
            learned_from=last.learned_from,
            place=last.place,
        ),
        resolved_by=resolved_by,
        policy=told.policy or None,
        policy_version=told.policy_version or None,
    )
