"""All sessions of an agent together, held against what its policy says that they may burn in the mean. Pure.

Two hundred cheap sessions cross no line of one session. Their sum is judged by the burn tiers, over minutes, hours and
days; an event costs the same however many tiers there are, and nothing for agents without such a policy.
"""

from collections.abc import Iterable

import msgspec

from burnline.detection.anomaly import Anomaly, Evidence, ResolvedBy, Severity, State, anomaly_id
from burnline.detection.burn import burn_pico_usd_per_hour, ratio_text
from burnline.detection.learned.notice import Place
from burnline.detection.learned.policy import Policies, Policy
from burnline.detection.lifecycle import OpenAnomaly
from burnline.detection.rule import SLICE_S, BurnRule
from burnline.detection.subject import AnomalyScope
from burnline.detection.summary import with_summary
from burnline.detection.tiers import Tier, TierLines, ends_at, lines_of, look
from burnline.events.usage import Usage
from burnline.pricing.money import usd_text
from burnline.windows.rings import LONGEST_SLICES, Rings
from burnline.windows.slices import SLICE_MS, slice_index


class Watched(msgspec.Struct):
    """One agent: what was spent, and what is open over it. Money in pico-USD."""

    org_id: str
    agent_id: str
    rings: Rings = msgspec.field(default_factory=Rings)
    spent: int = 0
    slack: int = -1
    """So much may still be spent before a tier can burn that did not: until then nobody adds up."""
    delay_ms: int = 0
    anomaly: OpenAnomaly | None = None


class TiersState(msgspec.Struct, frozen=True):
    """All that is held: agents, and the slice that the log's time was in."""

    log_slice: int
    agents: list[Watched]


