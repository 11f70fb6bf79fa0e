"""What one record comes to, whatever it was. Pure."""

from collections import Counter
from typing import NamedTuple

from burnline.events.dead_letters import DeadLetter, Headers, dead_letter
from burnline.events.rejection import Fault
from burnline.topics.catalogue import DEAD_LETTER_MAX_BYTES, MIB

PUBLISHED = "published"
SOURCE_HEADER = "burnline-source"
MOST_DEAD_LETTER_BYTES = DEAD_LETTER_MAX_BYTES - MIB


class NotYet(Exception):
    """What it takes to read a record is not there now: its partition waits. The text says what is missing."""


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Record(NamedTuple):
    """A record to read."""

    place: Place
    key: bytes | None
    value: bytes | None
    headers: Headers


class Usage(NamedTuple):
    """A usage event for `usage`; the worker says what is wrong with it, if anything is."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Transformed(NamedTuple):
    """What one record comes to.

    Attributes:
        usage: Events to publish, in the order of the record.
        letter: Where the record cannot be read: itself, and why.
        outcomes: How many of what stands in it became what.
    """

    usage: list[Usage]
    letter: DeadLetter | None
    outcomes: Counter[str]


def source_of(place: Place) -> tuple[str, bytes | None]:
    """The header that says which record an event came from."""
    return SOURCE_HEADER, str(place).encode()


def refused(record: Record, fault: Fault) -> Transformed:
    """A record that cannot be read, put aside."""
    place = record.place
    letter = dead_letter(
        fault, topic=place.topic, partition=place.partition, offset=place.offset, key=record.key, value=record.value,
        headers=record.headers, most_bytes=MOST_DEAD_LETTER_BYTES,
    )  # fmt: skip
    return Transformed([], letter, Counter())
