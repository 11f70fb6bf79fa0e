"""Who sends the trace's requests: the demo's rule, made up but fixed.

The trace has times and token counts, and no identities. This rule gives it some; it uses one generator
(`random.Random(seed).random()`, whose sequence Python keeps stable), so that the same trace and seed give the same
events, ids included, on every machine.

1. There are 60 **seats**, divided among the agents in `AGENTS`. A seat holds one session at a time: when one ends, the
   next begins. A session lives for 5 to 25 minutes, evenly spread (15 on average). At the trace's start every seat is
   somewhere inside the life of its first session. A session that begins within the trace sends a `run` event first.
2. Each request of the trace goes to the session on a seat drawn at random. Its tokens are the trace's; its model is
   the agent's.
3. Where the agent's model caches prompts, and the session has sent a request before, half of the shorter of the two
   contexts counts as cached, in whole blocks of 128 tokens and from 1,024 up. What an agent with `writes_cache` sends
   beyond that is written to the cache, in whole blocks too. Half of what a reasoning model generates is reasoning.
4. Before one request in ten its context is embedded (one `embedding` event with as many tokens); after one in four a
   tool is called (one `tool_call` event, no tokens). Both have the request's time.
5. Half-way through the trace one more session, `RUNAWAY_SESSION`, begins and repeats itself for 15 minutes: a call
   every 3 seconds with 6,000 to 6,400 tokens in, 80 to 160 out and nothing cached, a tool call after every fourth. At
   gpt-4o's rates (2.50 and 10 USD per million tokens) that is about 20 USD/h. It passes the default threshold of
   5 USD/h over five minutes after some 75 seconds, the critical 15 USD/h after some 4 minutes, and then falls silent.

Everybody else stays far below: a seat on gpt-4o spends about 0.7 USD/h.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from burnline.demo.trace import Request

SEED = 20231116
"""The day of the trace."""

_MINUTE_MS = 60_000
SHORTEST_LIFE_MS = 5 * _MINUTE_MS
LONGEST_LIFE_MS = 25 * _MINUTE_MS
CACHE_BLOCK_TOKENS = 128
CACHE_FROM_TOKENS = 1_024
EMBEDDING_MODEL = "text-embedding-3-small"
EMBEDDING_SHARE = 0.1
TOOL_SHARE = 0.25
TOOLS = ("read_file", "search_code", "run_tests", "apply_patch")

RUNAWAY_SESSION = "refactorer-runaway"
RUNAWAY_LIFE_MS = 15 * _MINUTE_MS
RUNAWAY_EVERY_MS = 3_000
RUNAWAY_INPUT_TOKENS = (6_000, 6_400)
RUNAWAY_OUTPUT_TOKENS = (80, 160)


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent of the demo: whose it is, what it runs on, and how many of its sessions are alive at a time."""

    org_id: str
    agent_id: str
    team_id: str
    provider: str
    model: str
    seats: int
    caches: bool = False
    writes_cache: bool = False
    reasons: bool = False


AGENTS = (
    Agent("acme", "code-reviewer", "platform", "openai", "gpt-4o", seats=12, caches=True),
    Agent("acme", "test-writer", "platform", "openai", "gpt-4o-mini", seats=8),
    Agent("northwind", "pair-programmer", "web", "openai", "gpt-4o", seats=12),
    Agent("northwind", "doc-writer", "docs", "anthropic", "claude-haiku-4-5", seats=8, caches=True, writes_cache=True),
    Agent("globex", "migrator", "data", "openai", "gpt-4.1", seats=6, caches=True),
    Agent("globex", "planner", "data", "openai", "o4-mini", seats=6, caches=True, reasons=True),
    Agent("globex", "triager", "support", "openai", "gpt-4.1-mini", seats=8),
)
RUNAWAY_AGENT = Agent("northwind", "refactorer", "web", "openai", "gpt-4o", seats=0)


class Planned(NamedTuple):
    """An event before it has a date: milliseconds since the trace's start, and usage v1 but for `occurred_at`."""

    offset_ms: int
    usage: dict[str, Any]

    def at(self, start_ms: int) -> dict[str, Any]:
        """The whole event, for a trace that started at `start_ms` (epoch milliseconds)."""
        return {**self.usage, "occurred_at": start_ms + self.offset_ms}


