"""Consecutive records of one partition of the source topic, on their way from a reader to the ledgers."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from burnline.topics.envelopes import event_of

Headers = list[tuple[str, bytes | None]]


class Records(Protocol):
    """Records ascending by offset, at least one."""

    @property
    def offsets(self) -> "array[int]":
        """Of each."""

    @property
    def values(self) -> Sequence[bytes | None]:
        """The event of each: its value, with the envelope that is in its headers if it is a CloudEvent."""

    @property
    def logged_ms(self) -> "array[int]":
        """When the log took each, epoch milliseconds."""

    @property
    def by_clock(self) -> int:
        """Of how many that is the worker's own time of reading them: the topic does not say it."""

    @property
    def first_written_ms(self) -> int:
        """When the first one was written to the topic, epoch milliseconds."""

    @property
    def last_written_ms(self) -> int:
        """When the last one was."""

    def key(self, index: int) -> bytes | None:
        """A record's key."""

    def value(self, index: int) -> bytes | None:
        """A record's value as it stands."""

    def headers(self, index: int) -> Headers | None:
        """A record's headers, in their order."""


class MessageRecords:
    """Records of which each is a `Message`."""

    def __init__(self, messages: Sequence[Message], now_ms: int) -> None:
        """Take messages that were read at `now_ms`."""
        self._messages = messages
        self.offsets = array("q", [message.offset() or 0 for message in messages])
        self.values = [event_of(message) for message in messages]
        stamps = [message.timestamp() for message in messages]
        self.logged_ms = array("q", [at_ms if kind == TIMESTAMP_LOG_APPEND_TIME else now_ms for kind, at_ms in stamps])
        self.by_clock = sum(kind != TIMESTAMP_LOG_APPEND_TIME for kind, _ in stamps)
        self.first_written_ms: int = stamps[0][1]
        self.last_written_ms: int = stamps[-1][1]

    def key(self, index: int) -> bytes | None:
        """A record's key."""
        return self._messages[index].key()

    def value(self, index: int) -> bytes | None:
        """A record's value as it stands."""
        return self._messages[index].value()

    def headers(self, index: int) -> Headers | None:
        """A record's headers, in their order."""
        found: Headers | None = self._messages[index].headers()  # type: ignore[assignment]  # they are lists of bytes
        return found


class RecordBatch(NamedTuple):
    """Consecutive records of one partition.

    Attributes:
        partition: Of the source topic.
        start: The position before the first record. Batches of a partition chain: the next one starts where this one
            ends, so a lost batch shows.
        records: The records.
    """

    partition: int
    start: int
    records: Records

    @property
    def end(self) -> int:
        """The position behind the last record."""
        return self.records.offsets[-1] + 1
