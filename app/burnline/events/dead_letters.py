"""Dead letters: the refused record as it came, key and value untouched, with headers that say why and where from.

One that is larger than its topic takes, as a record that was small compressed may be, is cut: its beginning stays, and
headers say how long it was, which hash it has, and where it lies whole.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from burnline.events.rejection import Reason

HEADER_PREFIX = "burnline-"

Headers = Sequence[tuple[str, bytes | None]]

KEPT_VALUE_BYTES = 65_536
KEPT_KEY_BYTES = 1_024
"""What stays of a dead letter that is too large."""


class Refused(Protocol):
    """What a dead letter has to know of a refusal; `Rejection` and `Fault` are such."""

    @property
    def reason(self) -> Reason:
        """What is wrong."""

    @property
    def field(self) -> str:
        """Field at fault, or an empty string."""

    @property
    def detail(self) -> str:
        """One sentence for people."""


class DeadLetterHeaders(BaseModel):
    """The headers that Burnline adds to a dead letter, each under its name here with `burnline-` before it.

    Values are UTF-8 text. They come after the record's own headers: if one of those has the same name, as in a record
    that was refused before and sent again, the last one counts.
    """

    model_config = ConfigDict(frozen=True)

    reason: Reason = Field(description="What is wrong, as a stable label.")
    field: str = Field(description="Field at fault; empty when none can be named.")
    detail: str = Field(description="One sentence for people, with the value at fault, shortened.")
    topic: str = Field(description="Topic that the record was read from.")
    partition: int = Field(ge=0, description="Its partition there.")
    offset: int = Field(ge=0, description="Its offset there.")
    value_bytes: int | None = Field(None, ge=0, description="Length of the whole value, if only its beginning is here.")
    value_sha256: str | None = Field(None, description="SHA-256 of the whole value in hexadecimal, in that case.")
    key_bytes: int | None = Field(None, ge=0, description="Length of the whole key, if only its beginning is here.")
    headers_bytes: int | None = Field(None, ge=0, description="Length of the record's own headers, if left out.")

    @classmethod
    def from_kafka(cls, headers: Headers | None) -> Self:
        """Read them back from a dead letter.

        Raises:
            pydantic.ValidationError: If one is missing or makes no sense.
        """
        ours = {
            name.removeprefix(HEADER_PREFIX): value.decode("utf-8", "replace")
            for name, value in headers or ()
            if name.startswith(HEADER_PREFIX) and value is not None
        }
        return cls.model_validate(ours)


class DeadLetter(NamedTuple):
    """A record for the topic of dead letters."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def dead_letter(
    rejection: Refused,
    *,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Headers | None,
    most_bytes: int,
) -> DeadLetter:
    """The dead letter of a record.

    Args:
        rejection: Why the record was refused.
        topic: Where it was read from.
        partition: Partition there.
        offset: Offset there.
        key: Its key.
        value: Its value.
        headers: The record's own headers, as the client gave them.
        most_bytes: Key, value and the record's own headers together; a larger one is cut.
    """
    own = list(headers or ())
    added = DeadLetterHeaders(
        reason=rejection.reason,
        field=rejection.field,
        detail=rejection.detail,
        topic=topic,
        partition=partition,
        offset=offset,
    )
    size = _bytes_of(key) + _bytes_of(value) + _bytes_of_all(own)
    if size > most_bytes and value is not None and len(value) > KEPT_VALUE_BYTES:
        cut = {"value_bytes": len(value), "value_sha256": hashlib.sha256(value).hexdigest()}
        added = added.model_copy(update=cut)
        size, value = size - len(value) + KEPT_VALUE_BYTES, value[:KEPT_VALUE_BYTES]
    if size > most_bytes and own:
        added = added.model_copy(update={"headers_bytes": _bytes_of_all(own)})
        size, own = size - _bytes_of_all(own), []
    if size > most_bytes and key is not None and len(key) > KEPT_KEY_BYTES:
        added = added.model_copy(update={"key_bytes": len(key)})
        key = key[:KEPT_KEY_BYTES]
    return DeadLetter(key, value, own + _named(added))


def _named(headers: DeadLetterHeaders) -> list[tuple[str, bytes | None]]:
    ours = headers.model_dump(mode="json", exclude_none=True)
    return [(HEADER_PREFIX + name, str(value).encode()) for name, value in ours.items()]


def _bytes_of(part: bytes | None) -> int:
    return len(part or b"")


def _bytes_of_all(headers: Headers) -> int:
    return sum(len(name.encode()) + _bytes_of(value) for name, value in headers)
