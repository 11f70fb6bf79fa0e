"""What a worker wrote: every ledger compared with the sums of the load, and when it was done."""

import time
from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from benchmarks.load import Expected
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

BATCH = 10_000
SILENCE_S = 30.0
COMMITTED_S = 10.0


class _Ledger(msgspec.Struct):
    session_id: str
    cost_usd: str
    events: int


class _Progress(msgspec.Struct):
    next_offset: int
    written_at_ms: int


class LedgerReader:
    """Reads what was written since it read last, so that runs that follow each other are each checked whole.

    A ledger is absolute: the newest record of a session says all of it, and one that was not written did not change.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = topics_for(settings)
        self._offsets: dict[tuple[str, int], int] = {}
        self._pico: dict[str, int] = {}
        self._events: dict[str, int] = {}
        self._applied: dict[int, int] = {}
        self._finished_ms = 0
        self.records = 0
        """Records of the usage topic that were checked so far."""

    def check(self, expected: Expected) -> int:
        """Compare every ledger with the load, to the last digit.

        A commit is answered before readers of committed records can see all of it: what differs is read again for a
        while.

        Returns:
            When the last progress was written, epoch milliseconds.

        Raises:
            AssertionError: Something differs.
        """
        deadline = time.monotonic() + COMMITTED_S
        while True:
            self._read_ledgers()
            self._read_progress()
            wrong = self._differences(expected)
            if wrong is None:
                self.records = expected.records
                return self._finished_ms
            if time.monotonic() > deadline:
                raise AssertionError(wrong)
            time.sleep(COMMITTED_S / 50)

    def _read_ledgers(self) -> None:
        decode = msgspec.json.Decoder(_Ledger).decode
        newest: dict[bytes, bytes] = {}
        for message in self._unread(self._topics.sessions.name):
            newest[message.key() or b""] = message.value() or b""
        for value in newest.values():
            ledger = decode(value)
            self._pico[ledger.session_id] = _pico(ledger.cost_usd)
            self._events[ledger.session_id] = ledger.events

    def _read_progress(self) -> None:
        decode = msgspec.json.Decoder(_Progress).decode
        for message in self._unread(self._topics.progress.name):
            progress, partition = decode(message.value() or b""), message.partition() or 0
            if progress.next_offset > self._applied.get(partition, 0):  # a tick writes progress, too
                self._applied[partition] = progress.next_offset
                self._finished_ms = max(self._finished_ms, progress.written_at_ms)

    def _differences(self, expected: Expected) -> str | None:
        wanted, events, applied = expected.pico_by_session, sum(self._events.values()), sum(self._applied.values())
        if self._pico == wanted and events == expected.events and applied == expected.records:
            return None
        wrong = {key: (pico, self._pico.get(key)) for key, pico in wanted.items() if self._pico.get(key) != pico}
        return (
            f"{events} of {expected.events} events in the ledgers, {applied} of {expected.records} records applied; "
            f"{len(wrong)} ledgers differ (wanted, found): {dict(list(wrong.items())[:3])}"
        )

    def _unread(self, topic: str) -> Iterator[Message]:
        partitions = {
            partition: self._offsets.get((topic, partition), 0) for partition in range(self._settings.partitions)
        }
        for message in read_from(self._settings, topic, partitions):
            self._offsets[topic, message.partition() or 0] = (message.offset() or 0) + 1
            yield message


def read_from(settings: Settings, topic: str, partitions: Mapping[int, int]) -> Iterator[Message]:
    """The committed records of some partitions, each from an offset to its present end; for topics nobody writes to.

    Raises:
        TimeoutError: The broker stayed silent.
        KafkaException: It refused.
    """
    consumer = Consumer(
        {
            **client_config(settings),
            "group.id": "bench-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 5,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in partitions.items()])
        unread = set(partitions)
        while unread:
            messages = consumer.consume(1, SILENCE_S) + consumer.consume(BATCH, 0)
            if not messages:
                raise TimeoutError(f"nothing came from topic {topic} for {SILENCE_S:g} s; unread: {sorted(unread)}")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(message.partition() or 0)
                elif not error.retriable():
                    raise KafkaException(error)
    finally:
        consumer.close()


def _pico(usd: str) -> int:
    return int(Decimal(usd).scaleb(12))
