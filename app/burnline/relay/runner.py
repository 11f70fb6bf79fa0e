"""Consume, transform, produce: each batch of records, the usage events in it, and how far they reach, all or none.

A record that cannot be read now, since the registry that knows its schema is away, holds its partition: it is read
again until it can be, and the other partitions go on.

Side effects in their order, and what it means when one fails:

1. `init_transactions` ends what an earlier run under this transactional id left open. It fails: tried again.
2. Records are read, as far as they are committed. It fails: read again, from the offsets that are committed.
3. Usage events are produced, and with them, in the same transaction, the offsets behind the records (`send_offsets`),
   under the generation of the consumer group: who has lost a partition cannot commit for it. It fails: all of it is
   aborted, producer and consumer are made anew, and reading begins at the committed offsets.
4. `commit_transaction`. In doubt: as in 3. The committed offsets say whether it counted; the new producer has made
   sure before they are asked for that no request to end the transaction is still under way.

No second transaction runs on a producer that may have asked twice to end the first, as in `stream.writer`.
Beside all that an event has an id that derives from its span, so that the ledgers know a repeated one.
"""

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from burnline.events.dead_letters import DeadLetter, Headers
from burnline.kafka import Config, client_config
from burnline.relay.holding import Holding, Partition, partition_of
from burnline.relay.metrics import RelayMetrics
from burnline.relay.records import NotYet, Place, Record, Transformed, Usage
from burnline.relay.sources import Source
from burnline.settings import Settings
from burnline.topics.catalogue import MOST_BYTES, topics_for
from burnline.topics.client_log import client_log

POLL_S = 0.5
BATCH = 200
"""Records in a transaction, at most; the Collector writes up to thousands of spans into one."""
ATTEMPT_S = 10.0
RETRY_S = 0.5
RETRY_BACKOFF_MS = 500
RESENT_S = 0.7 * RETRY_BACKOFF_MS / 1000
"""What took longer to commit may have been asked for twice."""
TRANSACTION_TIMEOUT_MS = 10_000
"""So long do readers of `usage` wait, at most, for the end of a transaction whose owner was killed."""
_HOPELESS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
}

_log = logging.getLogger(__name__)


def member_id(name: str, partitions: Sequence[int]) -> str:
    """The static member's id in the group: another one once a topic has other partitions.

    The brokers give a static member that comes back what it had, and do not ask again how to share: partitions that a
    topic has gained meanwhile would be nobody's.

    Args:
        name: Of the process, as it is set.
        partitions: How many each topic that is read has.
    """
    return "-of-".join((name, *map(str, partitions)))


