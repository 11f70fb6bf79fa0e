"""Both Kafka clients read what publishers compress, whichever way."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer

from burnline.kafka import client_config
from burnline.settings import Settings
from tests.topics.making import TIMEOUT_S, make_topic, read, values

EXPECTED = [f"a value worth compressing, number {number}" for number in range(200)]


@pytest.fixture(params=["gzip", "lz4", "snappy", "zstd"])
def compressed(request: pytest.FixtureRequest, settings: Settings) -> str:
    """A topic that holds `EXPECTED` in compressed batches."""
    topic = make_topic(settings)
    producer = Producer(client_config(settings) | {"compression.type": request.param, "linger.ms": 20})
    for value in EXPECTED:
        producer.produce(topic, value.encode(), b"key", 0)
    assert producer.flush(TIMEOUT_S) == 0
    return topic


def test_librdkafka_reads_it(settings: Settings, compressed: str) -> None:
    assert values(read(settings, compressed)) == EXPECTED


def test_aiokafka_reads_it(settings: Settings, compressed: str) -> None:
    async def consume() -> list[str]:
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, group_id=None)
        await consumer.start()
        try:
            partition = TopicPartition(compressed, 0)
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            return [(await consumer.getone()).value.decode() for _ in EXPECTED]
        finally:
            await consumer.stop()

    assert asyncio.run(consume()) == EXPECTED
