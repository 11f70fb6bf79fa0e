"""Read what stands on the topics about one partition, so that it fits together on a live system."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Self, cast

from confluent_kafka import Message

from burnline.events.usage import END_TIME_MS
from burnline.kafka import Config
from burnline.ledger.audit.cut import Begun, Cut
from burnline.ledger.audit.letters import DeadLetters
from burnline.ledger.audit.usage_held import HeldUsage, place_of
from burnline.ledger.progress import Progress
from burnline.topics.catalogue import Topics
from burnline.topics.clients import reader
from burnline.topics.ends import Span, spans
from burnline.topics.errors import BrokerSilent, TopicMismatch, TopicMissing
from burnline.topics.reading import read_to_end

TIMEOUT_S = 30.0
"""How long the brokers may stay silent."""
SETTLE_S = 90.0
"""How long a transaction may stay open; the workers' are ended by the brokers after a minute."""
ATTEMPTS = 5
_POLL_S = 0.02

_log = logging.getLogger(__name__)


class CutReader:
    """Reads cuts; a context manager, since it keeps two clients that ask where partitions end."""

    def __init__(self, config: Config, topics: Topics, clock_ms: Callable[[], int]) -> None:
        self._config = config
        self._topics = topics
        self._clock_ms = clock_ms
        self._committed = reader(config)
        self._written = reader(config, {"isolation.level": "read_uncommitted"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._committed.close()
        self._written.close()

    def refuse_other_partitions(self, partitions: int) -> None:
        """Make sure that nothing lies where it would not be looked for.

        Raises:
            TopicMissing: A topic does not exist.
            TopicMismatch: Topics have other partitions than these.
        """
        # All topics are asked for, never one by name: a question by name may make a broker create the topic.
        found = self._committed.list_topics(timeout=TIMEOUT_S).topics
        mistakes = []
        topics = self._topics
        for spec in (topics.usage, topics.sessions, topics.rollups, topics.usage_rollups, topics.dead_letters):
            if spec.name not in found:
                raise TopicMissing(f"Topic {spec.name} does not exist.")
            if len(found[spec.name].partitions) != partitions:
                mistakes.append(
                    f"Topic {spec.name} has {len(found[spec.name].partitions)} partitions, not {partitions}."
                )
        if mistakes:
            raise TopicMismatch(mistakes)

    def log_span(self, partition: int) -> Span:
        """Where the source log begins and ends for readers of committed records."""
        return spans(self._committed, self._topics.usage.name, [partition], TIMEOUT_S)[partition]

    def progress(self, partition: int) -> Progress | None:
        """The newest progress.

        Raises:
            ValueError: It cannot be read.
            TopicError: The brokers do not allow to.
        """
        value = self._newest(self._topics.progress.name, partition).get(str(partition).encode())
        return None if value is None else Progress.decode(value)

    def cut(self, partition: int) -> Cut:
        """What stands on the topics.

        Raises:
            ValueError: The progress cannot be read.
            TopicError: The brokers do not allow to.
        """
        for _ in range(ATTEMPTS):
            before = self._newest(self._topics.rollups.name, partition)
            progress = self.progress(partition)
            begun = Begun.of(progress)
            ledgers = self._newest(self._topics.sessions.name, partition)
            after = self._newest(self._topics.rollups.name, partition)
            if before == after:
                break
            _log.info("partition %d: sessions are being retired, reading again", partition)
        return Cut(
            partition=partition,
            progress=progress,
            ledgers={key.decode(errors="replace"): value for key, value in ledgers.items()},
            rollups=list(after.values()) if before == after else None,
            usage=self._usage(partition, begun.offset_base if begun else 0),
            letters=self._dead_letters(partition, begun),
            progress_after=self.progress(partition),
            taken_at_ms=self._clock_ms(),
        )

    def _dead_letters(self, partition: int, begun: Begun | None) -> DeadLetters:
        topic = self._topics.dead_letters.name
        self._settle(topic, partition)
        first = spans(self._committed, topic, [partition], TIMEOUT_S)[partition].first
        of_now = begun.offsets.get(topic, 0) if begun else 0
        letters = DeadLetters(self._topics.usage.name, partition, beginning_lost=first > of_now)
        for batch in read_to_end(self._config, topic, [partition], timeout_s=TIMEOUT_S):
            for message in batch:
                headers = cast("list[tuple[str, bytes | None]] | None", message.headers())
                if cast("int", message.offset()) >= of_now:
                    letters.add(cast("int", message.offset()), headers)
        letters.in_order()
        return letters

    def _usage(self, partition: int, offset_base: int) -> HeldUsage:
        """The usage rollups, without quarters that began before the oldest event that is left: they say nothing.

        They are kept many times as long as the log.
        """
        topic = self._topics.usage_rollups.name
        from_ms = self._log_from_ms(partition)
        self._settle(topic, partition)
        first = spans(self._committed, topic, [partition], TIMEOUT_S)[partition].first
        newest: dict[bytes, bytes] = {}
        since: int | None = None
        oldest_ms = None
        for batch in read_to_end(self._config, topic, [partition], timeout_s=TIMEOUT_S):
            oldest_ms = oldest_ms or batch[0].timestamp()[1]
            for message in batch:
                key, value = message.key() or b"", message.value()
                place = place_of(key)
                if value is None:
                    newest.pop(key, None)
                    continue
                if place is not None and place.since_offset < offset_base:
                    continue
                if place is not None:
                    since = place.since_offset if since is None else min(since, place.since_offset)
                if place is None or place.quarter_start_ms >= from_ms:
                    newest[key] = value
        return HeldUsage(list(newest.items()), since, first, oldest_ms, offset_base)

    def _log_from_ms(self, partition: int) -> int:
        """When the oldest event that is left was written: 0 where none is gone, the end of time where none is left."""
        topic = self._topics.usage.name
        if self.log_span(partition).first == 0:
            return 0
        for batch in read_to_end(self._config, topic, [partition], timeout_s=TIMEOUT_S):
            return max(0, batch[0].timestamp()[1])
        return END_TIME_MS

    def _newest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """The newest value of each key, deleted ones left out."""
        newest: dict[bytes, bytes] = {}
        for message in self._settled(topic, partition):
            key, value = message.key() or b"", message.value()
            if value is None:
                newest.pop(key, None)
            else:
                newest[key] = value
        return newest

    def _settled(self, topic: str, partition: int) -> Iterator[Message]:
        self._settle(topic, partition)
        for batch in read_to_end(self._config, topic, [partition], timeout_s=TIMEOUT_S):
            yield from batch

    def _settle(self, topic: str, partition: int) -> None:
        """Wait until readers see all that is written by now.

        A commit shows at different moments on the partitions that it spans. Whoever has seen it on one of them knows
        that its records are written on the others, and that they will be seen there before what is written later.

        Raises:
            BrokerSilent: A transaction stays open.
        """
        wanted = spans(self._written, topic, [partition], TIMEOUT_S)[partition].stable
        deadline = time.monotonic() + SETTLE_S
        while spans(self._committed, topic, [partition], TIMEOUT_S)[partition].stable < wanted:
            if time.monotonic() > deadline:
                raise BrokerSilent(f"A transaction on partition {partition} of {topic} is open for {SETTLE_S:g} s.")
            time.sleep(_POLL_S)
