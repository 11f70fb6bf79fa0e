"""Compacted topics as tables: the newest value of each key, and one key written or deleted at a time."""

import logging
import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from burnline.kafka import Config
from burnline.topics.catalogue import TopicSpec
from burnline.topics.client_log import client_log
from burnline.topics.ends import not_written, open_topics
from burnline.topics.errors import BrokerSilent, TopicError
from burnline.topics.reading import read_to_end
from burnline.topics.refusal import Cause, Refused, cause_of

MARKERS_S = 10.0
"""How long the brokers may take to end a transaction whose commit they have answered."""
_POLL_S = 0.02

_log = logging.getLogger(__name__)


class Written(NamedTuple):
    """Where the brokers put a record."""

    topic: str
    partition: int
    offset: int


class Placed(NamedTuple):
    """A value, and where its record stands."""

    value: bytes
    partition: int
    offset: int


def read_placed(config: Config, topic: TopicSpec, *, timeout_s: float) -> dict[bytes, Placed]:
    """As `read_newest`, each value with its place.

    Raises:
        TopicMissing: The topic does not exist.
        TopicError: The brokers are silent, or refuse.
    """
    newest: dict[bytes, Placed] = {}
    for batch in read_to_end(config, topic.name, range(topic.partitions), timeout_s=timeout_s):
        for message in batch:
            key, value = message.key() or b"", message.value()
            newest.pop(key, None)  # so that the order is that of the newest records
            if value is not None:
                newest[key] = Placed(value, message.partition() or 0, message.offset() or 0)
    return newest


def read_newest(config: Config, topic: TopicSpec, *, timeout_s: float) -> dict[bytes, bytes]:
    """The newest value of each key, deleted keys left out; a record without a key stands under the empty one.

    Args:
        config: librdkafka configuration that reaches the brokers.
        topic: A compacted topic.
        timeout_s: How long the brokers may stay silent.

    Raises:
        TopicMissing: The topic does not exist.
        TopicError: The brokers are silent, or refuse.
    """
    newest: dict[bytes, bytes] = {}
    for batch in read_to_end(config, topic.name, range(topic.partitions), timeout_s=timeout_s):
        for message in batch:
            key, value = message.key() or b"", message.value()
            newest.pop(key, None)  # so that the order is that of the newest records
            if value is not None:
                newest[key] = value
    return newest


def write_together(
    config: Config, topic: TopicSpec, records: Mapping[str, bytes | None], *, transactional_id: str, timeout_s: float
) -> None:
    """Write keys (None deletes one) in one transaction: readers of committed records see all or none, from now on all.

    Raises:
        TopicError: The brokers refuse, or are silent; then none was written.
    """
    producer = Producer(
        {**config, "transactional.id": transactional_id, "transaction.timeout.ms": round(timeout_s * 1000)},
        logger=client_log,
    )
    try:
        producer.init_transactions(timeout_s)
        producer.begin_transaction()
        for key, value in records.items():
            producer.produce(topic.name, key=key, value=value)
            producer.poll(0)
        producer.commit_transaction(timeout_s)
    except (KafkaException, BufferError) as error:
        why = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        if isinstance(error, KafkaException) and cause_of(error.args[0]) is Cause.NOT_AUTHORISED:
            why = _lacking(error.args[0], topic.name, transactional_id)
        raise TopicError(f"Nothing was written to topic {topic.name}: {why}") from error
    _await_markers(config, topic, timeout_s)


def _lacking(error: KafkaError, topic: str, transactional_id: str) -> str:
    of_the_id = error.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    resource = f"transactional id {transactional_id}" if of_the_id else f"topic {topic}"
    return f"{error.str()}; grant WRITE and DESCRIBE on {resource}"


def _await_markers(config: Config, topic: TopicSpec, timeout_s: float) -> None:
    """Brokers answer a commit before its markers stand, and until then readers end before it."""
    deadline = time.monotonic() + min(timeout_s, MARKERS_S)
    while time.monotonic() < deadline:
        if not any(open_topics(config, [topic.name], each, timeout_s) for each in range(topic.partitions)):
            return
        time.sleep(_POLL_S)
    _log.warning("topic %s: what was written may be seen a little later, a transaction is open there", topic.name)


def write_key(config: Config, topic: TopicSpec, key: str, value: bytes | None, *, timeout_s: float) -> Written:
    """Write one key (null deletes it), and wait until every in-sync replica has it.

    The topic must exist: a broker might create it with a policy of its own.

    Raises:
        BrokerSilent: No acknowledgement within `timeout_s`. The record may still have been written.
        TopicError: The brokers refused it.
    """
    producer = Producer(
        {
            **config,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            "delivery.timeout.ms": round(timeout_s * 1000),
        },
        logger=client_log,
    )
    outcomes: list[Written | KafkaError] = []

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        outcomes.append(error or Written(topic.name, -1 if partition is None else partition, offset or 0))

    try:
        producer.produce(topic.name, key=key, value=value, on_delivery=on_delivery)
        producer.flush(timeout_s + 1)
    except KafkaException as error:
        outcomes.append(error.args[0])
    outcome = outcomes[0] if outcomes else None
    if isinstance(outcome, Written):
        return outcome
    if outcome is None or outcome.code() == KafkaError._MSG_TIMED_OUT:  # noqa: SLF001  # librdkafka names its codes so
        raise BrokerSilent(f"Nobody acknowledged {key!r} on topic {topic.name} within {timeout_s:g} s")
    refused = not_written(outcome, topic.name)
    if isinstance(refused, Refused):
        raise refused
    raise TopicError(f"Key {key!r} was not written to topic {topic.name}: {outcome.str()}")
