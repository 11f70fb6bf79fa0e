"""What a partition's ledgers must hold, worked out slowly from the whole history: no running sums, no integers of ours.

Money is `Decimal` USD from published prices per million tokens; a window is summed from its slices each time it is
asked for; what is known as a duplicate follows from how many ids a session has taken.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from burnline.detection.anomaly import Anomaly, Evidence, anomaly_id
from burnline.events.meters import NAMES
from burnline.events.usage import Usage, meters_of
from burnline.ledger.partition import Retention
from burnline.windows.slices import SLICE_MS
from tests.ledger.examples import PARTITION, RULE, TOPIC

USD_PER_MILLION = {
    "gpt-4o": {"input": "2.5", "cached": "1.25", "write": "2.5", "answer": "10", "reasoning": "10"},
    "claude-sonnet-4-5": {
        "input": "3",
        "cached": "0.3",
        "write": "3.75",
        "hour": "6",
        "answer": "15",
        "reasoning": "15",
        "search": "10000",
    },
    "text-embedding-3-small": {"input": "0.02", "cached": "0.02", "write": "0.02", "answer": "0", "reasoning": "0"},
}
"""As the providers publish them, below 200,000 input tokens."""
MILLION = Decimal(1_000_000)
HOUR_S = 3600
SLICE_S = SLICE_MS // 1000


class Shown(NamedTuple):
    """What a notice says that the model can say too."""

    org_id: str
    session_id: str
    anomaly_id: str
    revision: int
    state: str
    severity: str


@dataclass
class Alert:
    """An open anomaly."""

    opening_offset: int
    revision: int
    critical: bool


@dataclass
class Session:
    """One session's history."""

    session_id: str
    org_id: str
    agent_id: str
    taken: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    runs: int = 0
    tool_calls: int = 0
    sums: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """(model, what) to its sum."""
    slices: dict[int, Decimal] = field(default_factory=dict)
    newest: int = -1
    delay_ms: int = 0
    """Least delay of the events in the newest slice: how far its own time is behind the log's."""
    alert: Alert | None = None

    def add(self, model: str, what: str, amount: Decimal | int) -> None:
        """Count."""
        self.sums[model, what] = self.sums.get((model, what), Decimal(0)) + amount

    def total(self, what: str) -> Decimal:
        """Over all models."""
        return sum((amount for (_, each), amount in self.sums.items() if each == what), Decimal(0))

    def window(self, end: int, length: int) -> Decimal:
        """USD in the slices of a window."""
        return sum((self.slices.get(index, Decimal(0)) for index in range(end - length + 1, end + 1)), Decimal(0))

    def held(self, slices: int) -> dict[int, Decimal]:
        """The slices that are not too old, by their number."""
        return {index: usd for index, usd in self.slices.items() if index > self.newest - slices}


