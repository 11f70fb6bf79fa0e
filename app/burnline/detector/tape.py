"""The topics that a detector follows, as one log: all partitions of `usage`, in the order in which it took the records.

Baselines and rates come beside them, as they come. Not for two threads at once.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import msgspec
from confluent_kafka import KafkaError, Message, TopicPartition

from burnline.detector.merging import Logged, Merge
from burnline.kafka import Config
from burnline.topics.catalogue import TopicSpec
from burnline.topics.clients import reader
from burnline.topics.ends import Span, as_topic_error, is_beyond_end, level_of, passing, spans
from burnline.topics.envelopes import event_of
from burnline.topics.errors import TopicError

AT_ONCE = 10_000
WAIT_S = 0.1
GRACE_MS = 500
"""What a broker has taken is with its readers by then; a partition that says nothing is not waited for any longer."""
REPLAY_GRACE_MS = 3_000
"""The same for a replay, whose publisher may be this much further with one partition than with another."""
MOST_HELD = 200_000
"""Records that wait for those of other partitions: with more, only the partition that is behind is read."""
ASK_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)

Clock = Callable[[], int]
"""Wall clock, epoch milliseconds."""


class Taken(NamedTuple):
    """Records of `usage` in order, and records of the other topics as they came: (topic, key, value)."""

    records: list[Logged]
    changes: list[tuple[str, bytes | None, bytes | None]]


class Tape:
    """Reads on; brokers that go away are waited for."""

    def __init__(self, config: Config, usage: TopicSpec, clock_ms: Clock, *, by_event_time: bool = False) -> None:
        """Take how to reach the brokers; `start` connects.

        Args:
            config: librdkafka configuration that reaches the brokers.
            usage: The topic.
            clock_ms: The wall clock.
            by_event_time: Read as if the log had taken each event as it happened, for replays.
        """
        self._config = config
        self._usage = usage
        self._clock_ms = clock_ms
        self._by_event_time = by_event_time
        self._newest_ms = -1
        self._newest_then: deque[tuple[int, int]] = deque()
        self._merge = Merge(range(usage.partitions))
        self._at_end: set[int] = set()
        self._held_up: set[int] = set()
        self._latest: dict[int, int] = {}
        self._consumer = reader(config)

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()

    def ends(self, topic: TopicSpec) -> dict[int, Span]:
        """Where the partitions of a topic begin and end now.

        Raises:
            TopicError: It is missing, or the brokers are silent or refuse.
        """
        return spans(self._consumer, topic.name, range(topic.partitions), ASK_TIMEOUT_S)

    def ending_before(self, offsets: Mapping[int, int]) -> list[int]:
        """The partitions of `usage` that end before these offsets: the topic is not the one that they were of.

        Raises:
            TopicError: As `ends`.
        """
        return [
            partition
            for partition, span in self.ends(self._usage).items()
            if (offset := offsets.get(partition, 0)) > span.stable
            and is_beyond_end(self._config, self._usage.name, partition, offset, ASK_TIMEOUT_S)
        ]

    def start(self, offsets: Mapping[int, int], others: Mapping[str, Mapping[int, int]]) -> None:
        """Read `usage` from these offsets on (from its beginning, where there is none), and other topics from theirs.

        Raises:
            TopicError: `usage` ends before an offset: it is not the log that was read; or as `ends`.
        """
        cut = self.ending_before(offsets)
        if cut:
            raise TopicError(
                f"Partition {cut[0]} of topic {self._usage.name} ends before offset {offsets[cut[0]]}, which is next: "
                "it was made anew. Begin anew, too, with --anew."
            )
        places = []
        for partition, span in self.ends(self._usage).items():
            offset = offsets.get(partition, span.first)
            if offset < span.first:
                _log.warning("partition %d: offsets %d to %d are kept no more", partition, offset, span.first - 1)
            places.append(TopicPartition(self._usage.name, partition, max(offset, span.first)))
        places += [TopicPartition(name, *place) for name, known in others.items() for place in known.items()]
        self._consumer.assign(places)

    @property
    def at_end(self) -> bool:
        """Whether all of `usage` was read, as far as is known."""
        return len(self._at_end) == self._usage.partitions and not len(self._merge)

    def behind(self) -> int:
        """Offsets between what was read and the ends of the partitions, as far as they are known."""
        behind = 0
        for place in self._consumer.position(self._consumer.assignment()):
            known = self._consumer.get_watermark_offsets(place, cached=True)
            behind += max(known[1] - place.offset, 0) if place.offset >= 0 else 0
        return behind

    def take(self) -> Taken:
        """What has come and no earlier record can come before, after a tenth of a second at most.

        Raises:
            TopicError: The brokers refuse.
        """
        asked_ms = self._clock_ms()
        # Waiting for one, then taking what is there, returns at once; consume(n, t) sits out all of t.
        batch = self._consumer.consume(1, WAIT_S)
        if batch:
            batch += self._consumer.consume(AT_ONCE - 1, 0)
        records: list[Logged] = []
        changes = []
        for message in batch:
            error = message.error()
            if error is not None:
                self._note(error, message)
            elif message.topic() == self._usage.name:
                records.append(self._logged(message))
            else:
                changes.append((cast("str", message.topic()), message.key(), message.value()))
        self._merge.add(records)
        known_ms = self._known_until(asked_ms)
        for partition in self._at_end:
            self._merge.note_end(partition, known_ms)
        taken = Taken(self._merge.take(), changes)
        self._hold_up()
        return taken

    def _known_until(self, asked_ms: int) -> int:
        """A partition that had no more when it was asked has nothing from before this moment."""
        if not self._by_event_time:
            return asked_ms - GRACE_MS
        # Publishers of a replay send in the order of events, each partition in batches of its own.
        self._newest_then.append((asked_ms, self._newest_ms))
        known_ms = -1
        while self._newest_then and self._newest_then[0][0] <= asked_ms - REPLAY_GRACE_MS:
            known_ms = self._newest_then.popleft()[1]
        return known_ms + 1

    def _logged(self, message: Message) -> Logged:
        partition, value = cast("int", message.partition()), event_of(message)
        kind, timestamp_ms = message.timestamp()
        self._at_end.discard(partition)
        latest_ms = self._latest.get(partition, 0)
        timed_ms = _event_time(value) if self._by_event_time else timestamp_ms if kind else 0
        # What has no time of its own came when the record before it came; and replays are in order by their offsets.
        logged_ms = max(latest_ms, timed_ms) if self._by_event_time or not timed_ms else timed_ms
        self._latest[partition] = max(latest_ms, logged_ms)
        self._newest_ms = max(self._newest_ms, logged_ms)
        return Logged(logged_ms, partition, cast("int", message.offset()), value)

    def _note(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # librdkafka names its codes so
            if message.topic() == self._usage.name:
                self._at_end.add(cast("int", message.partition()))
        elif passing(error):
            _log.log(level_of(error), "reading goes on after: %s", error.str())
            time.sleep(WAIT_S)
        else:
            raise as_topic_error(error, cast("str", message.topic()), message.partition())

    def _hold_up(self) -> None:
        """Read only what is behind, while too much waits for it."""
        wanted = self._merge.ahead() if len(self._merge) > MOST_HELD else set()
        if wanted == self._held_up:
            return
        self._consumer.pause([self._place(partition) for partition in wanted - self._held_up])
        self._consumer.resume([self._place(partition) for partition in self._held_up - wanted])
        self._held_up = wanted

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._usage.name, partition)


class _Timed(msgspec.Struct):
    occurred_at: int


_timed = msgspec.json.Decoder(_Timed).decode


def _event_time(value: bytes | None) -> int:
    """When an event happened; 0 for what is none, which takes the place behind the record before it."""
    try:
        return _timed(value or b"").occurred_at
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0
