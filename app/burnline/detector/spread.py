"""Sessions whose events lie on several partitions, held against the burn rule as a whole. Pure.

A worker judges what one partition holds of a session. Publishers without keys, or with two partitioners, lay one
session on several: each part may stay below the line while the session burns. Here each part is judged as its worker
does it, and the sum of all parts beside them, by the session's own time. What a worker tells is left to it: an anomaly
over the sum is opened only while no part has one of its own.
"""

from collections.abc import Iterable

import msgspec

from burnline.detection.anomaly import Anomaly, Evidence, ResolvedBy
from burnline.detection.baseline import Baselines, EffectiveBaseline
from burnline.detection.learned.meters import DAY_MS
from burnline.detection.learned.notice import Place
from burnline.detection.lifecycle import (
    Burn,
    Change,
    OpenAnomaly,
    escalated,
    judge,
    opened,
    resolved,
    watch_levels,
)
from burnline.detection.quiet import is_quiet
from burnline.detection.rule import BurnRule, Thresholds, thresholds
from burnline.events.usage import Usage
from burnline.windows.slices import SLICE_MS, prune, slice_index, window_sum

FORGOTTEN_AFTER_SLICES = DAY_MS // SLICE_MS
"""A session without an event for a day begins anew."""
_FORGET_EVERY_SLICES = 3_600_000 // SLICE_MS
_MOST_LIMITS = 10_000
_NEVER = 1 << 62
"""More than any session spends, in pico-USD."""


class Windows(msgspec.Struct):
    """What the windows over some events of one session need, and what is open over them. Money in pico-USD."""

    slices: dict[int, int] = {}
    newest_slice: int = -1
    delay_ms: int = 0
    """How long after its time the log took the newest event."""
    slack: int = -1
    """So much may still be spent before its windows can be above their lines: until then nobody adds them up."""
    anomaly: OpenAnomaly | None = None

    def add(self, index: int, cost: int, delay_ms: int, kept: int) -> bool:
        """Add an event to its slice, if that is still kept; whether its windows may be above their lines now."""
        behind = self.newest_slice - index
        if behind < 0:
            self.newest_slice, self.delay_ms = index, delay_ms
            if len(self.slices) > 2 * kept:
                prune(self.slices, index, kept)
        elif not behind:
            self.delay_ms = min(self.delay_ms, delay_ms)
        elif behind >= kept:
            return False
        self.slices[index] = self.slices.get(index, 0) + cost
        self.slack -= cost
        return self.slack < 0

    def sums(self, rule: BurnRule) -> tuple[int, int]:
        """What the short window and the long one hold at the session's newest event."""
        return (
            window_sum(self.slices, self.newest_slice, rule.short_window_slices),
            window_sum(self.slices, self.newest_slice, rule.long_window_slices),
        )

    def own_slice(self, log_slice: int) -> int:
        """The slice that the session's own time is in when the log's time enters one."""
        return slice_index(log_slice * SLICE_MS - self.delay_ms)


class Session(msgspec.Struct):
    """One session: what it has spent, its part on each partition, and the sum of them once there are several."""

    org_id: str
    agent_id: str
    session_id: str
    spent: int = 0
    newest_slice: int = -1
    parts: dict[int, Windows] = {}
    whole: Windows | None = None

    def windows(self) -> list[Windows]:
        """Of the whole, if there is one, and of each part."""
        parts = list(self.parts.values())
        return parts if self.whole is None else [self.whole, *parts]


class SpreadState(msgspec.Struct, frozen=True):
    """All that is held: sessions, and the slice that the log's time was in."""

    log_slice: int
    sessions: list[Session]


