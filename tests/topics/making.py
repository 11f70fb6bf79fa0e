"""Topics and records for the tests of this room, made with plain clients."""

import time
import uuid
from collections.abc import Mapping, Sequence

from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ends import open_topics
from burnline.topics.reading import read_to_end

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


class Transaction:
    """A transaction whose records the broker has, and which is open until it is ended."""

    def __init__(self, settings: Settings, topic: str, values: Sequence[str], *, partition: int = 0) -> None:
        self._config = client_config(settings) | {"transactional.id": uuid.uuid4().hex}
        self._producer = Producer(self._config)
        self._producer.init_transactions(TIMEOUT_S)
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(topic, value.encode(), b"key", partition)
        assert self._producer.flush(TIMEOUT_S) == 0

    def commit(self) -> None:
        self._producer.commit_transaction(TIMEOUT_S)
        self._settle()

    def abort(self) -> None:
        self._producer.abort_transaction(TIMEOUT_S)
        self._settle()

    def _settle(self) -> None:
        # A commit is answered before its markers stand on the partitions, where readers wait for them. Whoever takes
        # over the transactional id is let in only afterwards.
        Producer(self._config).init_transactions(TIMEOUT_S)


def commit(settings: Settings, topic: str, values: Sequence[str], *, partition: int = 0) -> None:
    Transaction(settings, topic, values, partition=partition).commit()


def abort(settings: Settings, topic: str, values: Sequence[str], *, partition: int = 0) -> None:
    Transaction(settings, topic, values, partition=partition).abort()


def read(settings: Settings, topic: str, partitions: Sequence[int] = (0,)) -> list[Message]:
    """All that `read_to_end` gives."""
    batches = read_to_end(client_config(settings), topic, partitions, timeout_s=TIMEOUT_S)
    return [message for batch in batches for message in batch]


def values(messages: Sequence[Message]) -> list[str]:
    return [(message.value() or b"").decode() for message in messages]


def still_open(settings: Settings, partition: int) -> list[str]:
    """Topics that a worker writes to, with a transaction that has no end yet in a partition.

    Kafka answers a commit before its markers stand everywhere: who reads until then may come a moment too early.
    """
    topics = topics_for(settings)
    state = (topics.progress, topics.sessions, topics.rollups, topics.event_ids)
    written = [*state, topics.usage_rollups, topics.anomalies, topics.dead_letters]
    return sorted(open_topics(client_config(settings), [topic.name for topic in written], partition, TIMEOUT_S))
