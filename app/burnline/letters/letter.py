"""A dead letter as a value, and as a line of a file in which people mend it. Pure."""

import base64
import binascii
import json
from typing import Any, NamedTuple

from burnline.events.dead_letters import DeadLetterHeaders

Headers = list[tuple[str, bytes | None]]


class Letter(NamedTuple):
    """A dead letter.

    Attributes:
        partition: Where it lies on `dead-letters`.
        offset: Its offset there.
        at_ms: When it was written, epoch milliseconds.
        told: Why, and where the record came from.
        key: The record's key.
        value: Its value; only the beginning, where `told.value_bytes` is set.
    """

    partition: int
    offset: int
    at_ms: int
    told: DeadLetterHeaders
    key: bytes | None
    value: bytes | None

    @property
    def origin(self) -> str:
        """Where the record came from: what it is known by, however often it becomes a dead letter."""
        return origin_of(self.told.topic, self.told.partition, self.told.offset)


class Mended(NamedTuple):
    """A record to be sent back: where it came from, and what its value is by now."""

    origin: str
    value: bytes


def origin_of(topic: str, partition: int, offset: int) -> str:
    """A record's place as one text."""
    return f"{topic}/{partition}/{offset}"


def as_line(letter: Letter) -> dict[str, Any]:
    """As `burnline dead-letters export` writes it; what is no text is in base64."""
    told = letter.told
    return {
        "origin": {"topic": told.topic, "partition": told.partition, "offset": told.offset},
        "reason": told.reason.value,
        "field": told.field,
        "detail": told.detail,
        "dead_letter": {"partition": letter.partition, "offset": letter.offset, "at_ms": letter.at_ms},
        **({"value_bytes": told.value_bytes} if told.value_bytes is not None else {}),
        **_bytes("key", letter.key),
        **_bytes("value", letter.value),
    }


def mended(line: bytes | str) -> Mended:
    """What a line of such a file says to send back. `value` may be the text of an event, or the event itself.

    Raises:
        ValueError: The line is none of them; the text says what is wrong.
    """
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("origin"), dict):
        raise ValueError("origin is missing: lines come from `burnline dead-letters export`")  # noqa: TRY004
    origin = fields["origin"]
    topic, partition, offset = (origin.get(name) for name in ("topic", "partition", "offset"))
    if not (isinstance(topic, str) and type(partition) is int and type(offset) is int):
        raise ValueError(f"origin {origin!r} does not name a topic, a partition and an offset")
    return Mended(origin_of(topic, partition, offset), _value(fields))


def _value(fields: dict[str, Any]) -> bytes:
    value = fields.get("value")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    packed = fields.get("value_base64")
    if isinstance(packed, str):
        try:
            return base64.b64decode(packed, validate=True)
        except binascii.Error as error:
            raise ValueError(f"value_base64 is no base64: {error}") from error
    raise ValueError("there is no value to send")


def _bytes(name: str, part: bytes | None) -> dict[str, str]:
    if part is None:
        return {}
    try:
        return {name: part.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(part).decode()}
