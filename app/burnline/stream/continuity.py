"""Asks whether a partition's topics fit together: before it is taken over, when it is restored, and at each flush.

What fits is decided by `burnline.ledger.continuity`; here are the questions to the brokers, and what they cost: one
for the topics' ids per flush of a worker, and one per partition for its offsets when it is taken over.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from burnline.kafka import Config
from burnline.ledger import continuity
from burnline.ledger.continuity import Log, Misfit, State, TopicFacts
from burnline.ledger.lineage import Lineage
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.progress import Progress
from burnline.stream.restore import stored_progress
from burnline.topics.catalogue import Topics
from burnline.topics.clients import reader
from burnline.topics.ends import is_beyond_end, spans
from burnline.topics.errors import BrokerSilent
from burnline.topics.facts import TopicWatch
from burnline.topics.reading import read_to_end, taken_at_ms
from burnline.topics.refusal import Cause, Refusal, Refused

TIMEOUT_S = 20.0
CONFIRM_S = 2.0
LOOK_EVERY_S = 2.0
"""So old may be what is known of the topics while nothing is written."""

_log = logging.getLogger(__name__)


class _Refused(NamedTuple):
    """A partition that did not fit, and with what."""

    refusal: Refusal
    progress_record: bytes | None
    found: Mapping[str, TopicFacts]


class Broken(Refused):
    """A partition that was owned cannot go on: its topics are other ones by now."""


class Continuity:
    """Judges one worker's partitions. What asks blocks: call it off the event loop."""

    def __init__(self, config: Config, topics: Topics, *, by_log: bool) -> None:
        """Ask nothing yet.

        Args:
            config: librdkafka configuration that reaches the brokers.
            topics: Of the deployment.
            by_log: Whether progress says when the log took the newest record, and not when its event happened.
        """
        self._config = config
        self._by_log = by_log
        self._topics = topics
        self.state_topics = [
            topic.name
            for topic in (topics.progress, topics.sessions, topics.rollups, topics.usage_rollups, topics.event_ids)
        ]
        written = [*self.state_topics, topics.anomalies.name, topics.dead_letters.name]
        self._watch = TopicWatch(config, [topics.usage.name, *written])
        self._refused: dict[int, _Refused] = {}

    def facts(self, since_s: float) -> Mapping[str, TopicFacts]:
        """What brokers said about the topics at a moment of the monotonic clock, or since.

        Raises:
            TopicError: They are silent, or refuse.
        """
        return self._watch.since(since_s, TIMEOUT_S)

    def before(self, partition: int) -> Refusal | None:
        """Why a partition must not even be asked about, or is refused as it was the last time."""
        found = self.facts(time.monotonic() - LOOK_EVERY_S)
        source = self._topics.usage
        misfit = continuity.of_topics(source.name, Lineage(), found)  # that it exists
        if misfit is None and partition >= source.partitions:
            misfit = continuity.of_growth(source.name, found[source.name].partitions, source.partitions)
        misfit = misfit or continuity.of_partitions(source.name, found, partition)
        if misfit is not None:
            return _refusal(misfit)
        known = self._refused.get(partition)
        if known is None:
            return None
        if known.found == found and known.progress_record == stored_progress(self._config, self._topics, partition):
            return known.refusal  # restoring it again would come to the same
        del self._refused[partition]
        return None

    def restored(
        self, ledger: PartitionLedger, progress_record: bytes | None, other_records: Mapping[str, int]
    ) -> Refusal | None:
        """Why a restored ledger cannot be counted on with; if it can, it is made ready for that.

        Args:
            ledger: With all that was committed for it.
            progress_record: The newest one.
            other_records: Records on topics that hold no ledgers, by topic name.
        """
        found = self.facts(time.monotonic() - LOOK_EVERY_S)
        progress = None if progress_record is None else Progress.decode(progress_record)
        log = self.logs([ledger.partition])[ledger.partition]
        held = ledger.events_held()
        refusal = self._misfit(ledger.partition, progress, log, State(held, other_records), found)
        if refusal is not None:
            self._refused[ledger.partition] = _Refused(refusal, progress_record, found)
            return refusal
        lineage = continuity.renewed(ledger.lineage, self._topics.usage.name, self.state_topics, found, held)
        ledger.belong_to(lineage)
        self.skip_gap(ledger, log)
        return None

    def _misfit(
        self, partition: int, progress: Progress | None, log: Log, state: State, found: Mapping[str, TopicFacts]
    ) -> Refusal | None:
        topics, source = self._topics, self._topics.usage.name
        if progress is None:
            state = state._replace(other_records={**state.other_records, **self._usage_rollups(partition)})
        ledger_topics = f"topics {topics.sessions.name} and {topics.rollups.name}"
        misfit = None
        if progress is not None:
            lineage = progress.lineage or Lineage()
            misfit = continuity.of_source(source, progress) or continuity.of_topics(source, lineage, found)
        misfit = misfit or continuity.of_state(topics.progress.name, progress, state, ledger_topics)
        if misfit is not None:
            return _refusal(misfit)
        if progress is None:
            return None
        return self.lost_end(progress, log) or self.regrown(progress, log)

    def _usage_rollups(self, partition: int) -> dict[str, int]:
        """Whether there are any: nobody restores them, but who counts anew would add to them."""
        topic = self._topics.usage_rollups.name
        for batch in read_to_end(self._config, topic, [partition], timeout_s=TIMEOUT_S):
            return {topic: len(batch)}
        return {}

    def lost_end(self, progress: Progress, log: Log) -> Refusal | None:
        """That the log ends before what was counted."""
        source, partition, offset = self._topics.usage.name, progress.source_partition, progress.next_offset
        misfit = continuity.of_log(source, progress, log)
        if misfit is None or not is_beyond_end(self._config, source, partition, offset, CONFIRM_S):
            return None
        return _refusal(misfit)

    def regrown(self, progress: Progress, log: Log) -> Refusal | None:
        """That the log has lost its end and grown past what was counted: another record stands there now."""
        last = progress.next_offset - 1
        if not self._by_log or not log.first <= last < log.end:
            return None
        source, partition = self._topics.usage.name, progress.source_partition
        taken_ms = taken_at_ms(self._config, source, partition, last, timeout_s=TIMEOUT_S)
        misfit = continuity.of_last(source, progress, taken_ms)
        return None if misfit is None else _refusal(misfit)

    def logs(self, partitions: Iterable[int]) -> dict[int, Log]:
        """Where partitions of the source topic begin and end.

        Raises:
            TopicError: The brokers are silent, or refuse.
        """
        consumer = reader(self._config)
        try:
            found = spans(consumer, self._topics.usage.name, list(partitions), TIMEOUT_S)
            return {partition: Log(span.first, span.stable) for partition, span in found.items()}
        finally:
            consumer.close()

    def skip_gap(self, ledger: PartitionLedger, log: Log) -> int:
        """Go on behind what is gone from the log; how many offsets that loses."""
        first = ledger.next_offset
        lost = ledger.skip_to(log.first)
        if lost:
            _log.error(
                "partition %d: offsets %d to %d were gone from topic %s before they were read: %d events at most",
                ledger.partition,
                first,
                log.first - 1,
                self._topics.usage.name,
                lost,
            )
        return lost

    def broken(self, ledger: PartitionLedger, since_s: float) -> Refusal | None:
        """Why a ledger cannot go on that could before: a topic of its own is gone, or another one by now.

        Args:
            ledger: Of an owned partition.
            since_s: The brokers are to be asked at this moment of the monotonic clock, or since. What was read before
                it was read from the topic that they name.
        """
        try:
            found = self.facts(since_s)
        except BrokerSilent as silence:
            _log.warning("partition %d: %s", ledger.partition, silence)  # who writes to them will wait for them
            return None
        misfit = continuity.of_topics(self._topics.usage.name, ledger.lineage, found)
        return None if misfit is None else _refusal(misfit)

    def check(self, ledger: PartitionLedger, since_s: float) -> None:
        """As `broken`.

        Raises:
            Broken: It cannot go on.
        """
        refusal = self.broken(ledger, since_s)
        if refusal is not None:
            raise Broken(refusal)

    def unread(self) -> dict[int, Refusal]:
        """Partitions of the source topic that nobody reads, since it has grown."""
        try:
            found = self.facts(time.monotonic() - LOOK_EVERY_S)
        except BrokerSilent:
            return {}  # said elsewhere
        source = self._topics.usage
        have = found[source.name].partitions if source.name in found else 0
        misfit = continuity.of_growth(source.name, have, source.partitions)
        return {} if misfit is None else dict.fromkeys(range(source.partitions, have), _refusal(misfit))


def _refusal(misfit: Misfit) -> Refusal:
    return Refusal(Cause.DOES_NOT_FIT, f"topic {misfit.topic}", misfit.reason, misfit.cure)
