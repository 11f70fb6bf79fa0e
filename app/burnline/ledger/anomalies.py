"""The anomalies of one partition's sessions: which are open, and the notices that their changes of state give."""

from operator import attrgetter

from burnline.detection.anomaly import Anomaly, Evidence, ResolvedBy
from burnline.detection.lifecycle import Burn, Change, escalated, judge, opened, resolved, watch_levels
from burnline.detection.quiet import is_quiet
from burnline.detection.reasons import Reason
from burnline.events.usage import Usage
from burnline.ledger.policy import Policy
from burnline.ledger.session import Ledger
from burnline.windows.slices import SLICE_MS, slice_index


class PartitionAnomalies:
    """Judges ledgers, and keeps those with an open anomaly at hand."""

    def __init__(self, topic: str, partition: int, policy: Policy) -> None:
        """Take the source topic and partition, which are the evidence's place."""
        self._topic = topic
        self._partition = partition
        self._policy = policy
        self._open: dict[str, Ledger] = {}
        self._notices: list[Anomaly] = []

    def __len__(self) -> int:
        """Sessions with an open anomaly."""
        return len(self._open)

    def restore(self, ledger: Ledger) -> None:
        """Take over a ledger whose anomaly was open."""
        self._open[ledger.key] = ledger

    def release(self, key: str) -> None:
        """Somebody else holds this ledger now."""
        self._open.pop(key, None)

    def take_notices(self) -> list[Anomaly]:
        """Notices since the last call, in their order."""
        notices, self._notices = self._notices, []
        return notices

    def watch(self, ledger: Ledger) -> None:
        """Tell a ledger which window sums may change its state, under the baselines in force."""
        limits, _ = self._policy.limits(ledger.org_id, ledger.agent_id)
        ledger.watch_short_pico_usd, ledger.watch_long_pico_usd = watch_levels(ledger.anomaly, limits)
        ledger.limits_version = self._policy.version

    def judge(self, ledger: Ledger, event: Usage, offset: int, log_ms: int) -> None:
        """Open or escalate, if the event that was just added says so; `log_ms` is when the log took it."""
        limits, baseline = self._policy.limits(ledger.org_id, ledger.agent_id)
        reason = judge(ledger.anomaly, ledger.short_pico_usd, ledger.long_pico_usd, limits)
        if not reason.changes_state:
            return
        if is_quiet(ledger.slices, slice_index(log_ms - ledger.delay_ms), self._policy.rule, limits):
            return  # a late event completes a burn that is over already: nobody can stop it any more
        evidence = Evidence(self._topic, self._partition, offset, event.event_id)
        at_ms = min(event.occurred_at, log_ms)
        spend = ledger.total("cost_pico_usd")
        burn = Burn(ledger.short_pico_usd, ledger.long_pico_usd, spend, baseline, log_ms - at_ms)
        change = self._change(ledger, reason, evidence, at_ms, burn)
        ledger.anomaly = change.anomaly
        self._open[ledger.key] = ledger
        self._notices.append(change.notice)
        self.watch(ledger)

    def _change(self, ledger: Ledger, reason: Reason, evidence: Evidence, at_ms: int, burn: Burn) -> Change:
        rule = self._policy.rule
        if ledger.anomaly is not None:
            return escalated(ledger.anomaly, evidence=evidence, at_ms=at_ms, burn=burn, rule=rule)
        return opened(
            reason,
            org_id=ledger.org_id,
            agent_id=ledger.agent_id,
            session_id=ledger.session_id,
            evidence=evidence,
            at_ms=at_ms,
            burn=burn,
            rule=rule,
        )

    def resolve_quiet(self, index: int, by: ResolvedBy) -> list[Ledger]:
        """Resolve what has been quiet for long enough when the log's time enters slice `index`; what it changed.

        Their notices come in the order of their keys, whatever was opened or restored first.
        """
        quiet = sorted(
            (ledger for ledger in self._open.values() if self._is_quiet(ledger, index)), key=attrgetter("key")
        )
        for ledger in quiet:
            self._resolve(ledger, own_slice(ledger, index), by)
        return quiet

    def _is_quiet(self, ledger: Ledger, log_slice: int) -> bool:
        index = own_slice(ledger, log_slice)
        limits, _ = self._policy.limits(ledger.org_id, ledger.agent_id)
        rule = self._policy.rule
        # What is above the line now stays so until its slices leave the window: most need no closer look.
        loud = (
            ledger.short_pico_usd > limits.recovery_short and index <= ledger.newest_slice + rule.resolve_after_slices
        )
        return not loud and is_quiet(ledger.slices, index, rule, limits)

    def _resolve(self, ledger: Ledger, index: int, by: ResolvedBy) -> None:
        limits, baseline = self._policy.limits(ledger.org_id, ledger.agent_id)
        assert ledger.anomaly is not None  # noqa: S101  # only such are open
        notice = resolved(
            ledger.anomaly,
            by=by,
            slices=ledger.slices,
            newest_slice=index,
            spend_pico_usd=ledger.total("cost_pico_usd"),
            baseline=baseline,
            delay_ms=ledger.delay_ms,
            limits=limits,
            rule=self._policy.rule,
        )
        self._notices.append(notice)
        ledger.anomaly = None
        del self._open[ledger.key]
        self.watch(ledger)


def own_slice(ledger: Ledger, log_slice: int) -> int:
    """The slice that a session's own time is in when the log's time enters one."""
    return slice_index(log_slice * SLICE_MS - ledger.delay_ms)
