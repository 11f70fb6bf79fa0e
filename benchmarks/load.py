"""A reproducible load: usage events of a chosen size and spread, and what they must come to, summed here on its own."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from confluent_kafka import Producer

PICO_PER_TOKEN = {
    "gpt-4o": (2_500_000, 1_250_000, 10_000_000),
    "gpt-4o-mini": (150_000, 75_000, 600_000),
    "claude-sonnet-4-5": (3_000_000, 300_000, 15_000_000),
    "gemini-2.5-pro": (1_250_000, 125_000, 10_000_000),
}
"""Input, cached input and output rates in 10^-12 USD, as the providers publish them (below 200,000 input tokens)."""

MULTIPLIER = 5

BAD_EVENT = b'{"event_id": broken'
ACTIVE = 1_000
LIFE_EVENTS = 50
"""An active set: so many sessions at once, and it moves on by one session every so many events."""
PRODUCER_CONFIG = {
    "linger.ms": 50,
    "compression.type": "lz4",
    "enable.idempotence": True,
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 512_000,
}

Popularity = Literal["skewed", "uniform", "active", "each"]
"""How an event finds its session.

skewed: number = sessions × u², u uniform: a tenth of the sessions gets a third of the events. uniform: each as likely.
active: one of `ACTIVE` sessions, a set that moves through all of them. each: one after the other, so that none is left
out.
"""


def baseline_for(events: int) -> float:
    """A baseline against which the busiest hundredth of the sessions, with a tenth of the events, runs away.

    A session of the load burns 224 USD/h on average where it has 4,000,000 events, and less where it has fewer; above
    the default threshold of 5 USD/h is every session.
    """
    return events / 20_000


class Load(NamedTuple):
    """What to publish: `events` over `sessions`, spread over `span_s` of event time that ends now, or begins then."""

    events: int
    sessions: int = 2_000
    span_s: float = 480.0
    disorder_ms: int = 4_000
    bad_every: int = 0
    seed: int = 7
    popularity: Popularity = "skewed"
    padding: int = 0
    """Bytes of tags that are added to the 240 of an event."""
    first: int = 0
    """Number of the first event, from which ids are made."""
    begins_at_ms: int | None = None


class Expected:
    """What the ledgers must hold once everything is applied; loads that follow each other share one."""

    def __init__(self) -> None:
        self.pico_by_session: defaultdict[str, int] = defaultdict(int)
        self.events = 0
        self.bad = 0

    @property
    def records(self) -> int:
        """Records on the topic."""
        return self.events + self.bad


def events(load: Load, expected: Expected) -> Iterator[tuple[str, bytes]]:
    """Yield (session id, event) and add each to `expected`."""
    random_ = random.Random(load.seed)  # noqa: S311  # a reproducible load, no secret
    draw = random_.random
    pick = _picker(load, draw)
    tags = _tags(load.padding, random_)
    cards = list(PICO_PER_TOKEN.items())
    span_ms = int(load.span_s * 1000)
    first_ms = load.begins_at_ms if load.begins_at_ms is not None else time.time_ns() // 1_000_000 - span_ms
    step_ms = span_ms / load.events
    disorder_ms = load.disorder_ms + 1
    sums = expected.pico_by_session
    expected.events += load.events
    for index in range(load.events):
        at_ms = first_ms + int(index * step_ms) - int(draw() * disorder_ms)
        number = pick(index)
        model, (plain, cached_rate, answer) = cards[int(draw() * len(cards))]
        input_tokens = 50 + int(draw() * 5950)
        output_tokens = int(draw() * 1500)
        cached = input_tokens // 2 if draw() < 1 / 3 else 0
        session = f"sess-{number}"
        sums[session] += (input_tokens - cached) * plain + cached * cached_rate + output_tokens * answer
        yield (
            session,
            (
                f'{{"event_id":"{load.first + index:032x}","occurred_at":{at_ms},"org_id":"org-{number % 10}",'
                f'"agent_id":"agent-{number % 100}","session_id":"{session}","model":"{model}",'
                f'"input_tokens":{input_tokens},"output_tokens":{output_tokens},'
                f'"cached_input_tokens":{cached},"reasoning_tokens":0{tags[index % len(tags)]}}}'
            ).encode(),
        )


def _picker(load: Load, draw: Callable[[], float]) -> Callable[[int], int]:
    sessions = load.sessions
    if load.popularity == "uniform":
        return lambda _: int(sessions * draw())
    if load.popularity == "active":
        active = min(ACTIVE, sessions)
        return lambda index: (index // LIFE_EVENTS + int(active * draw())) % sessions
    if load.popularity == "each":
        return lambda index: index % sessions
    return lambda _: int(sessions * draw() ** 2)


def _tags(padding: int, random_: random.Random) -> list[str]:
    """Variants of a `tags` object of about that many bytes, in hexadecimal: lz4 halves it, as it does real text."""
    if not padding:
        return [""]
    count = -(-padding // 250)
    length = max(1, padding // count - len('"tag-00":"",'))

    def variant() -> str:
        texts = (random_.randbytes(length).hex()[:length] for _ in range(count))
        return ',"tags":{' + ",".join(f'"tag-{tag:02}":"{text}"' for tag, text in enumerate(texts)) + "}"

    return [variant() for _ in range(64)]


def publish(
    bootstrap_servers: str,
    topic: str,
    load: Load,
    expected: Expected | None = None,
    *,
    thin_topic: str | None = None,
    thin_every: int = 1,
    said: Callable[[int], None] | None = None,
) -> Expected:
    """Publish a whole load and wait for its acknowledgement.

    Args:
        bootstrap_servers: Where to.
        topic: Its name.
        load: What.
        expected: Sums to add to, where loads follow each other.
        thin_topic: Gets a copy of every `thin_every`-th record.
        thin_every: See there.
        said: Is told now and then how many events are on their way.

    Returns:
        What the ledgers must hold.
    """
    producer = Producer({"bootstrap.servers": bootstrap_servers, **PRODUCER_CONFIG})
    expected = expected or Expected()
    for index, (session, value) in enumerate(events(load, expected)):
        produce(producer, topic, session, value)
        if thin_topic is not None and index % thin_every == 0:
            produce(producer, thin_topic, session, value)
        if load.bad_every and index % load.bad_every == load.bad_every - 1:
            produce(producer, topic, session, BAD_EVENT)
            expected.bad += 1
        if said is not None and index % 65_536 == 0:
            said(index)
    producer.flush()
    return expected


def produce(producer: Producer, topic: str, key: str, value: bytes) -> None:
    """Hand a record to a producer, waiting for room in its queue."""
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.1)
        else:
            return
