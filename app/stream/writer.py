"""Writes what a flush holds for one partition in one Kafka transaction, and shuts out the partition's former owner.

Side effects in their order, and what it means when one fails:

1. `init_transactions` bumps the epoch of this partition's transactional id: the former owner's next write fails, and a
   transaction that it left open is aborted. It fails: the partition is not restored, the worker stops.
2. `produce` of ledgers, notices, dead letters and progress. It fails: nothing becomes visible, the transaction is
   aborted and the same flush is written again.
3. `commit_transaction` makes all of it visible at once. It fails with a fence: another worker owns the partition, this
   one stops. Its outcome stays unknown: the worker stops, and whoever comes next reads what is there.
"""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from app.kafka import Config
from app.topics.catalogue import DEAD_LETTER_MAX_BYTES

_log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, bytes | None]]
TIMEOUT_S = 30.0
RETRY_S = 0.2

WRITER_CONFIG: Config = {
    "enable.idempotence": True,
    "linger.ms": 2,
    "compression.type": "lz4",
    "message.max.bytes": DEAD_LETTER_MAX_BYTES,
    "queue.buffering.max.messages": 1_000_000,
    "transaction.timeout.ms": 60_000,
}


class Fenced(Exception):
    """Another worker owns the partition now."""


class Outgoing(NamedTuple):
    """A record to write."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class TransactionalWriter:
    """The transactional producer of one source partition. All methods block: call them off the event loop."""

    def __init__(self, client_config: Config, transactional_id: str, partition: int) -> None:
        self.partition = partition
        self.transactional_id = transactional_id
        self._producer = Producer({**client_config, **WRITER_CONFIG, "transactional.id": transactional_id})

    def fence(self) -> None:
        """Shut out the former owner (step 1).

        Raises:
            KafkaException: The broker did not answer in time or refused.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                self._producer.init_transactions(max(0.1, deadline - time.monotonic()))
            except KafkaException as failure:
                if not _error(failure).retriable() or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)
            else:
                return

    def write(self, records: Sequence[Outgoing]) -> None:
        """Write records to this partition of their topics, all or none.

        Raises:
            Fenced: Another worker owns the partition.
            KafkaException: The outcome is unknown, or the producer is beyond use.
        """
        while True:
            try:
                self._producer.begin_transaction()
                for outgoing in records:
                    self._produce(outgoing)
                self._commit()
            except KafkaException as failure:
                self._abort_or_raise(failure)
            else:
                return

    def _produce(self, outgoing: Outgoing) -> None:
        while True:
            try:
                self._producer.produce(
                    outgoing.topic, outgoing.value, outgoing.key, self.partition, headers=list(outgoing.headers)
                )
            except BufferError:  # a million records are under way: let some arrive
                self._producer.poll(RETRY_S)
            else:
                return

    def _commit(self) -> None:
        while True:
            try:
                self._producer.commit_transaction(TIMEOUT_S)
            except KafkaException as failure:
                # Retriable means that this commit goes on where it was: the outcome will be known.
                if not _error(failure).retriable():
                    raise
                _log.warning("partition %d: commit goes on after %s", self.partition, failure)
            else:
                return

    def _abort_or_raise(self, failure: KafkaException) -> None:
        error = _error(failure)
        if error.code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED):  # noqa: SLF001  # librdkafka's own name
            raise Fenced(f"partition {self.partition}: {error.str()}") from failure
        if not error.txn_requires_abort():
            raise failure
        _log.warning("partition %d: flush is written again after %s", self.partition, failure)
        self._producer.abort_transaction(TIMEOUT_S)
        time.sleep(RETRY_S)


def _error(failure: KafkaException) -> KafkaError:
    error: KafkaError = failure.args[0]
    return error
