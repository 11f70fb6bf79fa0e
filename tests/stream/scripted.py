"""A producer that answers by a script, and the brokers' side of a partition that it writes to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from burnline.stream.writer import TransactionalWriter
from burnline.stream.written import Outgoing
from burnline.topics.refusal import Refusal

PARTITION = 3
PROGRESS, SESSIONS, ANOMALIES = "t.progress", "t.sessions", "t.anomalies"


class Time:
    """In place of the module `time`: it passes when somebody sleeps, or when a script says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.slept_s: list[float] = []

    def monotonic(self) -> float:
        """Seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept_s.append(seconds)
        self.now_s += seconds


def error(code: int, text: str = "as scripted", *, retriable: bool = False, fatal: bool = False) -> KafkaException:
    """What a producer's method raises."""
    return KafkaException(KafkaError(code, text, fatal=fatal, retriable=retriable, txn_requires_abort=not retriable))


@dataclass
class Brokers:
    """What stands on the topics, and what goes wrong. Each script is worked off from its front; empty means well.

    Attributes:
        steps: Every call of a producer and every question, in order.
        progress: The newest committed progress record.
        committed: Values of all committed records, in order.
    """

    steps: list[str] = field(default_factory=list)
    progress: bytes | None = None
    committed: list[bytes | None] = field(default_factory=list)
    init: list[KafkaException] = field(default_factory=list)
    produce: list[Exception | None] = field(default_factory=list)
    delivery: dict[bytes, list[KafkaError]] = field(default_factory=dict)
    flush: list[Exception] = field(default_factory=list)
    commit: list[Callable[["ScriptedProducer"], None]] = field(default_factory=list)
    abort: list[KafkaException] = field(default_factory=list)
    still_open: list[Sequence[str]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    offset: int = 0

    def stored_progress(self) -> bytes | None:
        """Asked after a doubt."""
        self.steps.append("read progress")
        return self.progress

    def open_topics(self) -> Sequence[str]:
        """Asked after a fence."""
        return self.still_open.pop(0) if self.still_open else ()

    def is_aborted(self, topic: str, _offset: int) -> bool:
        """Asked of the flush before."""
        self.steps.append(f"is {topic} aborted")
        return topic in self.lost


class ScriptedProducer:
    """Stands in for librdkafka's transactional producer."""

    def __init__(self, brokers: Brokers) -> None:
        self.brokers = brokers
        self.written: list[tuple[str, bytes | None, bytes | None]] = []
        brokers.steps.append("new producer")

    def init_transactions(self, _timeout: float) -> None:
        """Step 1."""
        self.brokers.steps.append("fence")
        if self.brokers.init:
            raise self.brokers.init.pop(0)

    def begin_transaction(self) -> None:
        """Before step 2."""
        self.brokers.steps.append("begin")
        self.written = []

    def produce(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int, *, on_delivery: Any = None, **_: Any
    ) -> None:
        """Step 2; what becomes of a record is told at once."""
        assert partition == PARTITION
        failure = self.brokers.produce.pop(0) if self.brokers.produce else None
        if failure is not None:
            raise failure
        self.written.append((topic, key, value))
        self.brokers.offset += 1
        if on_delivery is not None:
            failed = self.brokers.delivery.get(key or b"", [])
            message = _Delivered(topic, key, value, self.brokers.offset)
            on_delivery(failed[0] if failed else None, cast("Message", message))

    def poll(self, _timeout: float) -> int:
        """While the queue is full."""
        self.brokers.steps.append("poll")
        return 0

    def flush(self, _timeout: float) -> int:
        """Before step 3."""
        if self.brokers.flush:
            raise self.brokers.flush.pop(0)
        return 0

    def commit_transaction(self, _timeout: float) -> None:
        """Step 3."""
        self.brokers.steps.append("commit")
        if self.brokers.commit:
            self.brokers.commit.pop(0)(self)
        else:
            self.take()

    def abort_transaction(self, _timeout: float) -> None:
        """Instead of step 3."""
        self.brokers.steps.append("abort")
        if self.brokers.abort:
            raise self.brokers.abort.pop(0)

    def take(self) -> None:
        """What was written becomes visible."""
        for topic, _, value in self.written:
            self.brokers.committed.append(value)
            if topic == PROGRESS:
                self.brokers.progress = value


@dataclass
class _Delivered:
    _topic: str
    _key: bytes | None
    _value: bytes | None
    _offset: int

    def topic(self) -> str:
        return self._topic

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def offset(self) -> int:
        return self._offset


def fails(failure: KafkaException) -> Callable[[ScriptedProducer], None]:
    """A commit that fails and commits nothing."""

    def commit(_: ScriptedProducer) -> None:
        raise failure

    return commit


def takes_and_fails(failure: KafkaException) -> Callable[[ScriptedProducer], None]:
    """A commit that is done, and of which nobody hears."""

    def commit(producer: ScriptedProducer) -> None:
        producer.take()
        raise failure

    return commit


def writer_to(brokers: Brokers, missing_rights: Callable[[], Refusal | None] = lambda: None) -> TransactionalWriter:
    """A writer whose producers answer by the script."""
    return TransactionalWriter(
        {},
        f"app-{PARTITION}",
        PARTITION,
        stored_progress=brokers.stored_progress,
        open_topics=brokers.open_topics,
        is_aborted=brokers.is_aborted,
        state_topics=[SESSIONS],
        progress_topic=PROGRESS,
        missing_rights=missing_rights,
        make_producer=lambda _config: cast("Producer", ScriptedProducer(brokers)),
    )


def flush_of(progress: bytes, *others: Outgoing) -> list[Outgoing]:
    """Records of a flush."""
    return [
        Outgoing(SESSIONS, b"s-1", b"ledger " + progress, ()),
        *others,
        Outgoing(PROGRESS, b"3", progress, ()),
    ]
