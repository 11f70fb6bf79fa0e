"""The statistics of sessions and agents, brought up to date call by call: the specification of the native meters.

Each call costs constant time. A session holds 30 slices, 20 costs, 15 cache ratios and up to 64 runs; an agent 337
buckets, 50 cache ratios, up to 64 active sessions and 256 beginnings. Integers all through (pico-USD, millionths of a
logarithm), so sums do not depend on how calls are cut into batches.
"""

import math
from collections import deque
from typing import NamedTuple

from burnline.detection.learned.statistic import MICRO, NOTHING_YET, Statistic
from burnline.detection.learned.windows import Begun, Buckets, Last, Recent

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
STREAK_PAUSE_MS = 120_000
"""A longer pause is a person, or an end."""
ACTIVE_PAUSE_MS = 300_000
"""A pause counts as activity up to this long, and a provider's cache is held so long."""
FIRST_CALL_MS = 10_000
"""What a session's first call counts as activity."""
LOOP_PAUSE_MS = 180_000
SESSION_IDLE_MS = DAY_MS
"""After a longer pause a session begins anew: what was held of it may be forgotten any time."""
_SAME_TOKENS = 8
_ALIKE_TOKENS = 300
_FIRST_CALLS = 30
"""After so many calls a newcomer's own first day tells what is usual."""
_LEAST_USUAL_CALLS = 20
_LEAST_USUAL_MS = HOUR_MS // 4
_LEAST_PICO = 1000
STATISTICS = len(Statistic)


class Call(NamedTuple):
    """One call. Agents, sessions, runs and models are numbers; `cost_pico_usd` is what it cost at its time."""

    at_ms: int
    agent: int
    session: int
    model: int
    run: int
    input_tokens: int
    cached_tokens: int
    write_tokens: int
    output_tokens: int
    cost_pico_usd: int


class Usage(NamedTuple):
    """What an agent used in a day: the sums that tell what is usual. Days add up field by field.

    Attributes:
        calls: How many.
        active_ms: Time of activity, over all sessions.
        cost_pico_usd: Money.
        weight: Tokens of input, and four times those of output.
        input_rate, cached_rate, write_rate, output_rate: Weight times the model's rate in pico-USD per token.
        warm_tokens: Input tokens of calls within five minutes after the session's call before.
        warm_cached, warm_write: Of these, what was read from the cache, and what was written to it.
        log_cost: Sum of the calls' ln(cost in pico-USD), in millionths.
    """

    calls: int = 0
    active_ms: int = 0
    cost_pico_usd: int = 0
    weight: int = 0
    input_rate: float = 0.0
    cached_rate: float = 0.0
    write_rate: float = 0.0
    output_rate: float = 0.0
    warm_tokens: int = 0
    warm_cached: int = 0
    warm_write: int = 0
    log_cost: int = 0


class Usual(NamedTuple):
    """What is usual for an agent.

    Attributes:
        rates: Mean rates of its models, pico-USD per token: input, cached input, cache write, output.
        hit: The part of warm input that is found in the cache.
        wrote: The part of it that is written to the cache.
    """

    rates: tuple[float, float, float, float]
    hit: float
    wrote: float


def summed(one: Usage, other: Usage) -> Usage:
    """Usage of both."""
    return Usage(*(left + right for left, right in zip(one, other, strict=True)))  # type: ignore[arg-type]


def usual_of(used: Usage) -> Usual | None:
    """What is usual after so much usage; None before there is any."""
    if not used.weight:
        return None
    warm = max(used.warm_tokens, 1)
    sums = (used.input_rate, used.cached_rate, used.write_rate, used.output_rate)
    first, second, third, fourth = (rate / used.weight for rate in sums)
    return Usual((first, second, third, fourth), used.warm_cached / warm, used.warm_write / warm)


