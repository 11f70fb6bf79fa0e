"""How far the workers are, by what they have committed: followed with readers of our own, past every proxy."""

import json
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from burnline.kafka import Config, client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.client_log import client_log
from burnline.topics.ends import passing

_POLL_S = 0.1
_ASK_S = 5.0
_BACK_S = 60.0


class ProgressFollower:
    """Follows the progress topic from its start.

    Attributes:
        next_offset: By partition, the newest committed progress.
        backwards: Progress records that were below an earlier one of their partition; there may be none.
    """

    def __init__(self, settings: Settings) -> None:
        topics = topics_for(settings)
        self.next_offset = dict.fromkeys(range(settings.partitions), 0)
        self.backwards: list[str] = []
        self.moved_at = time.monotonic()
        self.longest_pause_s = 0.0
        """Between two progress records of whatever partition, as far as `poll` was called often enough."""
        self._usage = topics.usage.name
        config: Config = {
            **client_config(settings),
            "group.id": "unused",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "reconnect.backoff.max.ms": 500,
        }
        self._consumer = Consumer(config, logger=client_log)
        self._consumer.assign([TopicPartition(topics.progress.name, partition, 0) for partition in self.next_offset])

    @property
    def applied(self) -> int:
        """Source records that are done with, over all partitions."""
        return sum(self.next_offset.values())

    def poll(self, timeout_s: float = _POLL_S) -> None:
        """Take what has come."""
        for message in self._consumer.consume(1_000, timeout_s):
            if message.error() is not None:
                continue
            partition, value = message.partition() or 0, json.loads(message.value() or b"")
            offset = int(value["next_offset"])
            if offset < self.next_offset[partition]:
                self.backwards.append(f"partition {partition}: from {self.next_offset[partition]} back to {offset}")
            self.next_offset[partition] = offset
            now = time.monotonic()
            self.longest_pause_s = max(self.longest_pause_s, now - self.moved_at)
            self.moved_at = now

    def reset_pause(self) -> None:
        """Begin to look for the longest pause."""
        self.poll(0)
        self.moved_at = time.monotonic()
        self.longest_pause_s = 0.0

    def ends(self) -> dict[int, int]:
        """By partition, the end of the usage topic. Brokers that a fault took away are waited for."""
        return {partition: self._end(partition) for partition in self.next_offset}

    def _end(self, partition: int) -> int:
        deadline = time.monotonic() + _BACK_S
        while True:
            try:
                end: int = self._consumer.get_watermark_offsets(TopicPartition(self._usage, partition), _ASK_S)[1]
            except KafkaException as failure:
                if not passing(failure.args[0]) or time.monotonic() > deadline:
                    raise
                self.poll()
            else:
                return end

    def drain(self, *, timeout_s: float, check: Callable[[], None]) -> float:
        """Wait until everything published is applied; says for how long.

        Args:
            timeout_s: How long at most: nothing may hang.
            check: Called meanwhile; raises when waiting is pointless.

        Raises:
            TimeoutError: Partitions are behind.
        """
        ends, started = self.ends(), time.monotonic()
        while behind := {p: (self.next_offset[p], end) for p, end in ends.items() if self.next_offset[p] < end}:
            if time.monotonic() - started > timeout_s:
                raise TimeoutError(f"not drained after {timeout_s:g} s; partition: (applied, end): {behind}")
            check()
            self.poll()
        return time.monotonic() - started

    def begin_anew(self, *, timeout_s: float) -> None:
        """Wait until every partition has gone back to the start of another source topic, as it may this once.

        Raises:
            TimeoutError: One has not.
        """
        known, deadline = len(self.backwards), time.monotonic() + timeout_s
        while any(self.next_offset.values()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not at the start of another topic after {timeout_s:g} s: {self.next_offset}")
            self.poll()
        del self.backwards[known:]

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
