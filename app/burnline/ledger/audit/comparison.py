"""Sessions and closed rollups of one partition: what becomes of each, and what it all comes to."""

from collections import Counter
from collections.abc import Mapping

from burnline.ledger.audit.outcome import NO_DIFFERENCE, Outcome
from burnline.ledger.audit.report import NO_SUMS, Findings, add_fields
from burnline.ledger.audit.retired import Agent, Claims, added
from burnline.ledger.audit.session import Bounds, Side, Verdict, compare
from burnline.ledger.audit.sums import NOTHING, Fields, Sums


class Comparison:
    """Adds up what becomes of sessions and rollups."""

    def __init__(self, partition: int, bounds: Bounds, findings: Findings) -> None:
        self._partition = partition
        self._bounds = bounds
        self._findings = findings
        self._claims = Claims()
        self.sessions: Counter[Outcome] = Counter()
        self.recomputed: Fields = NO_SUMS
        self.counted: Fields = NO_SUMS
        self.not_checkable: Fields = NO_SUMS

    def of_session(self, session_id: str, held: Side, wanted: Side) -> None:
        """Compare one session."""
        verdict = compare(held, wanted, self._bounds)
        if verdict.outcome is Outcome.RETIRED:
            self._claims.add((wanted.org_id, wanted.agent_id), session_id, NOTHING.minus(verdict.delta))
        else:
            self._became(verdict.outcome)
        if verdict.outcome is Outcome.NOT_CHECKABLE:
            self.not_checkable = add_fields((self.not_checkable, held.sums.totals))
            return
        self.recomputed = add_fields((self.recomputed, wanted.sums.totals))
        self.counted = add_fields((self.counted, held.sums.totals))
        self._tell(verdict, session_id)

    def outside(self) -> None:
        """A session is not asked for."""
        self._became(Outcome.OUTSIDE)

    def of_rollups(self, rollups: Mapping[Agent, Sums] | None, *, exactly: bool, owners_changed: bool) -> None:
        """Hold what has no ledger against the closed rollups."""
        if rollups is None:
            self._leave_unchecked(self._claims.total, len(self._claims))
            return
        for agent, sessions, verdict in self._claims.settle(
            rollups, self._bounds, exactly=exactly, owners_changed=owners_changed
        ):
            self._became(verdict.outcome, sessions)
            self._tell(verdict, f"{'/'.join(agent)} (retired)")
        if exactly:
            self.counted = add_fields((self.counted, added(rollups.values()).totals))
        else:
            self._leave_unchecked(self._claims.total, 0)

    def _leave_unchecked(self, rest: Sums, sessions: int) -> None:
        self._became(Outcome.NOT_CHECKABLE, sessions)
        self.recomputed = add_fields((self.recomputed, NOTHING.minus(rest).totals))

    def _tell(self, verdict: Verdict, subject: str) -> None:
        if verdict.outcome is Outcome.OTHER_RATES or verdict.outcome not in NO_DIFFERENCE:
            self._findings.add(verdict.row(self._partition, subject))

    def _became(self, outcome: Outcome, sessions: int = 1) -> None:
        if sessions:
            self.sessions[outcome] += sessions