@dataclass(slots=True)
class _Session:
    """A session while its events are made up: it numbers them and remembers the context it sent last."""

    session_id: str
    agent: Agent
    events: int = 0
    last_context_tokens: int = 0

    def event(self, offset_ms: int, **fields: Any) -> Planned:
        self.events += 1
        usage: dict[str, Any] = {
            "event_id": f"{self.session_id}:{self.events}",
            "org_id": self.agent.org_id,
            "agent_id": self.agent.agent_id,
            "team_id": self.agent.team_id,
            "session_id": self.session_id,
            "provider": self.agent.provider,
            "model": self.agent.model,
            "input_tokens": 0,
            "output_tokens": 0,
        }
        return Planned(offset_ms, {**usage, **fields})

    def llm(self, request: Request) -> Planned:
        context, generated = request.context_tokens, request.generated_tokens
        fields: dict[str, Any] = {"input_tokens": context, "output_tokens": generated}
        if self.agent.caches:
            cached = _blocks(min(context, self.last_context_tokens) // 2)
            fields["cached_input_tokens"] = cached
            if self.agent.writes_cache:
                fields["cache_write_tokens"] = _blocks(context - cached)
        if self.agent.reasons:
            fields["reasoning_tokens"] = generated // 2
        self.last_context_tokens = context
        return self.event(request.offset_ms, **fields)

    def embedding(self, request: Request) -> Planned:
        fields = {"kind": "embedding", "provider": "openai", "model": EMBEDDING_MODEL}
        return self.event(request.offset_ms, **fields, input_tokens=request.context_tokens)

    def tool_call(self, offset_ms: int, tool_name: str) -> Planned:
        return self.event(offset_ms, kind="tool_call", tool_name=tool_name)

    def run(self, offset_ms: int) -> Planned:
        return self.event(offset_ms, kind="run")


@dataclass(slots=True)
class _Seat:
    """A place for one session at a time."""

    number: int
    agent: Agent
    ends_ms: int = 0
    sessions: int = 0
    session: _Session = field(init=False)

    def sit(self, until_ms: int) -> _Session:
        self.sessions += 1
        self.ends_ms = until_ms
        self.session = _Session(f"{self.agent.agent_id}-{self.number:02d}-{self.sessions}", self.agent)
        return self.session


def plan(trace: Sequence[Request], *, seed: int = SEED) -> list[Planned]:
    """All events of the demo, in order of time.

    Args:
        trace: The requests, in order.
        seed: Another seed gives another hour, by the same rule.
    """
    chance = random.Random(seed)  # noqa: S311  # nothing secret: the same sequence every time is the point
    events = [*_quiet(trace, chance), *_runaway(trace[-1].offset_ms // 2, chance)]
    return sorted(events, key=lambda event: event.offset_ms)


def sessions_of(events: Sequence[Planned]) -> dict[str, int]:
    """How many events each session has."""
    counts: dict[str, int] = {}
    for event in events:
        counts[event.usage["session_id"]] = counts.get(event.usage["session_id"], 0) + 1
    return counts


def _quiet(trace: Sequence[Request], chance: random.Random) -> Iterator[Planned]:
    agents = [agent for agent in AGENTS for _ in range(agent.seats)]
    seats = [_Seat(number, agent) for number, agent in enumerate(agents, 1)]
    for seat in seats:
        seat.sit(int(_life_ms(chance) * chance.random()))
    for request in trace:
        for seat in seats:
            while seat.ends_ms <= request.offset_ms:
                begins_ms = seat.ends_ms
                yield seat.sit(begins_ms + _life_ms(chance)).run(begins_ms)
        yield from _request(seats[int(chance.random() * len(seats))].session, request, chance)


def _request(session: _Session, request: Request, chance: random.Random) -> Iterator[Planned]:
    if chance.random() < EMBEDDING_SHARE:
        yield session.embedding(request)
    yield session.llm(request)
    if chance.random() < TOOL_SHARE:
        yield session.tool_call(request.offset_ms, TOOLS[int(chance.random() * len(TOOLS))])


def _runaway(begins_ms: int, chance: random.Random) -> Iterator[Planned]:
    session = _Session(RUNAWAY_SESSION, RUNAWAY_AGENT)
    yield session.run(begins_ms)
    for number in range(1, RUNAWAY_LIFE_MS // RUNAWAY_EVERY_MS + 1):
        offset_ms = begins_ms + number * RUNAWAY_EVERY_MS
        context, generated = _between(chance, *RUNAWAY_INPUT_TOKENS), _between(chance, *RUNAWAY_OUTPUT_TOKENS)
        yield session.llm(Request(offset_ms, context, generated))
        if number % 4 == 0:
            yield session.tool_call(offset_ms, "apply_patch")


def _life_ms(chance: random.Random) -> int:
    return _between(chance, SHORTEST_LIFE_MS, LONGEST_LIFE_MS)


def _between(chance: random.Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int(chance.random() * (high - low + 1))


def _blocks(tokens: int) -> int:
    """Whole cache blocks, from the least size that providers cache."""
    return tokens // CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS if tokens >= CACHE_FROM_TOKENS else 0