class Model:
    """All sessions of one partition.

    What is known as a duplicate by session is worked out exactly; by partition, nothing is ever forgotten here.
    """

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self._ever_taken: set[tuple[str, str, str]] = set()
        self.sessions: dict[str, Session] = {}
        """By the key of the record, which names the organisation too."""
        self.retired: list[Session] = []
        self.watermark_ms = self.logged_ms = 0
        self.accepted = self.duplicates = self.late = self.other_agents = 0
        self.used: dict[tuple[str, str, str, str], Decimal] = {}
        """By org and agent, as the events name them, model, and what."""
        self.calls: dict[tuple[str, str, str], int] = {}
        """Runs and tool calls, by org and agent, and which."""
        self.notices: list[Shown] = []
        self.usd_per_hour = Decimal(5)
        """Baseline × multiplier, for every agent."""
        self.own_rates: dict[int, str] = {}
        """Price of all tokens of `house-model` by the time from which it holds."""
        self._active_at_ms: int | None = None
        self._looked_at = -1

    def take(self, offset: int, event: Usage | None, logged_ms: int) -> None:
        """One record that was not taken before, and when the log took it."""
        before, self.logged_ms = self.logged_ms // SLICE_MS, logged_ms
        if logged_ms // SLICE_MS != before:
            self.look(logged_ms // SLICE_MS)
        if event is None:
            return
        if self._knows(event):
            self.duplicates += 1
            return
        name = _name(event)
        session = self.sessions.setdefault(name, Session(event.session_id, event.org_id, event.agent_id))
        self._ever_taken.add((event.org_id, event.session_id, event.event_id))
        seen_ms = min(event.occurred_at, logged_ms)
        self.watermark_ms = max(self.watermark_ms, seen_ms)
        self.accepted += 1
        self.other_agents += event.agent_id != session.agent_id
        session.taken.append(event.event_id)
        session.times.append(event.occurred_at)
        session.offsets.append(offset)
        session.runs += event.kind == "run"
        session.tool_calls += event.kind == "tool_call"
        calls = event.org_id, event.agent_id, event.kind
        self.calls[calls] = self.calls.get(calls, 0) + 1
        if self._window(session, seen_ms, self._count(session, event)):
            self._judge(session, offset)

    def active(self, now_ms: int) -> None:
        """Records came at this time by the clock."""
        self._active_at_ms, self._looked_at = now_ms, -1

    def restart(self) -> None:
        """A new owner does not know how long nothing came."""
        self._active_at_ms, self._looked_at = None, -1

    def tick(self, now_ms: int) -> None:
        """While nothing comes, event time moves on with the clock; looked at once a slice."""
        if self._active_at_ms is None:
            self._active_at_ms = now_ms
        index = (self.logged_ms + self.idle_ms(now_ms)) // SLICE_MS
        if index > max(self._looked_at, self.logged_ms // SLICE_MS):
            self._looked_at = index
            self.look(index)

    def idle_ms(self, now_ms: int) -> int:
        """How long nothing has come, by the clock."""
        return now_ms - (self._active_at_ms or now_ms)

    def retire(self, name: str, now_ms: int) -> None:
        """A session was retired: it must have been idle for long, and quiet."""
        session = self.sessions.pop(name)
        assert self.retention.idle_ms is not None
        assert max(session.times) <= self.watermark_ms + self.idle_ms(now_ms) - self.retention.idle_ms
        assert session.alert is None
        self.retired.append(session)

    def look(self, index: int) -> None:
        """The log's time has come to this slice."""
        for session in self.sessions.values():
            self._resolve(session, (index * SLICE_MS - session.delay_ms) // SLICE_MS)

    def _knows(self, event: Usage) -> bool:
        """Whether an id is remembered: by its session the last full generation of ids, and those since."""
        if self.retention.partition_ids and (event.org_id, event.session_id, event.event_id) in self._ever_taken:
            return True
        limit = self.retention.duplicate_ids
        session = self.sessions.get(_name(event))
        taken = session.taken if session else []
        return event.event_id in taken[max(0, len(taken) // limit - 1) * limit :]

    def _count(self, session: Session, event: Usage) -> Decimal:
        cost, savings, unpriced = self._price(event)
        counted: dict[str, Decimal | int] = {
            "events": 1,
            "input_tokens": event.input_tokens,
            "output_tokens": event.output_tokens,
            "cached_input_tokens": event.cached_input_tokens,
            "cache_write_tokens": event.cache_write_tokens,
            "reasoning_tokens": event.reasoning_tokens,
            "unpriced_tokens": unpriced,
            "cost_usd": cost,
            "cache_savings_usd": savings,
            "embedding_cost_usd": cost if event.kind == "embedding" else 0,
            **dict(zip(NAMES, meters_of(event), strict=True)),
        }
        for what, amount in counted.items():
            session.add(event.model, what, amount)
            used = event.org_id, event.agent_id, event.model, what
            self.used[used] = self.used.get(used, Decimal(0)) + amount
        return cost

    def _price(self, event: Usage) -> tuple[Decimal, Decimal, int]:
        if event.model == "house-model":
            held = [at for at in self.own_rates if at <= event.occurred_at]
            if not held:
                return Decimal(0), Decimal(0), event.input_tokens + event.output_tokens
            names = ("input", "cached", "write", "answer", "reasoning")
            rates = dict.fromkeys(names, self.own_rates[max(held)])
        else:
            rates = USD_PER_MILLION[event.model]
        price = {name: Decimal(usd) / MILLION for name, usd in rates.items()}
        meters = dict(zip(NAMES, meters_of(event), strict=True))
        tokens = {
            "input": event.input_tokens - event.cached_input_tokens - event.cache_write_tokens,
            "cached": event.cached_input_tokens,
            "write": event.cache_write_tokens - meters["cache_write_1h_tokens"],
            "hour": meters["cache_write_1h_tokens"],
            "search": meters["web_searches"],
            "answer": event.output_tokens - event.reasoning_tokens,
            "reasoning": event.reasoning_tokens,
        }
        cost = sum((count * price[name] for name, count in tokens.items() if count), Decimal(0))
        return cost, event.cached_input_tokens * (price["input"] - price["cached"]), 0

    def _window(self, session: Session, seen_ms: int, cost: Decimal) -> bool:
        """Whether it is new enough for the windows, by the log's time and by the session's."""
        index, delay_ms = seen_ms // SLICE_MS, self.logged_ms - seen_ms
        newest = max(session.newest, index)
        if index <= max(newest, self.logged_ms // SLICE_MS) - self.retention.slices:
            self.late += 1
            return False
        if index >= session.newest:
            session.delay_ms = min(delay_ms, session.delay_ms) if index == session.newest else delay_ms
        session.newest = newest
        session.slices[index] = session.slices.get(index, Decimal(0)) + cost
        return True

    def _above(self, session: Session, end: int, length: int, times: Decimal | int = 1) -> bool:
        return session.window(end, length) * HOUR_S > self.usd_per_hour * times * length * SLICE_S

    def _over(self, session: Session, index: int) -> bool:
        """Whether the short window has been, and will be without more spend, below recovery for long enough."""
        ends = range(index - RULE.resolve_after_slices, max(index, session.newest) + RULE.short_window_slices)
        return not any(self._above(session, end, RULE.short_window_slices, RULE.recovery_factor) for end in ends)

    def _judge(self, session: Session, offset: int) -> None:
        if self._over(session, (self.logged_ms - session.delay_ms) // SLICE_MS):
            return  # late events may complete a burn that nobody can stop any more
        windows = (RULE.short_window_slices, RULE.long_window_slices)
        warning = all(self._above(session, session.newest, length) for length in windows)
        critical = all(self._above(session, session.newest, length, RULE.critical_factor) for length in windows)
        alert = session.alert
        if alert is None:
            if warning and session.window(session.newest, RULE.long_window_slices) >= Decimal("0.05"):
                session.alert = Alert(offset, 1, critical)
                self._notice(session, session.alert, "opened")
        elif critical and not alert.critical:
            session.alert = Alert(alert.opening_offset, alert.revision + 1, critical=True)
            self._notice(session, session.alert, "escalated")

    def _resolve(self, session: Session, index: int) -> None:
        alert = session.alert
        if alert is None or not self._over(session, index):
            return
        session.alert = None
        self._notice(session, Alert(alert.opening_offset, alert.revision + 1, alert.critical), "resolved")

    def _notice(self, session: Session, alert: Alert, state: str) -> None:
        opening = Evidence(TOPIC, PARTITION, alert.opening_offset, "")
        severity = "critical" if alert.critical else "warning"
        identity = anomaly_id(opening, session.org_id, session.session_id)
        self.notices.append(Shown(session.org_id, session.session_id, identity, alert.revision, state, severity))


def _name(event: Usage) -> str:
    return json.dumps([event.org_id, event.session_id], separators=(",", ":"))


def shown(notices: list[Anomaly]) -> list[Shown]:
    """Notices as the model has them."""
    return [Shown(n.org_id, n.session_id, n.anomaly_id, n.revision, str(n.state), str(n.severity)) for n in notices]
