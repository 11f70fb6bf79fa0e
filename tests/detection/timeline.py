"""Timelines: a session's spend drawn as text, and a small ledger that walks along it.

One character is one slice of 10 s::

    7   one event of 7 cents, which also moves the watermark here
    .   no spend; another session's event moves the watermark here
    (space)  nothing happens anywhere: the watermark stands still

What happened is drawn the same way: `o` opened as a warning, `O` opened as critical, `e` escalated, `r` resolved,
`.` nothing. A slice in which an anomaly resolves and the next one opens is `x` (warning) or `X` (critical).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from burnline.detection.anomaly import Anomaly, Evidence, ResolvedBy, Severity, State
from burnline.detection.baseline import EffectiveBaseline
from burnline.detection.lifecycle import Burn, OpenAnomaly, escalated, judge, opened, resolved
from burnline.detection.quiet import is_quiet
from burnline.detection.reasons import Reason
from burnline.detection.rule import BurnRule, thresholds
from burnline.windows.slices import SLICE_MS, window_sum
from tests.detection.rules import BASELINE, CENT, RULE


@dataclass
class Walker:
    """One session's state; detection is asked in the order in which a ledger asks."""

    rule: BurnRule = RULE
    baseline: EffectiveBaseline = BASELINE
    session_id: str = "s-1"
    slices: dict[int, int] = field(default_factory=dict)
    anomaly: OpenAnomaly | None = None
    notices: list[Anomaly] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    offset: int = 0
    newest_slice: int = -1

    def look(self, watermark_slice: int, by: ResolvedBy = ResolvedBy.EVENT_TIME) -> None:
        """Time has moved on to this slice: resolve what is over."""
        limits = thresholds(self.rule, self.baseline)
        if self.anomaly is None or not is_quiet(self.slices, watermark_slice, self.rule, limits):
            return
        notice = resolved(
            self.anomaly,
            by=by,
            slices=self.slices,
            newest_slice=watermark_slice,
            spend_pico_usd=sum(self.slices.values()),
            baseline=self.baseline,
            limits=limits,
            rule=self.rule,
        )
        self.anomaly = None
        self.notices.append(notice)

    def spend(self, at_ms: int, pico_usd: int) -> Reason:
        """One event: look first, then add, then judge."""
        index = at_ms // SLICE_MS
        if index > self.newest_slice:
            self.look(index)
            self.newest_slice = index
        self.slices[index] = self.slices.get(index, 0) + pico_usd
        self.offset += 1
        evidence = Evidence("finops.usage", 2, self.offset, f"e-{self.offset}")
        limits = thresholds(self.rule, self.baseline)
        burn = Burn(
            window_sum(self.slices, self.newest_slice, self.rule.short_window_slices),
            window_sum(self.slices, self.newest_slice, self.rule.long_window_slices),
            sum(self.slices.values()),
            self.baseline,
        )
        reason = judge(self.anomaly, burn.short_pico_usd, burn.long_pico_usd, limits)
        self.reasons.append(reason)
        if reason.changes_state:
            self._change(reason, evidence, at_ms, burn)
        return reason

    def _change(self, reason: Reason, evidence: Evidence, at_ms: int, burn: Burn) -> None:
        if self.anomaly is None:
            change = opened(
                reason,
                org_id="acme",
                agent_id="agent-7",
                session_id=self.session_id,
                evidence=evidence,
                at_ms=at_ms,
                burn=burn,
                rule=self.rule,
            )
        else:
            change = escalated(self.anomaly, evidence=evidence, at_ms=at_ms, burn=burn, rule=self.rule)
        self.anomaly = change.anomaly
        self.notices.append(change.notice)


def walk(spend: str, walker: Walker | None = None) -> tuple[str, Walker]:
    """Walk along a drawn timeline; the drawing of what happened, and the walker as it stands at the end."""
    walker = walker or Walker()
    marks = ""
    for index, cell in enumerate(spend):
        before = len(walker.notices)
        if cell == ".":
            walker.look(index)
        elif cell != " ":
            walker.spend(index * SLICE_MS, int(cell) * CENT)
        marks += _mark(walker.notices[before:])
    return marks, walker


def _mark(notices: list[Anomaly]) -> str:
    marks = "".join(_marks(notices))
    return {"": ".", "ro": "x", "rO": "X"}.get(marks, marks)


def _marks(notices: list[Anomaly]) -> Iterator[str]:
    for notice in notices:
        if notice.state is State.OPENED:
            yield "O" if notice.severity is Severity.CRITICAL else "o"
        else:
            yield {State.ESCALATED: "e", State.RESOLVED: "r"}[notice.state]
