"""Watching a log of calls, in its order: days close, agents get their lines, hits become findings, findings notices."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from burnline.detection.learned.calendar import Planned, turns
from burnline.detection.learned.causes import Factors, split
from burnline.detection.learned.engine import Calls, Engine, EngineState, Hit
from burnline.detection.learned.history import History, PastState
from burnline.detection.learned.incidents import Finding, Incidents, IncidentsState
from burnline.detection.learned.meters import DAY_MS, HOUR_MS, SESSION_IDLE_MS, Usage, Usual
from burnline.detection.learned.naming import cause_of
from burnline.detection.learned.notice import Incident, Place
from burnline.detection.learned.patience import patience, said_lately
from burnline.detection.learned.policy import Policies
from burnline.detection.learned.rules import Rule, conditions_of
from burnline.detection.learned.statistic import MICRO, NOTHING_YET, Statistic


class Who(NamedTuple):
    """Whose call it is."""

    org_id: str
    agent_id: str
    session_id: str


class Batch(NamedTuple):
    """Some calls, and the ids of their events, in the order of the log; and where they stand in it, if in a topic."""

    calls: Calls
    event_ids: Sequence[str]
    places: Sequence[Place] = ()


class Names:
    """Numbers for agents, sessions and runs. A forgotten session's number is given again."""

    def __init__(self) -> None:
        self.agents: list[tuple[str, str]] = []
        self.numbers: dict[tuple[str, str], int] = {}
        self.sessions: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.owners: list[Who] = []
        self._free: list[int] = []

    def meet(self, key: tuple[str, str, str]) -> tuple[int, int]:
        """(agent's number, session's number) of org, agent and session that are new."""
        agent = self.numbers.get(key[:2])
        if agent is None:
            agent = self.numbers[key[:2]] = len(self.agents)
            self.agents.append(key[:2])
        if self._free:
            session = self._free.pop()
            self.owners[session] = Who(*key)
        else:
            session = len(self.owners)
            self.owners.append(Who(*key))
        self.sessions[key] = agent, session
        return agent, session

    def forget(self, sessions: Iterable[int]) -> None:
        """Give numbers back."""
        for session in sessions:
            del self.sessions[self.owners[session]]
            self._free.append(session)

    def save(self) -> list[Who | None]:
        """Whose session each number is; None for one that may be given again."""
        return [
            who if self.sessions.get(who, (-1, -1))[1] == number else None for number, who in enumerate(self.owners)
        ]

    def load(self, agents: Sequence[tuple[str, str]], owners: Sequence[Who | None]) -> None:
        """Go on with the numbers that another one gave."""
        self.agents = list(agents)
        self.numbers = {agent: number for number, agent in enumerate(agents)}
        self.owners = [who or Who("", "", "") for who in owners]
        self.sessions = {
            (who.org_id, who.agent_id, who.session_id): (self.numbers[who[:2]], number)
            for number, who in enumerate(owners)
            if who is not None
        }
        self._free = [number for number, who in enumerate(owners) if who is None]


class WatchState(msgspec.Struct, frozen=True):
    """All that a watch holds; what follows from it is left out.

    Attributes:
        agents: Org and agent of each number.
        owners: Whose session each number is; None for one that may be given again.
        models: Reference rates of each number.
        day: The day that is open, -1 before the first call.
        idle_ms: Sessions without a call since then are to be forgotten.
        out_of_range: Agents with anything out of range today.
        past, incidents, engine: The days before; what is open; the meters.
    """

    agents: list[tuple[str, str]]
    owners: list[Who | None]
    models: list[tuple[int, int, int, int]]
    day: int
    idle_ms: int | None
    out_of_range: list[int]
    past: dict[int, PastState]
    incidents: IncidentsState
    engine: EngineState