class SessionMeter:
    """What is held of one session."""

    def __init__(self, agent: int) -> None:
        self.agent = agent
        self.last_ms = -1
        self.cost = 0
        self.active_ms = 0
        self.of_day = -1
        self.today_cost = self.today_active_ms = self.today_calls = 0
        self.streak = self.streak_dearest = self.streak_calls = 0
        self.money = Buckets(10_000, 30)
        self.dearest = [0] * 30
        self.calls_1m = Buckets(10_000, 6)
        self.calls_5m = Buckets(10_000, 30)
        self.model = self.run = -1
        self.input = 0
        self.same = self.alike = 0
        self.models = Last(5)
        self.cache_5, self.cache_15 = Last(5), Last(15)
        self.costs: deque[int] = deque(maxlen=20)
        self.runs = Recent(MINUTE_MS, 64)

    def pause(self, at_ms: int) -> int | None:
        """How long ago the call before was; None for the first. A late call comes at once."""
        return None if self.last_ms < 0 else max(0, at_ms - self.last_ms)

    def in_streak(self, cost: int, pause: int | None) -> int:
        """Money of the streak less its dearest call."""
        if pause is None or pause > STREAK_PAUSE_MS:
            self.streak = self.streak_dearest = self.streak_calls = 0
        self.streak_calls += 1
        self.streak += cost
        self.streak_dearest = max(self.streak_dearest, cost)
        return self.streak - self.streak_dearest

    def in_five_minutes(self, at_ms: int, cost: int) -> int:
        """Money of five minutes less the dearest call."""
        newest = self.money.newest
        total = self.money.add(at_ms, cost)
        index = at_ms // 10_000
        if index > newest:
            for passed in range(max(newest + 1, index - 29), index + 1):
                self.dearest[passed % 30] = 0
        if index > self.money.newest - 30:
            self.dearest[index % 30] = max(self.dearest[index % 30], cost)
        return total - max(self.dearest)

    def in_a_row(self, call: Call, pause: int | None) -> None:
        """Count calls that repeat the one before."""
        follows = pause is not None and pause <= LOOP_PAUSE_MS and call.model == self.model and call.run == self.run
        step = abs(call.input_tokens - self.input)
        self.same = self.same + 1 if follows and step <= _SAME_TOKENS else 0
        self.alike = self.alike + 1 if follows and step <= max(_ALIKE_TOKENS, call.input_tokens // 500) else 0
        self.model, self.run, self.input = call.model, call.run, call.input_tokens

    def least_cost(self, cost: int) -> int:
        """The cheapest of the last 20 calls; 0 before there are so many."""
        self.costs.append(cost)
        return min(self.costs) if len(self.costs) == 20 else 0

    def begin_day(self, day: int) -> None:
        """What the session used today begins anew with the day."""
        if day != self.of_day:
            self.of_day, self.today_cost, self.today_active_ms, self.today_calls = day, 0, 0, 0

    def use(self, cost: int, active_ms: int, *, announced: bool) -> None:
        """Add to what the session has used in all, and today; today's leaves out what was announced, as its agent's."""
        self.cost += cost
        self.active_ms += active_ms
        if announced:
            return
        self.today_cost += cost
        self.today_active_ms += active_ms
        self.today_calls += 1


class AgentMeter:
    """What is held of one agent."""

    def __init__(self) -> None:
        self.hour = Buckets(MINUTE_MS, 60)
        self.six_hours = Buckets(5 * MINUTE_MS, 72)
        self.hour_cost, self.hour_active_ms, self.hour_calls = (Buckets(MINUTE_MS, 60) for _ in range(3))
        self.log_costs = Buckets(HOUR_MS, 24)
        self.day_calls = Buckets(HOUR_MS, 24)
        self.cache, self.models = Last(50), Last(50)
        self.begun = Begun(2 * MINUTE_MS, 256)
        self.active = Recent(2 * MINUTE_MS, 64)
        self.usual: Usual | None = None
        self.past = Usage()
        self.of_day = Usage()
        self.peaks = [NOTHING_YET] * STATISTICS
        self.muted = False

    def ratios(self, call: Call, rates: tuple[int, int, int, int], *, warm: bool) -> tuple[int, int] | None:
        """ln(cost / by usual models) and ln(cost / with usual cache hits), in millionths, at the model's own rates."""
        if self.usual is None:
            return None
        usual, hit, wrote = self.usual
        inputs, cached, write, output = call.input_tokens, call.cached_tokens, call.write_tokens, call.output_tokens
        fresh = inputs - cached - write
        paid = max(fresh * rates[0] + cached * rates[1] + write * rates[2] + output * rates[3], _LEAST_PICO)
        by_models = fresh * usual[0] + cached * usual[1] + write * usual[2] + output * usual[3]
        model = millionths(paid / max(by_models, 1000.0))
        if not warm:
            return model, 0
        mixed = (1.0 - hit - wrote) * rates[0] + hit * rates[1] + wrote * rates[2]
        return model, millionths(paid / max(inputs * mixed + output * rates[3], 1000.0))

    def use(self, call: Call, rates: tuple[int, int, int, int], active_ms: int, log_cost: int, *, warm: bool) -> None:
        """Add a call to the day's usage."""
        weight = call.input_tokens + 4 * call.output_tokens
        warm_tokens = call.input_tokens if warm else 0
        first, second, third, fourth = (float(weight) * rate for rate in rates)
        added = Usage(
            1, active_ms, call.cost_pico_usd, weight, first, second, third, fourth,
            warm_tokens, call.cached_tokens if warm else 0, call.write_tokens if warm else 0, log_cost,
        )  # fmt: skip
        self.of_day = summed(self.of_day, added)
        if self.usual is None and self.of_day.calls == _FIRST_CALLS:
            self.usual = usual_of(self.of_day)

    def hour_to_before(self, at_ms: int, cost: int, active_ms: int, hour_pico_usd: int) -> float:
        """Take a call into the last hour's usage, and hold the hour's money against what was used before it.

        Answers `NOTHING_YET` while there is too little before it. What was announced is no usage.
        """
        used = self.hour_cost, self.hour_active_ms, self.hour_calls
        added = (0, 0, 0) if self.muted else (cost, active_ms, 1)
        hour_cost, hour_active_ms, hour_calls = (
            each.add(at_ms, value) for each, value in zip(used, added, strict=True)
        )
        calls = self.past.calls + self.of_day.calls + added[2] - hour_calls
        active = self.past.active_ms + self.of_day.active_ms + added[1] - hour_active_ms
        before = self.past.cost_pico_usd + self.of_day.cost_pico_usd + added[0] - hour_cost
        if calls < _LEAST_USUAL_CALLS or active <= _LEAST_USUAL_MS or before <= 0:
            return NOTHING_YET
        return hour_pico_usd / (before / active * HOUR_MS)

    def usual_pico_usd_per_ms(self, session: SessionMeter) -> float:
        """What a millisecond of activity of its other sessions costs; 0.0 while there is too little to tell."""
        past, today = self.past, self.of_day
        calls = past.calls + today.calls - session.today_calls
        active_ms = past.active_ms + today.active_ms - session.today_active_ms
        cost = past.cost_pico_usd + today.cost_pico_usd - session.today_cost
        enough = calls >= _LEAST_USUAL_CALLS and active_ms > _LEAST_USUAL_MS
        return float(cost) / float(active_ms) if enough else 0.0


def millionths(ratio: float) -> int:
    """A ratio's natural logarithm in millionths, rounded half up."""
    return math.floor(math.log(ratio) * MICRO + 0.5)


def measure(
    agent: AgentMeter, session: SessionMeter, call: Call, rates: tuple[int, int, int, int]
) -> tuple[list[float], float]:
    """Take a call in; every statistic after it, and what an hour of activity usually costs (pico-USD, 0.0: unknown)."""
    at_ms, cost = call.at_ms, call.cost_pico_usd
    pause = session.pause(at_ms)
    warm = pause is not None and pause <= ACTIVE_PAUSE_MS
    active_ms = FIRST_CALL_MS if pause is None else min(pause, ACTIVE_PAUSE_MS)
    values = [NOTHING_YET] * STATISTICS
    session.begin_day(at_ms // DAY_MS)
    streak = session.in_streak(cost, pause)
    usual = agent.usual_pico_usd_per_ms(session) * HOUR_MS
    values[Statistic.STREAK] = streak
    values[Statistic.STREAK_CALLS] = session.streak_calls
    values[Statistic.STREAK_TO_USUAL] = streak / usual if usual > 0 else NOTHING_YET
    values[Statistic.MONEY_5M] = session.in_five_minutes(at_ms, cost)
    values[Statistic.CALLS_1M] = session.calls_1m.add(at_ms, 1)
    values[Statistic.CALLS_5M] = session.calls_5m.add(at_ms, 1)
    session.in_a_row(call, pause)
    values[Statistic.SAME_CALLS], values[Statistic.ALIKE_CALLS] = session.same, session.alike
    values[Statistic.LEAST_COST] = session.least_cost(cost)
    values[Statistic.PARALLEL_RUNS] = session.runs.add(at_ms, call.run)
    values[Statistic.AGENT_1H] = agent.hour.add(at_ms, cost)
    values[Statistic.AGENT_HOUR_TO_BEFORE] = agent.hour_to_before(at_ms, cost, active_ms, agent.hour.total)
    values[Statistic.AGENT_6H] = agent.six_hours.add(at_ms, cost)
    values[Statistic.AGENT_STARTED_2M] = agent.begun.add(at_ms, begins=pause is None)
    values[Statistic.AGENT_ACTIVE_2M] = agent.active.add(at_ms, call.session)
    ratios = agent.ratios(call, rates, warm=warm)
    if ratios is not None:
        model, cache = ratios
        if session.models.add(model):
            values[Statistic.MODEL_5] = session.models.total / 5
        if session.cache_5.add(cache):
            values[Statistic.CACHE_5] = session.cache_5.total / 5
        if session.cache_15.add(cache):
            values[Statistic.CACHE_15] = session.cache_15.total / 15
        if agent.cache.add(cache):
            values[Statistic.AGENT_CACHE_50] = agent.cache.total / 50
        if agent.models.add(model):
            values[Statistic.AGENT_MODEL_50] = agent.models.total / 50
    log_cost = millionths(max(cost, _LEAST_PICO))
    logs, calls = agent.log_costs.add(at_ms, log_cost), agent.day_calls.add(at_ms, 1)
    if calls >= _LEAST_USUAL_CALLS:
        values[Statistic.AGENT_COST_24H] = logs / calls
    session.use(cost, active_ms, announced=agent.muted)
    if not agent.muted:
        agent.use(call, rates, active_ms, log_cost, warm=warm)
    session.last_ms = max(session.last_ms, at_ms)
    return values, usual
