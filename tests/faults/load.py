"""What is published, round by round, and what the ledgers must come to; summed here, with nothing of Burnline's.

A round is one block of events, made once from the seed and published again with other times and event ids: patching
bytes is what makes ten million events cheap. All amounts are integers; prices are the providers' own, in pico-USD.

Sessions by their names:

- `even-N`: the bulk, `per_round` small events a round, never near a limit.
- `slow-N`: one event a round, so that an event can come again an hour of stream time later and still has to be known.
- `split-N`: on two partitions at once, as from two publishers with different partitioners.
- `hot-N`: far above every limit from the first event to the last; its anomaly opens critical and stays open.
- `climb-N`: opens as a warning, escalates with its second event, and stays.
- `ahead-N`: from a clock that is `AHEAD_STEPS` ahead, an event each slice; nobody else may be judged by it.
- `late-N`: from one that is `LATE_STEPS` behind, and would burn far above every limit: counted, and never an anomaly.
- `calm-R-N`: one event above the limit in round R and no more; its anomaly has to be resolved, and the session retired.

The agent of a session is the first word of its name, so that sums of retired sessions can be told apart, too; its team
is named after the last digit, so that usage rollups can.
"""

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from benchmarks.load import PICO_PER_TOKEN

STEP_MS = 1_000
SLICE_MS = 10_000
DISORDER_STEPS = 4
RESOLVED_AFTER_MS = 260_000
"""Short window, quiet period, and a slice at either end: by then a calm session's anomaly is over by event time."""
HOUR_MS = 3_600_000
AHEAD_STEPS, LATE_STEPS = 200, 1_200
"""Within the windows, and behind them."""
HOT_TOKENS, WARNING_TOKENS, CALM_TOKENS = 200_000, 50_000, 1_000_000
"""Output tokens at 10 USD per million: 2 USD is critical at once, 0.50 USD a warning, 10 USD critical."""

Prices = Mapping[str, tuple[int, ...]]
"""Pico-USD per token by model: fresh input, cached input, output."""
PRICES: Prices = PICO_PER_TOKEN

_ANY_PARTITION = -1
_POISON = 1 << 31
_KNOWN_EVENTS = 100_000
"""Of the newest events of a partition all are known as duplicates; the setting's default is 250,000."""


class Shape(NamedTuple):
    """How large a round is, and how long in event time."""

    seed: int
    partitions: int = 4
    even: int = 500
    per_round: int = 10
    slow: int = 20
    split: int = 4
    hot: int = 4
    climb: int = 4
    calm: int = 2
    ahead: int = 0
    late: int = 0
    bad: int = 20
    round_ms: int = 300_000


class Sums(NamedTuple):
    """What a session has used."""

    events: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cost_pico_usd: int = 0

    def plus(self, other: "Sums", times: int = 1) -> "Sums":
        """Field by field."""
        return Sums(*(mine + times * theirs for mine, theirs in zip(self, other, strict=True)))


class Due(NamedTuple):
    """The anomaly that a session must have had.

    Attributes:
        event_id: Of the event that opens it.
        states: (state, severity) of its first notices, in order.
        end: `open`, `resolved`, or `either` when the stream ended too early to tell.
    """

    event_id: str
    states: tuple[tuple[str, str], ...]
    end: str


class Expected(NamedTuple):
    """What must be on the topics after a number of rounds."""

    sums: dict[str, Sums]
    anomalies: dict[str, Due]


class Record(NamedTuple):
    """One record to publish; partition -1 leaves the choice to the key."""

    key: str
    value: bytes
    partition: int = _ANY_PARTITION


class _Item(NamedTuple):
    """One event of the block: its value is the head of its step in a round, and this tail."""

    key: str
    step: int
    tail: bytes
    partition: int
    usage: "_Usage"


class _Usage(NamedTuple):
    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int

    def sums(self, prices: Prices) -> Sums:
        fresh_pico, cached_pico, answer_pico = prices[self.model]
        cost = (self.input_tokens - self.cached_input_tokens) * fresh_pico
        cost += self.cached_input_tokens * cached_pico + self.output_tokens * answer_pico
        return Sums(1, self.input_tokens, self.output_tokens, self.cached_input_tokens, cost)