class AgentTiers:
    """Agents with a policy that says what they may burn. Events in the order of the log."""

    def __init__(self, topic: str, rule: BurnRule, policies: Policies) -> None:
        """Take the topic's full name, the workers' rule (for its recovery), and the policies."""
        self._topic = topic
        self._policies = policies
        self._any = _any_line(policies)
        self._recovery_factor = rule.recovery_factor
        self._lines: dict[int, tuple[TierLines, ...]] = {}
        self._agents: dict[tuple[str, str], Watched] = {}
        self._unwatched: set[tuple[str, str]] = set()
        self._open: set[tuple[str, str]] = set()
        self._log_slice = 0
        self._notices: list[Anomaly] = []

    def __len__(self) -> int:
        """Agents with an open anomaly."""
        return len(self._open)

    def set_policies(self, policies: Policies) -> None:
        """Judge by these from the next event on; what is open over an agent without a line any more is over."""
        before, self._policies, self._any = self._policies, policies, _any_line(policies)
        self._unwatched.clear()
        for key, agent in sorted(self._agents.items()):
            agent.slack = -1
            if policies.of(*key).usd_per_hour_pico is not None:
                continue
            if agent.anomaly is not None:
                self._end(key, agent, before.of(*key), agent.rings.newest_slice, ResolvedBy.EVENT_TIME)
            del self._agents[key]

    def take_notices(self) -> list[Anomaly]:
        """What is to be told since the last call, in its order."""
        notices, self._notices = self._notices, []
        return notices

    def add(self, usages: Iterable[Usage], costs: Iterable[int], places: Iterable[Place]) -> None:
        """Take events in that were not counted before, with what each cost in pico-USD and where it stands."""
        if not self._any:
            return
        for usage, cost, place in zip(usages, costs, places, strict=True):
            log_ms = place.logged_ms
            if log_ms // SLICE_MS > self._log_slice:
                self.move_on(log_ms, ResolvedBy.EVENT_TIME)
            key = usage.org_id, usage.agent_id
            if key in self._unwatched:
                continue
            agent = self._agents.get(key) or self._meet(key)
            if agent is None:
                continue
            at_ms = usage.occurred_at
            if at_ms > log_ms:  # no window ends later than the log
                at_ms = log_ms
            index = at_ms // SLICE_MS
            if index <= self._log_slice - LONGEST_SLICES:
                continue
            if index >= agent.rings.newest_slice:
                agent.delay_ms = log_ms - at_ms
            agent.rings.add(index, cost)
            agent.spent += cost
            agent.slack -= cost
            if agent.slack < 0:
                self._look(key, agent, usage, place, at_ms)

    def _meet(self, key: tuple[str, str]) -> Watched | None:
        if self._policies.of(*key).usd_per_hour_pico is None:
            self._unwatched.add(key)
            return None
        agent = self._agents[key] = Watched(*key)
        return agent

    def _lines_of(self, policy: Policy) -> tuple[TierLines, ...]:
        line = policy.usd_per_hour_pico or 0
        found = self._lines.get(line)
        if found is None:
            found = self._lines[line] = lines_of(line, self._recovery_factor)
        return found

    def _look(self, key: tuple[str, str], agent: Watched, usage: Usage, place: Place, at_ms: int) -> None:
        policy = self._policies.of(*key)
        current = agent.anomaly
        worse = [each for each in self._lines_of(policy) if current is None or _is_worse(each.tier, current)]
        tier, agent.slack = look(agent.rings, worse)
        if tier is None:
            return
        evidence = Evidence(self._topic, place.partition, place.offset, usage.event_id)
        if current is None:
            if not policy.lets_tell(at_ms, agent.rings.sum(tier.long_slices)):
                return
            agent.anomaly = OpenAnomaly(
                anomaly_id=anomaly_id(evidence, agent.org_id, f"agent/{agent.agent_id}"),
                revision=1,
                state=State.OPENED,
                severity=tier.severity,
                org_id=agent.org_id,
                agent_id=agent.agent_id,
                session_id=usage.session_id,
                opened_at=at_ms,
                updated_at=at_ms,
                evidence=evidence,
            )
            self._open.add(key)
        else:
            agent.anomaly = msgspec.structs.replace(
                current,
                revision=current.revision + 1,
                state=State.ESCALATED,
                severity=tier.severity,
                updated_at=max(current.updated_at, at_ms),
                evidence=evidence,
            )
        self._tell(agent, agent.anomaly, tier, policy, agent.rings.newest_slice)

    def move_on(self, log_ms: int, by: ResolvedBy) -> None:
        """The log's time has come to a moment: resolve what burns no more."""
        log_slice = slice_index(log_ms)
        if log_slice <= self._log_slice:
            return
        before, self._log_slice = self._log_slice, log_slice
        for key in sorted(self._open):
            agent, policy = self._agents[key], self._policies.of(*key)
            if agent.anomaly is None:
                continue
            late = agent.delay_ms // SLICE_MS
            begin = max(before + 1 - late, agent.rings.newest_slice + 1)
            over = ends_at(agent.rings, self._lines_of(policy), begin, log_slice - late)
            if over is None:
                continue
            self._end(key, agent, policy, over, by)

    def _end(self, key: tuple[str, str], agent: Watched, policy: Policy, over: int, by: ResolvedBy) -> None:
        """Resolve what is open, at a slice."""
        if agent.anomaly is None:
            return
        ended = msgspec.structs.replace(
            agent.anomaly,
            revision=agent.anomaly.revision + 1,
            state=State.RESOLVED,
            updated_at=max(agent.anomaly.updated_at, over * SLICE_MS),
        )
        tier = next(each.tier for each in self._lines_of(policy) if each.tier.severity is ended.severity)
        self._tell(agent, ended, tier, policy, over, by)
        agent.anomaly, agent.slack = None, -1
        self._open.discard(key)

    def _tell(
        self, agent: Watched, anomaly: OpenAnomaly, tier: Tier, policy: Policy, end: int, by: ResolvedBy | None = None
    ) -> None:
        windows = {length * SLICE_S: agent.rings.sum(length, end) for length in (tier.short_slices, tier.long_slices)}
        line, short_s = policy.usd_per_hour_pico or 0, tier.short_slices * SLICE_S
        above = max(0, burn_pico_usd_per_hour(windows[short_s], short_s) - line)
        notice = Anomaly(
            **msgspec.structs.asdict(anomaly),
            scope=AnomalyScope.AGENT,
            burn_usd_per_hour={
                f"{window_s}s": usd_text(burn_pico_usd_per_hour(held, window_s)) for window_s, held in windows.items()
            },
            baseline_usd_per_hour=usd_text(line),
            baseline_source=f"policy {policy.name}" + (f", version {policy.version}" if policy.version else ""),
            multiplier=f"{tier.factor:f}",
            ratio=ratio_text(windows[short_s], short_s, line),
            spend_usd=usd_text(agent.spent),
            detected_after_s=agent.delay_ms // 1000,
            resolved_by=by,
            excess_usd_per_hour=usd_text(above),
        )
        self._notices.append(with_summary(notice))

    def save(self) -> TiersState:
        """All that is held."""
        return TiersState(self._log_slice, list(self._agents.values()))

    def load(self, state: TiersState) -> None:
        """Go on with what another one held, of the agents that still have such a policy."""
        self._log_slice = state.log_slice
        for agent in state.agents:
            key = agent.org_id, agent.agent_id
            if self._policies.of(*key).usd_per_hour_pico is not None:
                agent.slack = -1  # the policy may be another one
                self._agents[key] = agent
                if agent.anomaly is not None:
                    self._open.add(key)


def _is_worse(tier: Tier, current: OpenAnomaly) -> bool:
    return tier.severity is Severity.CRITICAL and current.severity is Severity.WARNING


def _any_line(policies: Policies) -> bool:
    return any(policy.usd_per_hour_pico is not None for policy in policies.all())
