"""One record of the Collector into records of ours. Pure: what it is, is in its bytes."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from burnline.events.dead_letters import DeadLetter, Headers, dead_letter
from burnline.events.rejection import Fault, Reason
from burnline.otel.logs import usage_of_logs
from burnline.otel.mapping import Event, Rules, Skipped
from burnline.otel.spans import usage_of_spans
from burnline.otel.wire import NotOtlp, read_logs, read_spans
from burnline.topics.catalogue import DEAD_LETTER_MAX_BYTES, MIB

PUBLISHED = "published"
SOURCE_HEADER = "burnline-source"
MOST_DEAD_LETTER_BYTES = DEAD_LETTER_MAX_BYTES - MIB

_encode = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Usage(NamedTuple):
    """A usage event for `usage`; the worker says what is wrong with it, if anything is."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Transformed(NamedTuple):
    """What one record comes to.

    Attributes:
        usage: Events to publish, in the order of the record.
        letter: Where the record is no OTLP: itself, and why.
        outcomes: How many spans or log records became what.
    """

    usage: list[Usage]
    letter: DeadLetter | None
    outcomes: Counter[str]


def transform(
    place: Place, key: bytes | None, value: bytes | None, headers: Headers | None, *, logs: bool, rules: Rules
) -> Transformed:
    """Read one record.

    Args:
        place: Where it stands.
        key: Its key.
        value: Its value: an export of spans, or of log records.
        headers: Its headers.
        logs: Which of the two.
        rules: What the operator decides.
    """
    try:
        events = read_events(value or b"", logs=logs, rules=rules)
    except NotOtlp as error:
        fault = Fault(Reason.NOT_OTLP, "", str(error)[:300])
        letter = dead_letter(
            fault, topic=place.topic, partition=place.partition, offset=place.offset, key=key, value=value,
            headers=headers, most_bytes=MOST_DEAD_LETTER_BYTES,
        )  # fmt: skip
        return Transformed([], letter, Counter())
    source = [(SOURCE_HEADER, str(place).encode())]
    usage = [_usage(event, source) for event in events if not isinstance(event, Skipped)]
    outcomes = Counter(event.value if isinstance(event, Skipped) else PUBLISHED for event in events)
    return Transformed(usage, None, outcomes)


def read_events(value: bytes, *, logs: bool, rules: Rules) -> Sequence[Event | Skipped]:
    """What each span or log record of an export comes to.

    Raises:
        NotOtlp: It is no such export.
    """
    return usage_of_logs(read_logs(value), rules) if logs else usage_of_spans(read_spans(value), rules)


def _usage(event: Event, headers: list[tuple[str, bytes]]) -> Usage:
    # A session that is no text is refused by the worker; until then any key is as good.
    return Usage(str(event.get("session_id", "")).encode("utf-8", "replace"), _encode(event), headers)
