"""Sessions that seem to be retired, against the closed rollups of their agents."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.audit.session import Bounds, Verdict, described, of_equal_counts, unequal
from burnline.ledger.audit.sums import NOTHING, Sums, sums_of
from burnline.ledger.bounds import OTHER
from burnline.ledger.rollup import decode

Agent = tuple[str, str]
"""Org id, agent id."""
_NAMED = 3


class Settled(NamedTuple):
    """What became of one agent's claims."""

    agent: Agent
    sessions: int
    verdict: Verdict


class Claims:
    """What must be in closed rollups, because the log holds it and no ledger does, by agent."""

    def __init__(self) -> None:
        self._rest: dict[Agent, Sums] = {}
        self._sessions: dict[Agent, list[str]] = {}

    def add(self, agent: Agent, session_id: str, rest: Sums) -> None:
        """What of one session is not in its ledger."""
        self._rest[agent] = self._rest.get(agent, NOTHING).plus(rest)
        self._sessions.setdefault(agent, []).append(session_id)

    def __len__(self) -> int:
        """Sessions with a claim."""
        return sum(map(len, self._sessions.values()))

    @property
    def total(self) -> Sums:
        """All claims together."""
        return added(self._rest.values())

    def settle(
        self, rollups: Mapping[Agent, Sums], bounds: Bounds, *, exactly: bool, owners_changed: bool
    ) -> Iterator[Settled]:
        """Hold the claims against the closed rollups.

        Args:
            rollups: What they hold.
            bounds: What is known of the log.
            exactly: Whether rollups must hold nothing else; they do where only a part of the log was read.
            owners_changed: Whether the log has sessions whose events name several agents. Retired and begun anew they
                are in the rollup of another agent than the log as a whole suggests, so only totals can be compared.
        """
        self._join_shared(rollups)
        if exactly and owners_changed and not any(added(rollups.values()).minus(self.total).counts()):
            for agent, sessions in self._sessions.items():
                yield Settled(agent, len(sessions), Verdict(Outcome.RETIRED, NOTHING))
            return
        for agent in sorted(self._rest.keys() | (rollups.keys() if exactly else set())):
            delta = rollups.get(agent, NOTHING).minus(self._rest.get(agent, NOTHING))
            yield Settled(agent, len(self._sessions.get(agent, ())), self._verdict(agent, delta, bounds, exactly))

    def _join_shared(self, rollups: Mapping[Agent, Sums]) -> None:
        """What an organisation's agents beyond the bound claim is in the rollup that they share, if there is one."""
        for agent in [each for each in self._rest if each not in rollups and (each[0], OTHER) in rollups]:
            shared = (agent[0], OTHER)
            self._rest[shared] = self._rest.get(shared, NOTHING).plus(self._rest.pop(agent))
            self._sessions.setdefault(shared, []).extend(self._sessions.pop(agent))

    def _verdict(self, agent: Agent, delta: Sums, bounds: Bounds, exactly: bool) -> Verdict:  # noqa: FBT001  # private
        counts = list(delta.counts())
        if not any(counts):
            verdict = of_equal_counts(delta, bounds)
            return verdict._replace(outcome=Outcome.RETIRED) if verdict.outcome is Outcome.AGREES else verdict
        if not exactly and min(counts) >= 0:
            return Verdict(Outcome.NOT_CHECKABLE, delta)
        sessions = self._sessions.get(agent, [])
        named = ", ".join(sessions[:_NAMED]) + (" …" if len(sessions) > _NAMED else "")
        detail = f"{described(delta)}; of sessions: {named or 'none'}"
        return Verdict(unequal(delta, whole=exactly), delta, detail)


def added(many: Iterable[Sums]) -> Sums:
    """All of them added up."""
    total = NOTHING
    for one in many:
        total = total.plus(one)
    return total


def rollup_sums(values: Iterable[bytes]) -> dict[Agent, Sums]:
    """The sums of closed rollups, by agent.

    Raises:
        UnreadableRecord: One of them cannot be read.
    """
    return {(rollup.org_id, rollup.agent_id): sums_of(rollup) for rollup in map(decode, values)}
