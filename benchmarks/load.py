"""A reproducible load: usage events of about 240 bytes, and what they must come to, summed here with Decimal alone."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from confluent_kafka import Producer

USD_PER_MILLION = {
    "gpt-4o": (Decimal("2.5"), Decimal("1.25"), Decimal(10)),
    "gpt-4o-mini": (Decimal("0.15"), Decimal("0.075"), Decimal("0.6")),
    "claude-sonnet-4-5": (Decimal(3), Decimal("0.3"), Decimal(15)),
    "gemini-2.5-pro": (Decimal("1.25"), Decimal("0.125"), Decimal(10)),
}
"""Input, cached input and output rates as the providers publish them (requests below 200,000 input tokens)."""

MILLION = Decimal(1_000_000)
BAD_EVENT = b'{"event_id": broken'


class Load(NamedTuple):
    """What to publish: `events` over `sessions` with skewed popularity, spread over `span_s` of event time."""

    events: int
    sessions: int = 2_000
    span_s: float = 480.0
    disorder_ms: int = 4_000
    bad_every: int = 0
    seed: int = 7


class Expected(NamedTuple):
    """What the ledgers must hold once everything is applied."""

    usd_by_session: dict[str, Decimal]
    events: int
    bad: int


def events(load: Load, expected: Expected) -> Iterator[tuple[str, bytes]]:
    """Yield (session id, event) and add each to `expected`."""
    random_ = random.Random(load.seed)  # noqa: S311  # a reproducible load, no secret
    models = list(USD_PER_MILLION)
    newest_ms = time.time_ns() // 1_000_000
    first_ms = newest_ms - int(load.span_s * 1000)
    step_ms = load.span_s * 1000 / load.events
    for index in range(load.events):
        at_ms = first_ms + int(index * step_ms) - random_.randrange(load.disorder_ms + 1)
        number = int(load.sessions * random_.random() ** 2)
        model = models[int(random_.random() * len(models))]
        input_tokens = 50 + int(random_.random() * 5950)
        output_tokens = int(random_.random() * 1500)
        cached = input_tokens // 2 if random_.random() < 1 / 3 else 0
        session = f"sess-{number}"
        plain, cached_rate, answer = USD_PER_MILLION[model]
        expected.usd_by_session[session] += (
            (input_tokens - cached) * plain + cached * cached_rate + output_tokens * answer
        ) / MILLION
        yield (
            session,
            (
                f'{{"event_id":"{index:032x}","occurred_at":{at_ms},"org_id":"org-{number % 10}",'
                f'"agent_id":"agent-{number % 100}","session_id":"{session}","model":"{model}",'
                f'"input_tokens":{input_tokens},"output_tokens":{output_tokens},'
                f'"cached_input_tokens":{cached},"reasoning_tokens":0}}'
            ).encode(),
        )


def publish(bootstrap_servers: str, topic: str, load: Load) -> Expected:
    """Publish a whole load and wait for its acknowledgement."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "linger.ms": 50,
            "compression.type": "lz4",
            "enable.idempotence": True,
            "queue.buffering.max.messages": 500_000,
        }
    )
    expected = Expected(defaultdict(Decimal), load.events, load.events // load.bad_every if load.bad_every else 0)
    for index, (session, value) in enumerate(events(load, expected)):
        _produce(producer, topic, session, value)
        if load.bad_every and index % load.bad_every == load.bad_every - 1:
            _produce(producer, topic, session, BAD_EVENT)
    producer.flush()
    return expected


def _produce(producer: Producer, topic: str, key: str, value: bytes) -> None:
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return