class Load:
    """The records of every round, from one seed."""

    def __init__(self, shape: Shape, first_ms: int) -> None:
        """`first_ms` is the event time at which round 0 starts, a multiple of a slice."""
        self.shape = shape
        self._first_ms = first_ms
        self._random = random.Random(shape.seed)  # noqa: S311  # a reproducible load, no secret
        self._steps = shape.round_ms // STEP_MS
        self._block = self._make_block()
        self._bad = [self._bad_tail(index) for index in range(shape.bad)]

    @property
    def events_per_round(self) -> int:
        """Good events in one round, the first round's openers aside."""
        return len(self._block) + self.shape.calm

    def records(self, number: int, *, half_poison: bool = False) -> Iterator[tuple[Record, bool]]:
        """The records of a round, each with whether it is good; with a bad one after each good one on demand."""
        for key, value in self._openers(number):
            yield Record(key, value), True
        heads = self._heads(number)
        every = max(1, len(self._block) // max(1, self.shape.bad))
        for index, item in enumerate(self._block):
            yield Record(item.key, heads[item.step] + item.tail, item.partition), True
            if half_poison:
                yield Record(item.key, heads[item.step] + self._bad_tail(_POISON + index), item.partition), False
            elif index % every == 0 and index // every < self.shape.bad:
                yield Record(item.key, heads[item.step] + self._bad[index // every]), False

    def poison(self, numbers: range, partition: int) -> list[Record]:
        """Nothing but bad events, for one partition; no two calls may share a number."""
        head = self._heads(0)[0]
        return [Record("poison", head + self._bad_tail(2 * _POISON + number), partition) for number in numbers]

    def again(self, number: int) -> list[Record]:
        """Events of a round that are still among the newest 64 of their session five rounds later."""
        heads = self._heads(number)
        return [Record(item.key, heads[item.step] + item.tail) for item in self._block if item.key.startswith("even-")]

    def an_hour_later(self, number: int) -> list[Record]:
        """Events from an hour of stream time before a round that must still be known; none if it is too early."""
        rounds_ago = -(-HOUR_MS // self.shape.round_ms)
        before = number - rounds_ago
        if before < 0:
            return []
        heads = self._heads(before)
        records = [
            Record(item.key, heads[item.step] + item.tail) for item in self._block if item.key.startswith("slow-")
        ]
        if rounds_ago * self.events_per_round < _KNOWN_EVENTS * self.shape.partitions / 2:
            records += [Record(key, value) for key, value in self._openers(before)]
        return records

    def expected(self, rounds: int) -> Expected:
        """What must have come of rounds 0 to `rounds` - 1, repeats and bad events changing nothing."""
        return Expected(self.sums(range(rounds)), self._anomalies(rounds))

    def sums(self, rounds: range, prices: Prices = PRICES) -> dict[str, Sums]:
        """By session, what some rounds come to at some prices."""
        sums: dict[str, Sums] = {}
        for item in self._block:
            sums[item.key] = sums.get(item.key, Sums()).plus(item.usage.sums(prices), len(rounds))
        for number in rounds:
            for key, usage in self._opening(number):
                sums[key] = sums.get(key, Sums()).plus(usage.sums(prices))
        return sums

    def _anomalies(self, rounds: int) -> dict[str, Due]:
        due = {}
        for index, item in enumerate(self._block):
            if item.key.startswith("hot-") and item.key not in due:
                due[item.key] = Due(f"{0:08x}{index:08x}", (("opened", "critical"),), "open")
        end_ms = self._first_ms + rounds * self.shape.round_ms - (DISORDER_STEPS + 1) * STEP_MS - SLICE_MS
        if self.shape.ahead:  # the log's time then goes by jumps of a slice
            end_ms -= 2 * SLICE_MS
        for number in range(rounds):
            for key, _ in self._opening(number):
                if key.startswith("climb-"):
                    due[key] = Due(f"{key}-0", (("opened", "warning"), ("escalated", "critical")), "open")
                else:
                    over = self._starts_ms(number) + RESOLVED_AFTER_MS <= end_ms
                    due[key] = Due(f"{key}-{number}", (("opened", "critical"),), "resolved" if over else "either")
        return due

    def _starts_ms(self, number: int) -> int:
        return self._first_ms + number * self.shape.round_ms

    def _heads(self, number: int) -> Mapping[int, bytes]:
        start_ms, shape = self._starts_ms(number), self.shape
        steps = range(-LATE_STEPS if shape.late else 0, self._steps + (AHEAD_STEPS if shape.ahead else 0))
        return {step: b'{"occurred_at":%d,"event_id":"%08x' % (start_ms + step * STEP_MS, number) for step in steps}

    def _opening(self, number: int) -> Iterator[tuple[str, _Usage]]:
        if number == 0:
            for index in range(self.shape.climb):
                yield f"climb-{index}", _Usage("gpt-4o", 1, WARNING_TOKENS, 0)
        for index in range(self.shape.calm):
            yield f"calm-{number}-{index}", _Usage("gpt-4o", 1, CALM_TOKENS, 0)

    def _openers(self, number: int) -> Iterator[tuple[str, bytes]]:
        head = b'{"occurred_at":%d,"event_id":"' % self._starts_ms(number)
        for key, usage in self._opening(number):
            yield key, head + _tail(f"{key}-{number}", key, usage)

    def _make_block(self) -> list[_Item]:
        shape, random_ = self.shape, self._random
        small = [f"even-{n}" for n in range(shape.even)] + [f"split-{n}" for n in range(shape.split)]
        small = small * shape.per_round + [f"slow-{n}" for n in range(shape.slow)]
        loud = [f"hot-{n}" for n in range(shape.hot)] + [f"climb-{n}" for n in range(shape.climb)]
        wanted = [(key, random_.randrange(self._steps), False) for key in small]
        wanted += [(key, step, True) for key in loud for step in range(0, self._steps, SLICE_MS // STEP_MS)]
        each_slice = range(0, self._steps, SLICE_MS // STEP_MS)
        wanted += [(f"ahead-{n}", step, False) for n in range(shape.ahead) for step in each_slice]
        # Not before others have come: what the log takes first, it takes as it happened.
        wanted += [
            (f"late-{n}", step, True) for n in range(shape.late) for step in each_slice if 2 * step > self._steps
        ]
        wanted.sort(key=lambda entry: entry[1] + DISORDER_STEPS * random_.random())
        return [self._item(index, *entry) for index, entry in enumerate(wanted)]

    def _item(self, index: int, key: str, step: int, loud: bool) -> _Item:  # noqa: FBT001  # unpacked from a tuple
        random_ = self._random
        usage = _Usage("gpt-4o", 1, HOT_TOKENS, 0)
        if not loud:
            fresh = random_.randrange(1, 60)
            cached = random_.randrange(fresh + 1) if random_.random() < 1 / 3 else 0
            usage = _Usage(random_.choice(list(PRICES)), fresh, random_.randrange(25), cached)
        partition = random_.randrange(2) if key.startswith("split-") else _ANY_PARTITION
        step += {"ahead": AHEAD_STEPS, "late": -LATE_STEPS}.get(agent_of(key), 0)
        return _Item(key, step, _tail(f"{index:08x}", key, usage), partition, usage)

    def _bad_tail(self, index: int) -> bytes:
        # Not JSON, fields missing, a negative count, cached tokens that exceed the input, an empty id; a text that is
        # too long, a control character, an unknown kind, a wrong type, a count out of range, half of a character, a
        # byte that is no UTF-8, and what is nested too deep.
        number = f"{index:010x}"
        good = _tail(number, "even-0", _Usage("gpt-4o", 1, 1, 0))
        kinds = (
            number.encode(),
            number.encode() + b'"}',
            _tail(number, "even-0", _Usage("gpt-4o", -1, 1, 0)),
            _tail(number, "even-0", _Usage("gpt-4o", 1, 1, 2)),
            _tail(number, "", _Usage("gpt-4o", 1, 1, 0)),
            _tail(number, "x" * 257, _Usage("gpt-4o", 1, 1, 0)),
            _tail(number, "\\u0007", _Usage("gpt-4o", 1, 1, 0)),
            good[:-1] + b',"kind":"poem"}',
            good[:-1] + b',"reasoning_tokens":"1"}',
            good[:-1] + b',"cache_write_tokens":99999999999}',
            _tail(number, "\\ud800", _Usage("gpt-4o", 1, 1, 0)),
            good[:-1] + b',"note":"\xff"}',
            good[:-1] + b',"note":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
        )
        return kinds[index % len(kinds)]


def agent_of(session_id: str) -> str:
    """The agent whose session it is."""
    return session_id.partition("-")[0]


def team_of(session_id: str) -> str:
    """The team that all events of a session name."""
    return f"team-{session_id[-1:]}"


def _tail(event: str, session: str, usage: _Usage) -> bytes:
    model, inclusive_input, answer, cached = usage
    return (
        f'{event}","org_id":"org","agent_id":"{agent_of(session)}","session_id":"{session}","model":"{model}",'
        f'"team_id":"{team_of(session)}",'
        f'"input_tokens":{inclusive_input},"output_tokens":{answer},"cached_input_tokens":{cached}}}'
    ).encode()
