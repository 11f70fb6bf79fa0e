"""Carries a renewal out: shuts the partition's owner out, reads what stands there, and writes in one transaction."""

import time
from collections.abc import Callable, Iterator

from burnline.kafka import client_config
from burnline.ledger import record, rollup
from burnline.ledger.progress import Progress
from burnline.ledger.renewal import Renewal, Standing
from burnline.settings import Settings
from burnline.stream.continuity import Continuity
from burnline.stream.restore import stored_progress
from burnline.stream.writer import TransactionalWriter
from burnline.stream.written import Outgoing
from burnline.topics.catalogue import topics_for
from burnline.topics.clients import reader
from burnline.topics.ends import open_topics, spans
from burnline.topics.errors import TopicMissing
from burnline.topics.reading import is_aborted, read_to_end

TIMEOUT_S = 60.0

Decide = Callable[[Standing], Renewal]


class Renewer:
    """Renews partitions of one deployment. All it does blocks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = topics_for(settings)
        self._config = client_config(settings)
        self._continuity = Continuity(self._config, self._topics, by_log=settings.judge_by == "log_time")

    def planned(self, partition: int, decide: Decide) -> Renewal:
        """What a renewal would come to; changes nothing.

        Raises:
            TopicError: A topic is missing, or the brokers do not answer.
            ValueError: A record cannot be read.
        """
        return decide(self._standing(partition))

    def renew(self, partition: int, decide: Decide, *, accept_loss: bool) -> Renewal:
        """Renew a partition, unless that loses something that nobody has accepted.

        A worker that owns the partition is shut out and takes it over anew, with what is written here.

        Raises:
            TopicError: A topic is missing, or the brokers do not answer or refuse.
            ValueError: A record cannot be read.
            Fenced: A worker was faster: do it again.
        """
        topics = self._topics
        state = [topics.sessions, topics.rollups, topics.event_ids]
        written = [topic.name for topic in (topics.progress, *state, topics.usage_rollups)]
        writer = TransactionalWriter(
            self._config,
            f"{self._settings.app_id}-{partition}",
            partition,
            stored_progress=lambda: stored_progress(self._config, topics, partition),
            open_topics=lambda: open_topics(self._config, written, partition, TIMEOUT_S),
            is_aborted=lambda topic, at: is_aborted(self._config, topic, partition, at, timeout_s=TIMEOUT_S),
            state_topics=[topic.name for topic in state],
            progress_topic=topics.progress.name,
        )
        writer.fence()
        previous = stored_progress(self._config, topics, partition)
        renewal = decide(self._standing(partition))
        if renewal.progress is None or (renewal.loses and not accept_loss):
            return renewal
        progress = renewal.progress.encode()
        records = [Outgoing(topic, key, None, ()) for topic, key in renewal.deleted]
        records.append(Outgoing(topics.progress.name, renewal.progress.key, progress, ()))
        writer.write(records, previous=previous, progress=progress)
        return renewal

    def _standing(self, partition: int) -> Standing:
        topics, source = self._topics, self._topics.usage.name
        found = self._continuity.facts(time.monotonic())
        for topic in (source, *self._continuity.state_topics):
            if topic not in found:
                raise TopicMissing(f"Topic {topic} does not exist; burnline topics ensure makes it.")
        value = stored_progress(self._config, topics, partition)
        sessions = dict(self._newest(topics.sessions.name, partition))
        closed = dict(self._newest(topics.rollups.name, partition))
        events = sum(record.parse(each).events for each in sessions.values())
        events += sum(sums.events for each in closed.values() for sums in rollup.decode(each).models.values())
        progress = None if value is None else Progress.decode(value)
        log = self._continuity.logs([partition])[partition]
        keys = [(topics.sessions.name, key) for key in sessions] + [(topics.rollups.name, key) for key in closed]
        for topic in (topics.event_ids.name, topics.usage_rollups.name):
            keys += [(topic, key) for key, _ in self._newest(topic, partition)]
        return Standing(
            source,
            partition,
            progress,
            events,
            keys,
            log,
            found,
            self._continuity.state_topics,
            self._ends(partition),
            regrown=progress is not None and self._continuity.regrown(progress, log) is not None,
        )

    def _ends(self, partition: int) -> dict[str, int]:
        """Where what is written now will stand, on the topics whose records of before must be told from it."""
        topics = (self._topics.sessions.name, self._topics.dead_letters.name)
        consumer = reader(self._config, {"isolation.level": "read_uncommitted"})
        try:
            return {topic: spans(consumer, topic, [partition], TIMEOUT_S)[partition].stable for topic in topics}
        finally:
            consumer.close()

    def _newest(self, topic: str, partition: int) -> Iterator[tuple[bytes, bytes]]:
        newest: dict[bytes, bytes | None] = {}
        for batch in read_to_end(self._config, topic, [partition], timeout_s=TIMEOUT_S):
            for message in batch:
                newest[message.key() or b""] = message.value()
        for key, value in newest.items():
            if value is not None:
                yield key, value
