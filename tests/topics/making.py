"""Topics and records for the tests of this room, made with plain clients."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from app.kafka import client_config
from app.settings import Settings
from app.topics.reading import read_to_end
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

TIMEOUT_S = 20.0


def make_topic(
    settings: Settings, name: str = "topic", partitions: int = 1, config: Mapping[str, str] | None = None
) -> str:
    """A new topic, under the test's prefix."""
    topic = settings.topic_prefix + name
    wanted = NewTopic(topic, partitions, 1, config=dict(config or {}))
    client = admin(settings)  # an answer is lost when its client is
    client.create_topics([wanted])[topic].result(TIMEOUT_S)
    while topic not in client.list_topics(timeout=TIMEOUT_S).topics:  # created is not yet known to the broker
        time.sleep(0.01)
    return topic


def admin(settings: Settings) -> AdminClient:
    return AdminClient(client_config(settings))


def write(settings: Settings, topic: str, values: Sequence[str], *, partition: int = 0, key: str = "key") -> None:
    """Acknowledged records, outside of any transaction, in one batch at most."""
    producer = Producer(client_config(settings) | {"linger.ms": 5})
    for value in values:
        producer.produce(topic, value.encode(), key.encode(), partition)
    assert producer.flush(TIMEOUT_S) == 0


@contextmanager
def transaction(settings: Settings, topic: str, values: Sequence[str], *, partition: int = 0) -> Iterator[Producer]:
    """An open transaction whose records the broker has; the body ends it, or leaves it open."""
    config = {"transactional.id": uuid.uuid4().hex, "transaction.timeout.ms": 60_000}
    producer = Producer(client_config(settings) | config)
    producer.init_transactions(TIMEOUT_S)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value.encode(), b"key", partition)
    assert producer.flush(TIMEOUT_S) == 0
    yield producer


def commit(settings: Settings, topic: str, values: Sequence[str], *, partition: int = 0) -> None:
    with transaction(settings, topic, values, partition=partition) as producer:
        producer.commit_transaction(TIMEOUT_S)


def abort(settings: Settings, topic: str, values: Sequence[str], *, partition: int = 0) -> None:
    with transaction(settings, topic, values, partition=partition) as producer:
        producer.abort_transaction(TIMEOUT_S)


def read(settings: Settings, topic: str, partitions: Sequence[int] = (0,)) -> list[Message]:
    """All that `read_to_end` gives."""
    batches = read_to_end(client_config(settings), topic, partitions, timeout_s=TIMEOUT_S)
    return [message for batch in batches for message in batch]


def values(messages: Sequence[Message]) -> list[str]:
    return [(message.value() or b"").decode() for message in messages]
