"""How the source topic is read: by librdkafka, from positions that the ledgers know."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakMethod

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from burnline.kafka import Config
from burnline.stream.batches import MessageRecords, Records
from burnline.stream.clocks import Clocks
from burnline.topics.client_log import client_log
from burnline.topics.ends import GONE, OUT_OF_RANGE, level_of, passing

BATCH_RECORDS = 2_000
"""Most objects in one batch: enough to pay for Faust's work on it, few enough to share the event loop."""
POLL_RECORDS = 16_000
POLL_S = 0.02
"""An event waits so long at most for others to share its batch."""
PROBE_S = 1.0

READER_CONFIG: Config = {
    "group.id": "unused: partitions are assigned, offsets are kept in the progress topic",
    "enable.auto.commit": False,
    "auto.offset.reset": "error",  # to go on from elsewhere loses events: the ledgers decide what to do
    "isolation.level": "read_committed",
    "topic.metadata.refresh.interval.ms": 5_000,  # or else a topic made anew may stay unseen for five minutes
    "fetch.queue.backoff.ms": 5,  # the default of 1,000 holds a fast reader at a quarter of its speed
    "fetch.message.max.bytes": 4 << 20,
    "queued.max.messages.kbytes": 32_768,  # bounds what is prefetched while the worker is behind
    "enable.partition.eof": True,  # behind the last record may stand markers of transactions, which are no events
}


class Reader(Protocol):
    """Reads partitions of the source topic. Used by one thread at a time; what it does blocks.

    Attributes:
        away_since_s: Monotonic time since which no broker has been reached; None while one is.
        in_doubt: Whether a partition is not read any further, since the log does not hold its position.
    """

    away_since_s: float | None
    in_doubt: bool

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from these offsets, and no others."""

    def poll(self) -> Mapping[int, Sequence[Records]]:
        """What has come, by partition, in order; waits `POLL_S` for it.

        Raises:
            KafkaException: The brokers refuse for good.
        """

    def end_offset(self, partition: int) -> int:
        """The end of a partition as the newest fetch saw it; negative before the first one.

        When all of it is read, that is the position behind the last record, whatever markers stand behind it.
        """

    def unheard(self) -> Collection[int]:
        """Partitions of which nothing has been heard since they were assigned, not even that there is no record."""

    def look_for_brokers(self) -> None:
        """Ask whether one is back: librdkafka tells when the last connection is gone, not when one is back."""

    def close(self) -> None:
        """Read no more."""


MakeReader = Callable[[str, Config], Reader]
"""Makes the reader of a topic, with what all clients share of a configuration."""


def only_passing(error: KafkaError) -> None:
    """Log an error that goes away by itself.

    Raises:
        KafkaException: It does not.
    """
    if not passing(error):
        raise KafkaException(error)
    client_log.log(level_of(error), "fetching goes on after: %s", error.str())


def casts_doubt(error: KafkaError) -> bool:
    """Whether an error says that a position is not on the log: to be looked at, and not to be waited for."""
    if error.code() not in OUT_OF_RANGE | GONE:
        return False
    client_log.warning("a position is not on the log: %s", error.str())
    return True


def weakly(method: Callable[..., None]) -> Callable[..., None]:
    """Call a method while its object lives, and nothing after.

    A client that holds its reader, which holds the client, is left to the garbage collector, which may run in a thread
    of that very client, as it logs: to end it from there never ends.
    """
    method_of = WeakMethod(method)

    def call(*arguments: object) -> None:
        found = method_of()
        if found is not None:
            found(*arguments)

    return call


class ReadTo:
    """How far partitions are read, and whether that is all of them."""

    def __init__(self) -> None:
        self._position: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._unheard: set[int] = set()

    def begin(self, positions: Mapping[int, int]) -> None:
        """Reading begins anew, at these positions."""
        self._position, self._ended, self._unheard = dict(positions), {}, set(positions)

    def read(self, partition: int, position: int) -> None:
        """All records below this position are handed out."""
        self._position[partition] = position
        self._unheard.discard(partition)

    def ended(self, partition: int, offset: int) -> None:
        """There is no record from the position to below this offset."""
        self._ended[partition] = offset
        self._unheard.discard(partition)

    def unheard(self) -> Collection[int]:
        """Partitions of which neither has been said since the beginning; asked by another thread, too."""
        return self._unheard.copy()

    def end(self, partition: int, high: int) -> int:
        """Where a partition ends for events, if it ends at `high` for records and markers."""
        if high >= 0 and self._ended.get(partition, -1) >= high:
            return self._position.get(partition, high)
        return high


class MessageReader:
    """Reads `Message` objects, by confluent-kafka."""

    def __init__(self, topic: str, config: Config, clocks: Clocks) -> None:
        self.away_since_s: float | None = None
        self.in_doubt = False
        self._topic = topic
        self._clocks = clocks
        self._read_to = ReadTo()
        told: dict[str, Any] = {**config, **READER_CONFIG, "error_cb": weakly(self._on_error)}
        self._consumer = Consumer(told, logger=client_log)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self.away_since_s is None:
            self.away_since_s = time.monotonic()

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from these offsets, and no others."""
        self.in_doubt = False
        self._read_to.begin(positions)
        self._consumer.assign([TopicPartition(self._topic, *position) for position in positions.items()])

    def poll(self) -> dict[int, list[MessageRecords]]:
        """What has come, by partition; as `Reader.poll`."""
        by_partition: dict[int, list[Message]] = {}
        for message in self._consumer.consume(POLL_RECORDS, POLL_S):
            error, partition, offset = message.error(), message.partition(), message.offset()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                if casts_doubt(error):
                    self.in_doubt = True
                else:
                    only_passing(error)
                continue
            assert partition is not None  # noqa: S101  # only errors have none
            assert offset is not None  # noqa: S101
            if error is not None:
                self._read_to.ended(partition, offset)
                continue
            self._read_to.read(partition, offset + 1)
            by_partition.setdefault(partition, []).append(message)
        now_ms = self._clocks.now_ms()
        return {
            partition: [
                MessageRecords(found[at : at + BATCH_RECORDS], now_ms) for at in range(0, len(found), BATCH_RECORDS)
            ]
            for partition, found in by_partition.items()
        }

    def end_offset(self, partition: int) -> int:
        """The end of a partition; as `Reader.end_offset`."""
        high = int(self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)[1])
        return self._read_to.end(partition, high)

    def unheard(self) -> Collection[int]:
        """As `Reader.unheard`."""
        return self._read_to.unheard()

    def look_for_brokers(self) -> None:
        """Ask whether a broker is back."""
        with suppress(KafkaException):
            self._consumer.list_topics(self._topic, timeout=PROBE_S)
            self.away_since_s = None

    def close(self) -> None:
        """Read no more."""
        self._consumer.close()