class Watch:
    """The learned rules over one log. Calls come in the order of the log; so do the notices."""

    def __init__(
        self, engine: Engine, rules: Sequence[Rule], planned: Iterable[Planned] = (), policies: Policies | None = None
    ) -> None:
        self.names = Names()
        self._engine = engine
        self._rules = rules
        self._history = History(conditions_of(rules))
        self._policies = policies or Policies()
        self._incidents = Incidents(self._policies)
        self._turns = turns(planned)
        self._announced: dict[tuple[str, str], int] = {}
        self._day = -1
        self._known = 0
        self._usual_calls: dict[int, float] = {}
        self._usual: dict[int, Usual | None] = {}
        self._out_of_range: set[int] = set()
        self._models: list[tuple[int, int, int, int]] = []
        self._idle_ms: int | None = None
        self._in_vain: Mapping[tuple[str, str], Sequence[int]] = {}

    @property
    def open_incidents(self) -> int:
        """Incidents that are open now."""
        return len(self._incidents)

    def set_in_vain(self, said: Mapping[tuple[str, str], Sequence[int]]) -> None:
        """Take when people said of agents' notices that they were in vain: it counts from the day after."""
        before, self._in_vain = self._in_vain, said
        for agent in range(self._known):
            who = self.names.agents[agent]
            if before.get(who) != said.get(who):
                self._set_agent(agent)

    def _said_lately(self, agent: int) -> int:
        return said_lately(self._in_vain.get(self.names.agents[agent], ()), self._day)

    def is_announced(self, org_id: str, agent_id: str) -> bool:
        """Whether a spike of an agent is announced now."""
        return self._announced.get((org_id, agent_id), 0) > 0

    def set_policies(self, policies: Policies) -> None:
        """Judge by these from the next call on."""
        self._policies = policies
        self._incidents.set_policies(policies)
        for agent in range(self._known):
            self._set_agent(agent)

    def agents_by_policy(self) -> dict[str, int]:
        """How many of the agents that were met each policy with a name holds for: none for one that never can."""
        held = Counter(self._policies.of(*agent).name for agent in self.names.agents)
        return {policy.name: held[policy.name] for policy in self._policies.all() if policy.name}

    def add_model(self, rates: tuple[int, int, int, int]) -> int:
        """A model's reference rates, pico-USD per token of input, cached input, cache write and output: its number."""
        self._models.append(rates)
        self._engine.set_model(len(self._models) - 1, rates)
        return len(self._models) - 1

    def tidy(self) -> None:
        """Forget idle sessions and give their numbers back: between batches, before calls of the next get numbers."""
        if self._idle_ms is not None:
            self.names.forget(self._engine.forget(self._idle_ms))
            self._idle_ms = None

    def apply(self, batch: Batch) -> list[Incident]:
        """Take calls in; what is to be told."""
        notices: list[Incident] = []
        calls, begin = batch.calls, 0
        self._learn_names()
        while begin < len(calls.at_ms):
            self._turn_to(calls.at_ms[begin], notices)
            end = self._until(calls, begin)
            for hit in self._engine.apply(calls, begin, end):
                notices += self._incidents.settle(calls.at_ms[hit.place])
                self._out_of_range.add(calls.agent[hit.place])
                notices += self._incidents.find(self._finding(hit, batch))
            begin = end
        return notices

    def end(self, now_ms: int) -> list[Incident]:
        """What is over at the end of the log."""
        return self._incidents.settle(now_ms)

    def save(self) -> WatchState:
        """All that it holds, between two batches."""
        owners = self.names.save()
        return WatchState(
            agents=self.names.agents,
            owners=owners,
            models=self._models,
            day=self._day,
            idle_ms=self._idle_ms,
            out_of_range=sorted(self._out_of_range),
            past=self._history.save(),
            incidents=self._incidents.save(),
            engine=self._engine.save([number for number, who in enumerate(owners) if who is not None]),
        )

    def load(self, state: WatchState) -> bool:
        """Go on where another one was, instead of beginning anew.

        Announcements are not part of it: those that have begun by the next call count from then on.

        Returns:
            Whether the meters could be read; if another kind of engine held them, the windows of the last day begin
            anew, and what was learned of the days before stays.

        Raises:
            ValueError: It is damaged.
        """
        self.names.load(state.agents, state.owners)
        for rates in state.models:
            self.add_model(rates)
        self._day, self._idle_ms = state.day, state.idle_ms
        self._out_of_range = set(state.out_of_range)
        self._history.load(state.past)
        self._incidents.load(state.incidents)
        self._learn_names()
        if self._engine.load(state.engine):
            return True
        self.names.load(state.agents, [])
        return False

    def _learn_names(self) -> None:
        for agent in range(self._known, len(self.names.agents)):
            self._set_agent(agent)
            if self._announced.get(self.names.agents[agent], 0):
                self._engine.set_muted(agent, muted=True)
        self._known = len(self.names.agents)

    def _until(self, calls: Calls, begin: int) -> int:
        """Up to where nothing changes: neither the day, nor what is announced."""
        change = (self._day + 1) * DAY_MS
        if self._turns:
            change = min(change, self._turns[0].at_ms)
        if max(calls.at_ms[begin:]) < change:
            return len(calls.at_ms)
        return next(place for place in range(begin, len(calls.at_ms)) if calls.at_ms[place] >= change)

    def _turn_to(self, at_ms: int, notices: list[Incident]) -> None:
        day = at_ms // DAY_MS
        if day > self._day:
            if self._day >= 0:
                self._close_day(notices)
            self._day = day
            for agent in range(self._known):
                self._set_agent(agent)
        passed = bisect_left(self._turns, at_ms + 1, key=lambda turn: turn.at_ms)
        for turn in self._turns[:passed]:
            who = turn.org, turn.agent
            self._announced[who] = self._announced.get(who, 0) + turn.step
            number = self.names.numbers.get(who)
            if number is not None and number < self._known:
                self._engine.set_muted(number, muted=self._announced[who] > 0)
        del self._turns[:passed]

    def _close_day(self, notices: list[Incident]) -> None:
        closes_ms = (self._day + 1) * DAY_MS
        notices += self._incidents.settle(closes_ms)
        self._history.close(self._day, self._engine.close_day(), self._out_of_range)
        self._out_of_range = set()
        self._idle_ms = closes_ms - SESSION_IDLE_MS

    def _set_agent(self, agent: int) -> None:
        used = self._history.used(agent)
        usual = self._usual[agent] = self._history.usual(used)
        policy = self._policies.of(*self.names.agents[agent])
        sensitivity = policy.sensitivity * patience(self._said_lately(agent))
        self._engine.set_agent(agent, usual, used, self._history.lines(agent, sensitivity))
        self._usual_calls[agent] = _calls_per_hour(used)

    def _finding(self, hit: Hit, batch: Batch) -> Finding:
        calls, place, values = batch.calls, hit.place, hit.values
        who, agent = self.names.owners[calls.session[place]], calls.agent[place]
        fired = [rule for bit, rule in enumerate(self._rules) if hit.fired >> bit & 1]
        condition = fired[0].conditions[0]
        told = condition.statistic
        burn = max(int(values[Statistic.MONEY_5M]) * 12, 1)
        usual = int(hit.usual_pico_usd_per_hour)
        factors = self._factors(hit, batch)
        change = split(usual, burn, factors) if usual else None
        known = self._history.range_against(agent, condition)
        ratio = told.logarithm(values[told]) - known.highest if known else None
        return Finding(
            *who,
            event_id=batch.event_ids[place],
            place=batch.places[place] if batch.places else None,
            at_ms=calls.at_ms[place],
            wide=fired[0].of_agent,
            cause=cause_of(
                fired,
                change,
                lambda each, least: self._is_beyond(agent, values, each, least),
                cache_is_lost=_cache_is_lost(calls, place, self._usual[agent]),
            ),
            burn=burn,
            usual=usual,
            session_pico_usd=hit.session_pico_usd,
            session_active_ms=hit.session_active_ms,
            recent_pico_usd=int(values[Statistic.MONEY_5M]),
            change=change,
            statistic=told.name.lower(),
            ratio_to_highest=None if ratio is None else round(math.exp(ratio), 3),
            learned_from=self._history.explanation(agent, condition) + _in_words(self._said_lately(agent)),
        )

    def _is_beyond(self, agent: int, values: Sequence[float], statistic: Statistic, least: int) -> bool:
        """Whether a statistic is at least a number, and above an agent's highest usual one."""
        known, value = self._history.range_of(agent, statistic), values[statistic]
        return value >= least and (known is None or statistic.logarithm(value) > known.highest)

    def _factors(self, hit: Hit, batch: Batch) -> Factors:
        calls, place, values = batch.calls, hit.place, hit.values
        per_hour = self._usual_calls[calls.agent[place]]
        rates = self._models[calls.model[place]]
        fresh = calls.input_tokens[place] - calls.cached_tokens[place] - calls.write_tokens[place]
        parts = fresh, calls.cached_tokens[place], calls.write_tokens[place], calls.output_tokens[place]
        listed = sum(part * rate for part, rate in zip(parts, rates, strict=True))
        cost = calls.cost_pico_usd[place]
        return Factors(
            calls=values[Statistic.CALLS_5M] * 12 / per_hour if per_hour else 1.0,
            model=_factor(values[Statistic.MODEL_5]) or _by_models(listed, parts, self._usual[calls.agent[place]]),
            cache=_factor(values[Statistic.CACHE_5]) or 1.0,
            price=cost / listed if cost > 0 and listed > 0 else 1.0,
        )


def _in_words(said: int) -> str:
    """How often notices were in vain of late, where they were."""
    return f"; less sensitive for {said} of the last 14 days' notices in vain" if said else ""


def _cache_is_lost(calls: Calls, place: int, usual: Usual | None) -> bool:
    """Whether a call finds less than half of what the agent's calls usually find in the cache."""
    return usual is None or calls.cached_tokens[place] < usual.hit / 2 * calls.input_tokens[place]


def _factor(millionths: float) -> float | None:
    """How many times as much; None if it cannot be told yet."""
    return None if millionths == NOTHING_YET else math.exp(millionths / MICRO)


def _by_models(listed: int, parts: Sequence[int], usual: Usual | None) -> float:
    """What one call costs over its cost by the usual models: for a session's first calls."""
    expected = sum(part * rate for part, rate in zip(parts, usual.rates, strict=True)) if usual else 0.0
    return listed / expected if listed > 0 and expected > 0 else 1.0


def _calls_per_hour(used: Usage) -> float:
    return used.calls * HOUR_MS / used.active_ms if used.active_ms else 0.0
