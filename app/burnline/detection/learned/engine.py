"""Calls in, what is out of range out: the meters of all agents and sessions, in Python; the native engine's twin."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from burnline.detection.learned import frozen
from burnline.detection.learned.meters import (
    SESSION_IDLE_MS,
    STATISTICS,
    AgentMeter,
    Call,
    SessionMeter,
    Usage,
    Usual,
    measure,
)
from burnline.detection.learned.rules import Rule, conditions_of
from burnline.detection.learned.statistic import NOTHING_YET

TELL_AGAIN_MS = 60_000
"""A session that stays out of range is told of once a minute, and whenever a further rule fires."""
_NEVER = (0, -TELL_AGAIN_MS)
_LAYOUT = "python 2"


class Hit(NamedTuple):
    """A call with which a session or its agent is out of range.

    Attributes:
        place: Which call of the batch.
        fired: The rules that fire, as bits in their order.
        values: Every statistic.
        usual_pico_usd_per_hour: What an hour of activity of the agent's other sessions costs; 0.0: not known.
        session_pico_usd: What the session has cost in all.
        session_active_ms: How long it was active in all.
    """

    place: int
    fired: int
    values: tuple[float, ...]
    usual_pico_usd_per_hour: float
    session_pico_usd: int
    session_active_ms: int


class DayOfAgent(NamedTuple):
    """What an agent did in a day: its usage, and the highest value of each statistic."""

    agent: int
    usage: Usage
    peaks: tuple[float, ...]


class Calls(NamedTuple):
    """Calls as columns of equal length, in the order of the log; the fields of `Call`."""

    at_ms: "array[int]"
    agent: "array[int]"
    session: "array[int]"
    model: "array[int]"
    run: "array[int]"
    input_tokens: "array[int]"
    cached_tokens: "array[int]"
    write_tokens: "array[int]"
    output_tokens: "array[int]"
    cost_pico_usd: "array[int]"

    @classmethod
    def none(cls) -> "Calls":
        """No calls yet."""
        return cls(*(array("q") for _ in cls._fields))

    def rows(self, begin: int, end: int) -> list[Call]:
        """Some of them, one by one."""
        return [Call(*row) for row in zip(*(column[begin:end] for column in self), strict=True)]


class EngineState(msgspec.Struct, frozen=True):
    """What an engine holds of agents and sessions, by their numbers, as bytes that only an engine of its kind reads."""

    layout: str
    agents: dict[int, bytes]
    sessions: dict[int, bytes]


class Engine(Protocol):
    """What watches calls: in Python, or natively. Agents, sessions and models are numbers from 0."""

    def set_model(self, model: int, rates: tuple[int, int, int, int]) -> None:
        """A model's reference rates: pico-USD per token of input, cached input, cache write and output."""

    def set_agent(self, agent: int, usual: Usual | None, past: Usage, lines: "array[float]") -> None:
        """What is usual for an agent, its usage of the days before, and its lines in the order of the conditions."""

    def set_muted(self, agent: int, *, muted: bool) -> None:
        """While an agent is muted none of its calls is out of range, and none is learned from."""

    def apply(self, calls: Calls, begin: int, end: int) -> list[Hit]:
        """Take the calls from `begin` to `end` in."""

    def close_day(self) -> list[DayOfAgent]:
        """The day's sums of every agent with calls since the last time, in the order of their numbers."""

    def forget(self, before_ms: int) -> list[int]:
        """Forget the sessions without a call since a moment, and answer their numbers, ascending."""

    def save(self, sessions: Sequence[int]) -> EngineState:
        """All that is held of the agents and of these sessions."""

    def load(self, state: EngineState) -> bool:
        """Go on with what another engine held, once models and agents are set; False if it was of another kind.

        Raises:
            ValueError: It is damaged.
        """