class SpreadSessions:
    """Watches where sessions' events lie, and judges those that lie on several partitions. Records in the log's order.

    Memory: about 0.5 KB for a session, and 0.1 KB for each 10 s of activity within what windows are kept for.
    """

    def __init__(self, topic: str, rule: BurnRule, baselines: Baselines, kept_slices: int) -> None:
        """Take the topic's full name, the workers' rule and baselines, and how many slices they keep."""
        self._topic = topic
        self._rule = rule
        self._kept = kept_slices
        self._baselines = baselines
        self._limits: dict[tuple[str, str], tuple[Thresholds, EffectiveBaseline]] = {}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._open: set[tuple[str, str]] = set()
        self._log_slice = 0
        self._notices: list[Anomaly] = []

    def __len__(self) -> int:
        """Sessions with an anomaly over their sum."""
        return sum(1 for key in self._open if (whole := self._sessions[key].whole) and whole.anomaly)

    def set_baselines(self, baselines: Baselines) -> None:
        """Judge by these from the next event on."""
        self._baselines = baselines
        self._limits.clear()
        for session in self._sessions.values():
            for windows in session.windows():
                windows.slack = -1

    def take_notices(self) -> list[Anomaly]:
        """What is to be told since the last call, in its order."""
        notices, self._notices = self._notices, []
        return notices

    def add(self, usages: Iterable[Usage], costs: Iterable[int], places: Iterable[Place]) -> None:
        """Take events in that were not counted before, with what each cost in pico-USD and where it stands."""
        sessions, kept = self._sessions, self._kept
        for usage, cost, place in zip(usages, costs, places, strict=True):
            partition, _, log_ms = place
            if log_ms // SLICE_MS > self._log_slice:
                self.move_on(log_ms, ResolvedBy.EVENT_TIME)
            key = usage.org_id, usage.session_id
            session = sessions.get(key)
            if session is None:
                session = sessions[key] = Session(usage.org_id, usage.agent_id, usage.session_id)
            session.spent += cost
            at_ms = usage.occurred_at
            if at_ms > log_ms:  # no window ends later than the log
                at_ms = log_ms
            index = at_ms // SLICE_MS
            if index > session.newest_slice:
                session.newest_slice = index
            if index <= self._log_slice - kept:
                continue  # a backfill raises no alarm
            part = session.parts.get(partition)
            if part is None:
                part = self._new_part(session, partition)
            if part.add(index, cost, log_ms - at_ms, kept):
                self._look(session, part, usage, place)
            whole = session.whole
            if whole is not None and whole.add(index, cost, log_ms - at_ms, kept):
                self._look(session, whole, usage, place)

    def _new_part(self, session: Session, partition: int) -> Windows:
        if session.parts and session.whole is None:
            (first,) = session.parts.values()
            session.whole = Windows(dict(first.slices), first.newest_slice, first.delay_ms)
        part = session.parts[partition] = Windows({})
        return part

    def _look(self, session: Session, windows: Windows, usage: Usage, place: Place) -> None:
        """Add the windows up; open or escalate, and tell that if it is over the whole session."""
        limits, baseline = self._limits_of(session)
        of_whole = windows is session.whole
        left_to_worker = of_whole and windows.anomaly is None and any(each.anomaly for each in session.parts.values())
        short, long = windows.sums(self._rule)
        if not left_to_worker:
            change = self._change(session, windows, Burn(short, long, session.spent, baseline), usage, place, limits)
            if change is not None:
                windows.anomaly = change.anomaly
                self._open.add((session.org_id, session.session_id))
                if of_whole:
                    self._notices.append(change.notice)
        levels = watch_levels(windows.anomaly, limits)
        windows.slack = min(max(levels[0] - short, levels[1] - long), _NEVER)

    def _change(
        self, session: Session, windows: Windows, burn: Burn, usage: Usage, place: Place, limits: Thresholds
    ) -> Change | None:
        reason = judge(windows.anomaly, burn.short_pico_usd, burn.long_pico_usd, limits)
        own = slice_index(place.logged_ms - windows.delay_ms)
        if not reason.changes_state or is_quiet(windows.slices, own, self._rule, limits):
            return None
        evidence = Evidence(self._topic, place.partition, place.offset, usage.event_id)
        at_ms = min(usage.occurred_at, place.logged_ms)
        burn = burn._replace(delay_ms=place.logged_ms - at_ms)
        if windows.anomaly is not None:
            return escalated(windows.anomaly, evidence=evidence, at_ms=at_ms, burn=burn, rule=self._rule)
        return opened(
            reason,
            org_id=session.org_id,
            agent_id=session.agent_id,
            session_id=session.session_id,
            evidence=evidence,
            at_ms=at_ms,
            burn=burn,
            rule=self._rule,
        )

    def move_on(self, log_ms: int, by: ResolvedBy) -> None:
        """The log's time has come to a moment: resolve what has been quiet for long enough."""
        log_slice = slice_index(log_ms)
        if log_slice <= self._log_slice:
            return
        if log_slice // _FORGET_EVERY_SLICES > self._log_slice // _FORGET_EVERY_SLICES:
            self._forget(log_slice)
        self._log_slice = log_slice
        for key in sorted(self._open):
            session = self._sessions[key]
            limits, baseline = self._limits_of(session)
            for windows in session.windows():
                if windows.anomaly is not None:
                    self._resolve(session, windows, by, limits, baseline)
            if not _has_open(session):
                self._open.discard(key)

    def _resolve(
        self, session: Session, windows: Windows, by: ResolvedBy, limits: Thresholds, baseline: EffectiveBaseline
    ) -> None:
        own = windows.own_slice(self._log_slice)
        if windows.anomaly is None or not is_quiet(windows.slices, own, self._rule, limits):
            return
        if windows is session.whole:
            self._notices.append(
                resolved(
                    windows.anomaly,
                    by=by,
                    slices=windows.slices,
                    newest_slice=own,
                    spend_pico_usd=session.spent,
                    baseline=baseline,
                    delay_ms=windows.delay_ms,
                    limits=limits,
                    rule=self._rule,
                )
            )
        windows.anomaly, windows.slack = None, -1

    def _forget(self, log_slice: int) -> None:
        """Drop slices that no window reaches, and sessions that were idle for a day."""
        for key, session in list(self._sessions.items()):
            if session.newest_slice <= log_slice - FORGOTTEN_AFTER_SLICES and key not in self._open:
                del self._sessions[key]
                continue
            for windows in session.windows():
                prune(windows.slices, windows.newest_slice, self._kept)

    def _limits_of(self, session: Session) -> tuple[Thresholds, EffectiveBaseline]:
        agent = session.org_id, session.agent_id
        found = self._limits.get(agent)
        if found is None:
            if len(self._limits) >= _MOST_LIMITS:
                self._limits.clear()
            baseline = self._baselines.lookup(*agent)
            found = self._limits[agent] = thresholds(self._rule, baseline), baseline
        return found

    def save(self) -> SpreadState:
        """All that is held."""
        return SpreadState(self._log_slice, list(self._sessions.values()))

    def load(self, state: SpreadState) -> None:
        """Go on with what another one held."""
        self._log_slice = state.log_slice
        self._sessions = {(each.org_id, each.session_id): each for each in state.sessions}
        self._open = {key for key, session in self._sessions.items() if _has_open(session)}


def _has_open(session: Session) -> bool:
    return any(windows.anomaly for windows in session.windows())
