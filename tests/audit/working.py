"""Work on a test's own topics: events published where a test wants them, and worked off by a worker's own parts."""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from burnline.detection.baseline import Baselines, default_baseline
from burnline.detection.rule import BurnRule
from burnline.kafka import client_config
from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.pricing.book import RateBook
from burnline.settings import Settings
from burnline.stream.batches import MessageRecords, RecordBatch
from burnline.stream.shard import Shard
from burnline.stream.shards import Shards
from burnline.topics.catalogue import TIMESTAMP_TYPE, topics_for
from burnline.topics.reading import read_to_end
from tests.topics.making import make_topic, still_open

T0: Final = 1_763_000_000_000
TIMEOUT_S: Final = 30.0
BOOK: Final = RateBook.bundled()


def event(number: int, session: str = "s-1", **changes: Any) -> bytes:
    """An event of 10,000 input tokens of gpt-4o, so 0.025 USD."""
    fields = {
        "event_id": f"e-{number}",
        "occurred_at": T0 + number * 1_000,
        "org_id": "acme",
        "agent_id": "agent-7",
        "session_id": session,
        "model": "gpt-4o",
        "input_tokens": 10_000,
        "output_tokens": 0,
    }
    return json.dumps(fields | changes).encode()


def put(
    settings: Settings,
    topic: str,
    records: Iterable[tuple[str, bytes | None]],
    *,
    partition: int = 0,
    written_ms: int = T0,
) -> None:
    """Write records (key, value) to a partition, acknowledged."""
    producer = Producer(client_config(settings) | {"linger.ms": 5})
    for key, value in records:
        producer.produce(topic, value, key.encode(), partition, timestamp=written_ms)
    assert producer.flush(TIMEOUT_S) == 0


def make_topics_of_any_time(settings: Settings) -> None:
    """All topics, of which `usage` says when its records were written: a log of days, written in a moment."""
    for spec in topics_for(settings):
        own = {TIMESTAMP_TYPE: "CreateTime"} if spec == topics_for(settings).usage else {}
        make_topic(settings, spec.name.removeprefix(settings.topic_prefix), spec.partitions, {**spec.config, **own})


def publish(settings: Settings, *values: bytes, partition: int = 0, written_ms: int = T0) -> None:
    """Write events to a partition of the usage topic."""
    records = [("key", value) for value in values]
    put(settings, topics_for(settings).usage.name, records, partition=partition, written_ms=written_ms)


def work_off(settings: Settings, *clocks_ms: int, kind: type[Shards] = Shards, book: RateBook = BOOK) -> None:
    """Apply what is published and flush, by the clock; then flush again at each later time by it. All can be read."""
    asyncio.run(_work_off(settings, clocks_ms or (T0 + 1_000_000,), kind, book))


async def _work_off(settings: Settings, clocks_ms: Sequence[int], kind: type[Shards], book: RateBook) -> None:
    topics, now_ms = topics_for(settings), list(clocks_ms)
    policy = Policy(BurnRule.from_settings(settings), book, Baselines(default_baseline(settings), {}))
    metrics = WorkerMetrics(CollectorRegistry(), label_limit=10)
    shards = kind(settings, topics, policy, metrics, lambda: now_ms[0], lambda: now_ms[0])
    partitions = range(settings.partitions)
    await shards.own(partitions)
    positions = {partition: shards.next_offset(partition) or 0 for partition in partitions}
    for batch in read_to_end(client_config(settings), topics.usage.name, partitions, timeout_s=TIMEOUT_S):
        for partition in partitions:
            records = [message for message in batch if message.partition() == partition]
            if records:
                start = min(positions[partition], cast("int", records[0].offset()))
                assert await shards.apply(RecordBatch(partition, start, MessageRecords(records, now_ms[0])))
                positions[partition] = cast("int", records[-1].offset()) + 1
    while now_ms:
        await shards.flush()
        del now_ms[0]
    deadline = time.monotonic() + TIMEOUT_S
    while waiting := [open_now for partition in partitions for open_now in still_open(settings, partition)]:
        assert time.monotonic() < deadline, waiting
        await asyncio.sleep(0.02)


class Careless(Shards):
    """A worker that writes no dead letters."""

    def _apply(self, shard: Shard, batch: RecordBatch) -> None:
        super()._apply(shard, batch)
        shard.unwritten.dead_letters.clear()


def newest(settings: Settings, topic: str, partition: int = 0) -> dict[str, bytes]:
    """The newest value of each key, deleted ones left out."""
    found: dict[str, bytes | None] = {}
    for batch in read_to_end(client_config(settings), topic, [partition], timeout_s=TIMEOUT_S):
        found.update(((message.key() or b"").decode(), message.value()) for message in batch)
    return {key: value for key, value in found.items() if value is not None}
