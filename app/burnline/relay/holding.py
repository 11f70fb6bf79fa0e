"""Partitions that wait for what it takes to read their next record: nothing is lost, passed over or out of order."""

import logging
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from confluent_kafka import Consumer, Message, TopicPartition

RETRY_S: Final = 1.0
Partition = tuple[str, int]

_log = logging.getLogger(__name__)


class _Held(NamedTuple):
    messages: list[Message]
    reason: str
    due_s: float


class Holding:
    """Keeps records of partitions that wait, and lets the brokers give no more of these meanwhile."""

    def __init__(self) -> None:
        self._held: dict[Partition, _Held] = {}

    @property
    def reasons(self) -> list[str]:
        """What is waited for, each with the partitions that do."""
        waiting: dict[str, list[str]] = {}
        for (topic, number), held in sorted(dict(self._held).items()):
            waiting.setdefault(held.reason, []).append(f"{topic}/{number}")
        return [f"{reason} ({', '.join(partitions)})" for reason, partitions in waiting.items()]

    def __len__(self) -> int:
        return len(self._held)

    def put(self, consumer: Consumer, messages: Sequence[Message], reason: str, now_s: float) -> None:
        """Keep records of one partition, the first of which cannot be read now."""
        partition = partition_of(messages[0])
        if partition not in self._held:
            _log.warning("%s/%d waits: %s", *partition, reason)
            consumer.pause([TopicPartition(*partition)])
        self._held[partition] = _Held(list(messages), reason, now_s + RETRY_S)

    def due(self, now_s: float) -> list[Message]:
        """Records whose time has come; they are held until they are let go or put in again."""
        return [message for held in list(self._held.values()) if held.due_s <= now_s for message in held.messages]

    def let_go(self, consumer: Consumer, partition: Partition) -> None:
        """Their records were read: the brokers may go on."""
        if self._held.pop(partition, None) is not None:
            _log.info("%s/%d goes on", *partition)
            consumer.resume([TopicPartition(*partition)])

    def forget(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """They are somebody else's now, who begins at what is committed."""
        for one in partitions:
            if self._held.pop((one.topic, one.partition), None) is not None:
                consumer.resume([TopicPartition(one.topic, one.partition)])


def partition_of(message: Message) -> Partition:
    """Where a record is from."""
    return cast("str", message.topic()), cast("int", message.partition())
