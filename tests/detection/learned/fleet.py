"""A small fleet of agents for tests: what they usually do, written by hand, and what may go wrong with one of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from burnline.detection.learned.engine import Calls, Engine, PythonEngine
from burnline.detection.learned.meters import DAY_MS
from burnline.detection.learned.notice import Incident
from burnline.detection.learned.rules import RULES
from burnline.detection.learned.watch import Batch, Watch

T0_MS = 1_772_409_600_000
"""2026-03-02 00:00 UTC."""
RATES = ((1_000_000, 100_000, 1_250_000, 5_000_000), (15_000_000, 1_500_000, 18_750_000, 75_000_000))
"""Two models, in pico-USD per token: a cheap and a dear one."""


@dataclass(frozen=True)
class Sent:
    """One call as a test writes it."""

    at_ms: int
    agent: str
    session: str
    input_tokens: int = 4_000
    output_tokens: int = 200
    cached_tokens: int = 0
    model: int = 0
    run: int = 0
    org: str = "acme"

    @property
    def cost(self) -> int:
        """Pico-USD."""
        fresh, cached, _, output = RATES[self.model]
        paid = (self.input_tokens - self.cached_tokens) * fresh + self.cached_tokens * cached
        return paid + self.output_tokens * output

    def event(self, number: int) -> dict[str, Any]:
        """As a usage event."""
        return {
            "event_id": f"e{number}", "occurred_at": self.at_ms, "org_id": self.org, "agent_id": self.agent,
            "session_id": self.session, "model": f"model-{self.model}", "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens, "cached_input_tokens": self.cached_tokens, "run_id": f"r{self.run}",
        }  # fmt: skip


def chat(agent: str, day: int, session: int, *, turns: int = 8, hour: float = 10.0) -> Iterator[Sent]:
    """A person's session: a turn each 40 to 200 s, with pauses that no machine makes."""
    at = T0_MS + day * DAY_MS + int((hour + session) * 3_600_000)
    for turn in range(turns):
        yield Sent(at, agent, f"{agent}-{day}-{session}", 3_000 + 317 * ((day * 7 + session * 3 + turn * 5) % 11))
        at += 40_000 + 23_000 * ((day + session + turn * 3) % 8)


def usual_days(days: int, agents: int = 3, sessions: int = 3) -> list[Sent]:
    """Some days of a few agents."""
    return [
        sent
        for day in range(days)
        for agent in range(agents)
        for session in range(sessions)
        for sent in chat(f"chat-{agent}", day, session)
    ]


def loop(agent: str, day: int, *, calls: int = 60, every_ms: int = 4_000, hour: float = 15.0) -> list[Sent]:
    """The same call again and again."""
    at = T0_MS + day * DAY_MS + int(hour * 3_600_000)
    return [Sent(at + place * every_ms, agent, f"{agent}-{day}-loop", 9_000) for place in range(calls)]


def ordered(sent: Iterable[Sent]) -> list[Sent]:
    """In the order of a log."""
    return sorted(sent, key=lambda each: each.at_ms)


def batch_of(watch: Watch, sent: Iterable[Sent], first: int = 0) -> Batch:
    """Calls as the watch takes them."""
    watch.tidy()
    calls, ids = Calls.none(), []
    for number, each in enumerate(sent, first):
        key = each.org, each.agent, each.session
        agent, session = watch.names.sessions.get(key) or watch.names.meet(key)
        row = (
            each.at_ms, agent, session, each.model, each.run, each.input_tokens, each.cached_tokens, 0,
            each.output_tokens, each.cost,
        )  # fmt: skip
        for column, value in zip(calls, row, strict=True):
            column.append(value)
        ids.append(f"e{number}")
    return Batch(calls, ids)


def watched(
    sent: Iterable[Sent], *, at_once: int = 10_000, engine: Engine | None = None, **more: Any
) -> list[Incident]:
    """Every notice over a log that is read in batches of a size."""
    watch = Watch(engine or PythonEngine(RULES), RULES, **more)
    for rates in RATES:
        watch.add_model(rates)
    log = ordered(sent)
    notices = [
        notice
        for begin in range(0, len(log), at_once)
        for notice in watch.apply(batch_of(watch, log[begin : begin + at_once], begin))
    ]
    return notices + watch.end(log[-1].at_ms + DAY_MS)
