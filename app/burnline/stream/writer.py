"""Writes what a flush holds for one partition in one Kafka transaction, and shuts out the partition's former owner.

Side effects in their order, and what it means when one fails:

1. `init_transactions` bumps the epoch of this partition's transactional id: the former owner's next write fails, and a
   transaction that it left open is aborted. It fails: tried again until the brokers are back. What the brokers have
   forgotten to end is ended then, see `_end_forgotten`.
2. `produce` of ledgers, notices, dead letters and progress. It fails: nothing becomes visible, and after step 1 the
   same flush is written again.
   Waiting does not cure what the brokers have against a record or against us (too large, not allowed, no such topic):
   then the flush is refused, with what is the matter by name, and is written again when its owner thinks it time.
3. `commit_transaction` makes all of it visible at once. It fails with a fence: another worker owns the partition, this
   one stops. It is in doubt: the producer is replaced (step 1 ends what is still under way), and the progress that
   stands on the topic says whether the flush was committed, has to be written again, or somebody else wrote.
4. A flush that has to be written again was aborted, and with it, wherever the brokers have forgotten to end the flush
   before (see `_end_forgotten`), that one too, though its progress counts. So what nobody can read of it comes first.

No second transaction runs on a producer that may have asked more than once to end the last one, even if it was told
that all went well. librdkafka has no KIP-890 (its issue 5423): when a connection breaks, it asks again over a new one,
and the first request may still be under way. Arriving in the middle of the next transaction, which has the same epoch,
it ends that one: half a flush is committed, the other half refused. Nothing tells of a second request but the time that
it takes, see `RESENT_S`.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from burnline.kafka import Config
from burnline.stream.written import Failed, Outgoing, Written, why_refused
from burnline.topics.catalogue import MOST_BYTES
from burnline.topics.client_log import client_log
from burnline.topics.errors import BrokerSilent
from burnline.topics.refusal import Cause, Refusal, Refused, cause_of

_log = logging.getLogger(__name__)

T = TypeVar("T")
DeliveryCallback = Callable[[KafkaError | None, Message], None]
MakeProducer = Callable[[dict[str, Any]], Producer]
ATTEMPT_S = 10.0
RETRY_S = 0.2
LONGEST_RETRY_S = 5.0
"""Between two attempts of a flush: each doubles the wait, for each begins with a new producer."""
FLUSH_S = 2.0
SETTLED_S = 2.0
"""Markers of a transaction that the coordinator has ended are there at once."""
MOST_KEPT = 5_000
"""Records of a flush that are kept until the next one counts, unless the brokers say that it has an end everywhere."""
ASKED_AFTER_S = 0.05
"""A large flush has its markers by then, as a rule."""
ENDED_AFTER = 3
"""So many attempts to end what was forgotten are enough: then it is not ours to end."""
RETRY_BACKOFF_MS = 500
RESENT_S = 0.7 * RETRY_BACKOFF_MS / 1000
"""What took longer may have been asked twice: librdkafka asks again after `retry.backoff.ms` less a fifth (jitter)."""

WRITER_CONFIG: Config = {
    "enable.idempotence": True,
    "linger.ms": 2,
    "compression.type": "lz4",
    "message.max.bytes": MOST_BYTES,
    "queue.buffering.max.messages": 1_000_000,
    "transaction.timeout.ms": 60_000,
    "retry.backoff.ms": RETRY_BACKOFF_MS,
}

_FENCES = {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}  # noqa: SLF001  # its name


class Fenced(Exception):
    """Another worker owns the partition now."""


class StillOpen(ValueError):
    """A transaction stays open on the partition, and whether it counts is not known: nobody may go on from there."""


class TransactionalWriter:
    """The transactional producer of one source partition. All methods block: call them off the event loop."""

    def __init__(
        self,
        client_config: Config,
        transactional_id: str,
        partition: int,
        *,
        stored_progress: Callable[[], bytes | None],
        open_topics: Callable[[], Sequence[str]],
        is_aborted: Callable[[str, int], bool],
        state_topics: Sequence[str],
        progress_topic: str,
        missing_rights: Callable[[], Refusal | None] = lambda: None,
        make_producer: MakeProducer | None = None,
    ) -> None:
        """Prepare; `fence` connects.

        Args:
            client_config: How to reach the brokers.
            transactional_id: The same for every owner of the partition, ever.
            partition: Where all records go.
            stored_progress: Reads the newest committed progress record of the partition.
            open_topics: Those topics that have an open transaction in the partition, asked of the brokers.
            is_aborted: Whether readers of committed records pass over the one at an offset of a topic's partition.
            state_topics: What an owner restores besides the progress.
            progress_topic: Has a record in every flush.
            missing_rights: Asks the brokers which rights are missing; they do not always say so with an error.
            make_producer: Makes a transactional producer; one of librdkafka's, if not said.
        """
        self.partition = partition
        self.transactional_id = transactional_id
        self._config: Config = {**client_config, **WRITER_CONFIG, "transactional.id": transactional_id}
        self._stored_progress = stored_progress
        self._open_topics = open_topics
        self._is_aborted = is_aborted
        self._state_topics = frozenset(state_topics)
        self._progress_topic = progress_topic
        self._missing_rights = missing_rights
        self._make_producer = make_producer or _producer
        self._producer: Producer | None = None
        self._doubtful = False
        self._counted = Written.of(())
        """The flush that counts, and may have to be written again in part (step 4)."""
        self._written = Written.of(())
        """The one under way, or the same."""
        self._looks_closer = False

    def fence(self) -> None:
        """Shut out the former owner (step 1), with a new producer, and end what it left open.

        Raises:
            Refused: The brokers refuse, for instance for want of a right.
            StillOpen: A transaction stays open on what an owner restores.
            KafkaException: Something that nobody has thought of.
        """
        for _ in range(ENDED_AFTER):
            self._take_over()
            forgotten = self._forgotten()
            if not forgotten:
                return
            self._end_forgotten(forgotten)
        raise StillOpen(f"a transaction stays open on {', '.join(forgotten)}: it is not one of this partition's owners")

    def _take_over(self) -> None:
        self._producer = None  # what the old one still has in its queue dies with it
        producer = self._make_producer({**self._config, "logger": client_log})
        while True:
            try:
                producer.init_transactions(ATTEMPT_S)
            except KafkaException as failure:
                error = _error(failure)
                refusal = self._not_taken_over(error)
                if refusal is not None:
                    raise Refused(refusal) from failure
                if not error.retriable():
                    raise
                _log.warning("partition %d: not fenced yet: %s", self.partition, error.str())
                time.sleep(RETRY_S)
            else:
                break
        self._producer = producer
        self._doubtful = False

    def _not_taken_over(self, error: KafkaError) -> Refusal | None:
        resource = f"transactional id {self.transactional_id}"
        cures = {
            Cause.NOT_AUTHORISED: f"grant WRITE on {resource}",
            Cause.INVALID_CONFIG: "raise the brokers' transaction.max.timeout.ms to a minute at least",
        }
        return Refusal.of(error, resource, f"taking over {resource}", cures.get(cause_of(error) or Cause.IN_DOUBT, ""))

    def _forgotten(self) -> Sequence[str]:
        """Topics with an open transaction, though the brokers have just said that there is none."""
        deadline = time.monotonic() + SETTLED_S
        while True:
            found = self._answer(self._open_topics)
            if not found or time.monotonic() > deadline:
                break
            time.sleep(RETRY_S)
        if self._progress_topic in found:
            return found
        lost = sorted(self._state_topics.intersection(found))
        if lost:
            raise StillOpen(
                f"a transaction stays open on {', '.join(lost)}, though its progress counts or was never written: "
                "the brokers have lost how it ended"
            )
        return ()  # notices or dead letters of a flush that counts: the next ones make them visible

    def _answer(self, ask: Callable[[], T]) -> T:
        """Ask until the brokers answer."""
        while True:
            try:
                return ask()
            except BrokerSilent as silence:
                _log.warning("partition %d: %s", self.partition, silence)

    def _end_forgotten(self, topics: Sequence[str]) -> None:
        """Abort a transaction that the coordinator has ended and that has no end on the topics: nobody has seen it.

        Apache Kafka 4.4 forgets the markers of a transaction whose partitions have no leader at that moment, which is
        what a broker finds that starts again after it was killed: it takes them for deleted, and the transaction for
        ended. Readers of committed records stay before it until this producer id ends another one there, which would
        end both. So that one has to be this: it holds nothing, and is aborted.
        """
        _log.warning("partition %d: a transaction has no end on %s, ending it", self.partition, ", ".join(topics))
        assert self._producer is not None  # noqa: S101  # taken over before
        try:
            self._producer.begin_transaction()
            for topic in topics:
                self._producer.produce(topic, b"", b"", self.partition)
            self._producer.flush(FLUSH_S)
            self._producer.abort_transaction(ATTEMPT_S)
        except KafkaException as failure:
            _log.warning("partition %d: not ended yet: %s", self.partition, _error(failure).str())

    def write(self, records: Sequence[Outgoing], *, previous: bytes | None, progress: bytes) -> None:
        """Write records to this partition of their topics, all or none, once.

        Args:
            records: What to write, the progress record among it.
            previous: The progress record that this owner restored or wrote last.
            progress: The progress record that is among `records`; no other flush has the same.

        Raises:
            Fenced: Another worker owns the partition.
            Refused: The brokers refuse. Nothing of it is written; to call again with the same is to try again.
            StillOpen: As `fence` raises it.
        """
        whole: Sequence[Outgoing] | None = records
        if self._producer is None:  # refused before
            whole = self._after_doubt(records, previous=previous, progress=progress)
        wait_s = RETRY_S
        while whole is not None:
            if self._is_written(whole):
                break
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)
            whole = self._after_doubt(records, previous=previous, progress=progress)
        self._counted = self._written
        self._looks_closer = False
        self._let_go_of_many()

    def _is_written(self, records: Sequence[Outgoing]) -> bool:
        """Write once; False if it is not, or not known to be, and has to be looked into."""
        try:
            self._write_once(records)
        except KafkaException as failure:
            error = _error(failure)
            if error.code() in _FENCES:
                raise Fenced(f"partition {self.partition}: {error.str()}") from failure
            refusal = self._why_not_written(error)
            if refusal is not None:
                self._give_back()
                raise Refused(refusal) from failure
            _log.warning("partition %d: flush failed: %s", self.partition, error.str())
            return False
        if self._doubtful:
            _log.info("partition %d: the brokers were slow to commit, asking what they have", self.partition)
        return not self._doubtful

    def _after_doubt(
        self, records: Sequence[Outgoing], *, previous: bytes | None, progress: bytes
    ) -> list[Outgoing] | None:
        """Take over anew; say what has to be written again, None if the flush counts."""
        self.fence()
        stored = self._stored_progress()
        if stored == progress:
            return None
        if stored != previous:
            raise Fenced(f"partition {self.partition}: another worker wrote its progress")
        return [*self._aborted_of(self._counted), *records]

    def _why_not_written(self, error: KafkaError) -> Refusal | None:
        """What waiting does not cure; None if it may, or if a closer look is needed, which the next attempt takes."""
        named = why_refused(self._written.failed)
        if named is not None and (named.cause is not Cause.TOO_LARGE or self._looks_closer):
            return named
        cause = cause_of(error)
        if cause is Cause.TOO_LARGE and not self._looks_closer:
            self._looks_closer = True
            return None
        if cause is Cause.NOT_AUTHORISED and (missing := self._missing_rights()) is not None:
            return missing
        return Refusal.of(error, f"transactional id {self.transactional_id}", "writing a flush")

    def _give_back(self) -> None:
        """End a transaction that will not be written, so that readers of committed records do not wait for it."""
        producer, self._producer = self._producer, None
        try:
            if producer is not None:
                producer.abort_transaction(ATTEMPT_S)
        except KafkaException as failure:
            _log.info("partition %d: the brokers abort it themselves: %s", self.partition, _error(failure).str())

    def _let_go_of_many(self) -> None:
        """Free the memory of a large flush that has an end everywhere, and so cannot be aborted any more."""
        if len(self._counted.records) <= MOST_KEPT:
            return
        time.sleep(ASKED_AFTER_S)
        try:
            if not self._open_topics():
                self._counted = self._written = Written.of(())
        except BrokerSilent as silence:
            _log.warning("partition %d: %s", self.partition, silence)

    def _aborted_of(self, before: Written) -> list[Outgoing]:
        """Records of the flush before, which counts, that were aborted with the one after it."""
        asked = {topic: partial(self._is_aborted, topic, offset) for topic, offset in before.ends.items()}
        lost = {topic for topic, ask in asked.items() if self._answer(ask)}
        if lost:
            _log.warning(
                "partition %d: the brokers had not ended the flush before on %s, writing it again there",
                self.partition,
                ", ".join(sorted(lost)),
            )
        return [outgoing for outgoing in before.records if outgoing.topic in lost]

    def _write_once(self, records: Sequence[Outgoing]) -> None:
        producer = self._producer
        assert producer is not None  # noqa: S101  # fenced before the first write
        self._written = written = Written.of(records)
        last = {outgoing.topic: index for index, outgoing in enumerate(records)}
        producer.begin_transaction()
        for index, outgoing in enumerate(records):
            asked = self._looks_closer or last[outgoing.topic] == index  # about each one costs as much as to write it
            self._produce(producer, outgoing, written.on_delivery if asked else None)
        # So that the time below is that of ending the transaction alone. No longer: a transaction that has failed
        # meanwhile keeps its records back until they time out, and only a commit says that it has failed.
        with _untangled():
            producer.flush(FLUSH_S)
        started = time.monotonic()
        try:
            self._commit(producer)
        finally:
            self._doubtful = time.monotonic() - started > RESENT_S

    def _commit(self, producer: Producer) -> None:
        while True:
            try:
                producer.commit_transaction(ATTEMPT_S)
            except KafkaException as failure:
                # Retriable means that this commit goes on where it was: its outcome will be known, if late.
                if not _error(failure).retriable():
                    raise
                _log.warning("partition %d: commit goes on after: %s", self.partition, _error(failure).str())
            else:
                return

    def _produce(self, producer: Producer, outgoing: Outgoing, on_delivery: DeliveryCallback | None) -> None:
        while True:
            try:
                producer.produce(
                    outgoing.topic,
                    outgoing.value,
                    outgoing.key,
                    self.partition,
                    headers=list(outgoing.headers),
                    on_delivery=on_delivery,
                )
            except BufferError:  # a million records are under way: let some arrive
                with _untangled():
                    producer.poll(RETRY_S)
            except KafkaException as failure:  # the client itself says that it is too large
                self._looks_closer = True
                self._written.failed.append(Failed(outgoing.topic, outgoing.key, outgoing.size_bytes, _error(failure)))
                raise
            else:
                return


@contextmanager
def _untangled() -> Iterator[None]:
    """The error of a producer that was fenced, where delivery callbacks were called with it already raised.

    The client raises a fatal error from whatever serves its callbacks, and goes on to call them; the first of its own
    functions that one of those calls then fails with a SystemError, whose cause is the error.
    """
    try:
        yield
    except SystemError as tangled:
        if isinstance(tangled.__cause__, KafkaException):
            raise tangled.__cause__ from None
        raise


def _producer(config: dict[str, Any]) -> Producer:
    return Producer(config)


def _error(failure: KafkaException) -> KafkaError:
    error: KafkaError = failure.args[0]
    return error
