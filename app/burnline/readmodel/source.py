"""The topics as a projector reads them: committed records from given offsets on. Not for two threads at once."""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from confluent_kafka import KafkaError, Message, TopicPartition

from burnline.kafka import Config
from burnline.ledger.usage_record import next_offset_of
from burnline.readmodel.batch import Record, Role, Stretch
from burnline.readmodel.keys import offset_field
from burnline.topics.catalogue import Topics, TopicSpec
from burnline.topics.clients import reader
from burnline.topics.ends import Span, as_topic_error, level_of, passing, spans

BATCH = 1_000
"""Records at once: Redis serves nobody else while it applies them (about 10 ms)."""
WAIT_S = 0.25
ASK_TIMEOUT_S = 10.0

Place = tuple[str, int]
"""Topic and partition."""

_log = logging.getLogger(__name__)


def projected(topics: Topics) -> dict[str, tuple[Role, TopicSpec]]:
    """The topics that are projected, by name."""
    return {
        spec.name: (role, spec)
        for role, spec in (
            # What others refer to comes first; the order matters to nobody who waits for a whole picture.
            (Role.BASELINES, topics.baselines),
            (Role.BUDGETS, topics.budgets),
            (Role.CONTROLS, topics.controls),
            (Role.VALUATION_RATES, topics.valuation_rates),
            (Role.ANOMALY_NOTES, topics.anomaly_notes),
            (Role.CATALOGUES, topics.catalogues),
            (Role.PROGRESS, topics.progress),
            (Role.SESSIONS, topics.sessions),
            (Role.USAGE_ROLLUPS, topics.usage_rollups),
            (Role.ANOMALIES, topics.anomalies),
        )
    }


class Taken(NamedTuple):
    """Some records, and what they cover of each partition: from where the last ones ended."""

    records: list[Record]
    stretches: list[Stretch]


class MadeAnew(Exception):
    """A topic ends before the offset that was to be read: it was deleted and made again, or lost its records."""


class Source:
    """Reads all partitions of the projected topics."""

    def __init__(self, config: Config, topics: Topics) -> None:
        """Take how to reach the brokers; connects when it is used."""
        self._topics = projected(topics)
        self._consumer = reader(config, {"auto.offset.reset": "error", "queued.max.messages.kbytes": 16_384})
        self._next: dict[Place, int] = {}
        self._targets: dict[Place, int] = {}  # what is still to be reached at least, before the picture is whole
        self._high: dict[Place, int] = {}

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()

    def spans(self) -> dict[Place, Span]:
        """Where every partition begins and ends now.

        Raises:
            TopicError: A topic is missing, or the brokers are silent or refuse.
        """
        return {
            (name, partition): span
            for name, (_, spec) in self._topics.items()
            for partition, span in spans(self._consumer, name, range(spec.partitions), ASK_TIMEOUT_S).items()
        }

    def first_offsets(self) -> dict[str, int]:
        """Where every partition begins, by its field in Redis.

        Raises:
            TopicError: As `spans`.
        """
        return {offset_field(*place): span.first for place, span in self.spans().items()}

    def start(self, offsets: Mapping[str, int]) -> None:
        """Read on from these offsets, by field in Redis; what is whole by then is what stands there now.

        Raises:
            MadeAnew: The offsets are not those of these topics.
            TopicError: As `spans`.
        """
        found = self.spans()
        missing = [place for place in found if offset_field(*place) not in offsets]
        if missing:
            raise MadeAnew(f"no offset is known for {missing[0][0]}, partition {missing[0][1]}")
        self._next = {place: offsets[offset_field(*place)] for place in found}
        self._targets = {place: max(span.stable, span.first) for place, span in found.items()}
        self._high = {}
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._next.items()])

    @property
    def unreached(self) -> int:
        """Partitions whose end, as it was at the start, has not been reached yet."""
        return len(self._targets)

    def behind(self) -> dict[str, int]:
        """Offsets between what was taken and the ends of the partitions, by topic; as far as they are known."""
        behind = dict.fromkeys(self._topics, 0)
        for (topic, partition), offset in self._next.items():
            known = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            behind[topic] += max(known[1] - offset, 0)
        return behind

    def take(self) -> Taken:
        """Up to 1,000 records; none after a quarter of a second without any.

        Raises:
            MadeAnew: A topic ends before what was to be read.
            TopicError: The brokers refuse.
        """
        # Waiting for one, then taking what is there, returns at once; consume(n, t) sits out all of t.
        batch = self._consumer.consume(1, WAIT_S)
        if batch:
            batch += self._consumer.consume(BATCH - 1, 0)
        records, removed, ended = [], [], {}
        for message in batch:
            error = message.error()
            if error is None:
                records.append(self._record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                ended[_place(message)] = cast("int", message.offset())
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # librdkafka's own code
                removed.append(_place(message))
            elif passing(error):
                _log.log(level_of(error), "reading goes on after: %s", error.str())
            else:
                raise as_topic_error(error, cast("str", message.topic()), message.partition())
        stretches = self._advance(records)
        self._note_reached(ended)
        return Taken(records, stretches + [self._skip(place) for place in removed])

    def _record(self, message: Message) -> Record:
        topic = cast("str", message.topic())
        kind, timestamp_ms = message.timestamp()
        return Record(
            self._topics[topic][0],
            topic,
            cast("int", message.partition()),
            cast("int", message.offset()),
            timestamp_ms if kind else 0,
            message.key() or b"",
            message.value(),
            next_offset_of(message.headers()),
        )

    def _advance(self, records: Iterable[Record]) -> list[Stretch]:
        ends = {(record.topic, record.partition): record.offset + 1 for record in records}
        stretches = [Stretch(*place, self._next[place], end) for place, end in ends.items()]
        self._next.update(ends)
        return stretches

    def _skip(self, place: Place) -> Stretch:
        # Retention may have taken what was to be read next. Then there is nothing to read of it, and to go on is right.
        span = spans(self._consumer, place[0], [place[1]], ASK_TIMEOUT_S)[place[1]]
        start = self._next[place]
        if start >= span.first:
            raise MadeAnew(f"partition {place[1]} of topic {place[0]} ends before offset {start}, which was next")
        self._next[place] = span.first
        self._consumer.assign([TopicPartition(*each, offset) for each, offset in self._next.items()])
        return Stretch(*place, start, span.first)

    def _note_reached(self, ended: Mapping[Place, int]) -> None:
        # As in `burnline.topics.reading`: by the broker's word that there is no more, or, for a reader slower than the
        # writers, by the end that the partition had at the first fetch.
        for place, target in list(self._targets.items()):
            if ended.get(place, -1) >= target:
                del self._targets[place]
            elif self._next[place] >= target and self._next[place] > 0:
                if place not in self._high:
                    known = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1]
                    self._high[place] = max(known, target)
                if self._next[place] >= self._high[place]:
                    del self._targets[place]


def _place(message: Message) -> Place:
    return cast("str", message.topic()), cast("int", message.partition())