class PythonEngine:
    """The specification: any machine runs it."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        conditions = conditions_of(rules)
        self._statistics = [each.statistic for each in conditions]
        self._spans: list[range] = []
        begin = 0
        for rule in rules:
            self._spans.append(range(begin, begin + len(rule.conditions)))
            begin += len(rule.conditions)
        self._models: dict[int, tuple[int, int, int, int]] = {}
        self._agents: dict[int, AgentMeter] = {}
        self._lines: dict[int, array[float]] = {}
        self._sessions: dict[int, SessionMeter] = {}
        self._told: dict[int, tuple[int, int]] = {}

    def set_model(self, model: int, rates: tuple[int, int, int, int]) -> None:
        """As `Engine` says."""
        self._models[model] = rates

    def set_agent(self, agent: int, usual: Usual | None, past: Usage, lines: "array[float]") -> None:
        """As `Engine` says."""
        meter = self._agents.setdefault(agent, AgentMeter())
        meter.usual, meter.past = usual, past
        self._lines[agent] = lines

    def set_muted(self, agent: int, *, muted: bool) -> None:
        """As `Engine` says."""
        self._agents[agent].muted = muted

    def apply(self, calls: Calls, begin: int, end: int) -> list[Hit]:
        """As `Engine` says."""
        hits = (self._take(index, call) for index, call in enumerate(calls.rows(begin, end), begin))
        return [hit for hit in hits if hit is not None]

    def _take(self, index: int, call: Call) -> Hit | None:
        agent = self._agents[call.agent]
        session = self._sessions.get(call.session)
        if session is None or call.at_ms - session.last_ms > SESSION_IDLE_MS:
            session = self._sessions[call.session] = SessionMeter(call.agent)
            self._told.pop(call.session, None)
        values, usual = measure(agent, session, call, self._models[call.model])
        if agent.muted:
            return None
        agent.peaks = [peak if peak > value else value for peak, value in zip(agent.peaks, values, strict=True)]
        fired = self._fired(values, self._lines[call.agent])
        if not fired or not self._is_news(call, fired):
            return None
        return Hit(index, fired, tuple(values), usual, session.cost, session.active_ms)

    def _fired(self, values: Sequence[float], lines: "array[float]") -> int:
        statistics, fired = self._statistics, 0
        for bit, span in enumerate(self._spans):
            if all(values[statistics[place]] > lines[place] for place in span):
                fired |= 1 << bit
        return fired

    def _is_news(self, call: Call, fired: int) -> bool:
        told, told_ms = self._told.get(call.session, _NEVER)
        if not fired & ~told and call.at_ms - told_ms < TELL_AGAIN_MS:
            return False
        self._told[call.session] = told | fired, call.at_ms
        return True

    def close_day(self) -> list[DayOfAgent]:
        """As `Engine` says."""
        closed = []
        for number in sorted(self._agents):
            meter = self._agents[number]
            if any(meter.of_day) or any(peak > NOTHING_YET for peak in meter.peaks):
                closed.append(DayOfAgent(number, meter.of_day, tuple(meter.peaks)))
            meter.of_day, meter.peaks = Usage(), [NOTHING_YET] * STATISTICS
        return closed

    def forget(self, before_ms: int) -> list[int]:
        """As `Engine` says."""
        idle = sorted(number for number, session in self._sessions.items() if session.last_ms < before_ms)
        for number in idle:
            del self._sessions[number]
            self._told.pop(number, None)
        return idle

    def save(self, sessions: Sequence[int]) -> EngineState:
        """As `Engine` says."""
        return EngineState(
            _LAYOUT,
            {number: frozen.freeze(meter) for number, meter in self._agents.items()},
            {
                number: frozen.freeze(_Told(self._sessions[number], *self._told.get(number, _NEVER)))
                for number in sessions
            },
        )

    def load(self, state: EngineState) -> bool:
        """As `Engine` says."""
        if state.layout != _LAYOUT:
            return False
        for number, data in state.agents.items():
            kept = self._agents[number]
            meter = frozen.thaw(data, AgentMeter())
            meter.past, meter.muted = kept.past, kept.muted
            self._agents[number] = meter
        for number, data in state.sessions.items():
            told = frozen.thaw(data, _Told(SessionMeter(0), *_NEVER))
            self._sessions[number], self._told[number] = told.meter, (told.fired, told.at_ms)
        return True


@dataclass(slots=True)
class _Told:
    """A session, and what was told of it."""

    meter: SessionMeter
    fired: int
    at_ms: int