class Relay:
    """Brings a source's records to `usage`. `run` blocks until `stop` is set."""

    def __init__(
        self, settings: Settings, source: Source, instance: str, metrics: RelayMetrics, stop: threading.Event
    ) -> None:
        """Take what it works with; nothing is connected yet.

        Args:
            settings: Brokers, and the topic of usage.
            source: What is read, and how.
            instance: Part of the transactional id: no two that run at once may have the same.
            metrics: Where it counts.
            stop: Set to end.
        """
        self._config = client_config(settings)
        self.transactional_id = f"{settings.app_id}-{source.name}-{instance}"
        self.group = f"{settings.app_id}-{source.name}"
        """The consumer group: how far the source's topics were read stands there."""
        self._group: Config = {
            "group.id": self.group,
            "session.timeout.ms": settings.session_timeout_ms,
        }
        self._member = settings.group_instance_id
        self._source = source
        self._usage = topics_for(settings).usage.name
        self._metrics = metrics
        self._stop = stop
        self._holding = Holding()
        self._reads = False

    @property
    def state(self) -> tuple[bool, str]:
        """Whether it reads all that is its own, in words."""
        if not self._reads:
            return False, "not reading"
        reasons = self._holding.reasons
        return (False, "waits for " + "; ".join(reasons)) if reasons else (True, "reading")

    def run(self) -> None:
        """Read and write until `stop` is set; what fails is begun anew.

        Raises:
            KafkaException: A right is missing, or a password is wrong: no new attempt cures that.
        """
        while not self._stop.is_set():
            try:
                self._work()
            except KafkaException as failure:
                error = failure.args[0]
                self._reads = False
                if error.code() in _HOPELESS:
                    raise
                self._metrics.transactions.labels("failed").inc()
                _log.warning("begins anew after: %s", error.str())
                self._stop.wait(RETRY_S)

    def _work(self) -> None:
        """With one producer and one consumer, until the first failure or `stop`."""
        producer = self._producer()
        consumer = Consumer(
            {
                **self._config,
                **self._group,
                **self._membership(producer),
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "topic.metadata.refresh.interval.ms": 10_000,  # topics that are made later are found
            },
            logger=client_log,
        )
        try:
            holding = self._holding = Holding()
            consumer.subscribe(list(self._source.topics), on_revoke=holding.forget, on_lost=holding.forget)
            while not self._stop.is_set():
                read = self._read(consumer)  # first: meanwhile partitions may go, and what is held of them
                batch = holding.due(time.monotonic()) + read
                if batch and not self._write(producer, consumer, batch):
                    producer = self._producer()
        finally:
            self._metrics.partitions.set(0)
            consumer.close()

    def _membership(self, client: Producer) -> Config:
        if self._member is None:
            return {}
        known = client.list_topics(timeout=ATTEMPT_S).topics  # of one that is missing none, which makes it not either
        partitions = [len(known[name].partitions) if name in known else 0 for name in self._source.topics]
        return {"group.instance.id": member_id(self._member, partitions)}

    def _producer(self) -> Producer:
        producer = Producer(
            {
                **self._config,
                "transactional.id": self.transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "partitioner": "murmur2_random",  # as all publishers of `usage`
                "compression.type": "lz4",
                "linger.ms": 2,
                "message.max.bytes": MOST_BYTES,
                "queue.buffering.max.messages": 1_000_000,
                "retry.backoff.ms": RETRY_BACKOFF_MS,
            },
            logger=client_log,
        )
        while not self._stop.is_set():
            try:
                producer.init_transactions(ATTEMPT_S)
            except KafkaException as failure:
                error = failure.args[0]
                if not error.retriable():
                    raise
                _log.warning("not ready to write yet: %s", error.str())
                self._stop.wait(RETRY_S)
            else:
                break
        return producer

    def _read(self, consumer: Consumer) -> list[Message]:
        """What there is to do now, of partitions that are ours still."""
        messages = consumer.consume(1, POLL_S)
        if messages:
            messages += consumer.consume(BATCH - 1, 0)
        ours = {(partition.topic, partition.partition) for partition in consumer.assignment()}
        self._metrics.partitions.set(len(ours))
        self._reads = True
        for message in messages:
            self._note(message)
        return [
            message
            for message in messages
            if message.error() is None and (message.topic(), message.partition()) in ours
        ]

    @staticmethod
    def _note(message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.fatal() or error.code() in _HOPELESS:
            raise KafkaException(error)
        _log.warning("goes on after: %s", error.str())

    def _write(self, producer: Producer, consumer: Consumer, batch: Sequence[Message]) -> bool:
        """One transaction; says whether the producer may be used for another."""
        transformed, reached = self._transform_all(consumer, batch)
        if not transformed:
            return True
        producer.begin_transaction()
        try:
            for _, one in transformed:
                self._produce(producer, one)
            offsets = [TopicPartition(topic, number, offset) for (topic, number), offset in reached.items()]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), ATTEMPT_S)
            asked_s = time.monotonic()
            producer.commit_transaction(ATTEMPT_S)
        except KafkaException:
            with suppress(KafkaException):  # what cannot be aborted ends with the next `init_transactions`
                producer.abort_transaction(ATTEMPT_S)
            raise
        self._count(transformed)
        return time.monotonic() - asked_s < RESENT_S

    def _transform_all(
        self, consumer: Consumer, batch: Sequence[Message]
    ) -> tuple[list[tuple[str, Transformed]], dict[Partition, int]]:
        """What can be read now, each with its topic, and the offset behind it by partition; the rest is held."""
        transformed: list[tuple[str, Transformed]] = []
        reached: dict[Partition, int] = {}
        waiting: dict[Partition, str] = {}
        rest: dict[Partition, list[Message]] = {}
        for message in batch:
            partition = partition_of(message)
            if partition not in waiting:
                try:
                    transformed.append((partition[0], self._source.read(record_of(message))))
                except NotYet as away:
                    waiting[partition] = str(away)
                else:
                    reached[partition] = cast("int", message.offset()) + 1
                    continue
            rest.setdefault(partition, []).append(message)
        for partition, reason in waiting.items():
            self._holding.put(consumer, rest[partition], reason, time.monotonic())
        for partition in reached.keys() - waiting.keys():
            self._holding.let_go(consumer, partition)
        self._metrics.waiting.set(len(self._holding))
        return transformed, reached

    def _produce(self, producer: Producer, one: Transformed) -> None:
        for usage in one.usage:
            self._put(producer, self._usage, usage)
        if one.letter is not None:
            self._put(producer, self._source.dead_letters, one.letter)

    def _put(self, producer: Producer, topic: str, record: Usage | DeadLetter) -> None:
        while True:
            try:
                producer.produce(topic, record.value, record.key, headers=list(record.headers))
            except BufferError:
                producer.poll(POLL_S)
            else:
                return

    def _count(self, transformed: Sequence[tuple[str, Transformed]]) -> None:
        self._metrics.transactions.labels("committed").inc()
        for topic, one in transformed:
            self._metrics.records.labels(topic).inc()
            self._metrics.refused.inc(one.letter is not None)
            for outcome, count in one.outcomes.items():
                self._metrics.items.labels(outcome).inc(count)


def record_of(message: Message) -> Record:
    """A record as it was read."""
    place = Place(*partition_of(message), cast("int", message.offset()))
    return Record(place, message.key(), message.value(), cast("Headers | None", message.headers()) or [])
