"""Dead letters: the refused record as it came, key and value untouched, with headers that say why and where from."""

from collections.abc import Sequence
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from burnline.events.rejection import Reason

HEADER_PREFIX = "burnline-"

Headers = Sequence[tuple[str, bytes | None]]


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


def dead_letter_headers(
    rejection: Refused, *, topic: str, partition: int, offset: int, headers: Headers | None
) -> list[tuple[str, bytes | None]]:
    """The headers of a dead letter: the record's own, then Burnline's.

    Args:
        rejection: Why the record was refused.
        topic: Where it was read from.
        partition: Partition there.
        offset: Offset there.
        headers: The record's own headers, as the client gave them.
    """
    added = DeadLetterHeaders(
        reason=rejection.reason,
        field=rejection.field,
        detail=rejection.detail,
        topic=topic,
        partition=partition,
        offset=offset,
    )
    ours = added.model_dump(mode="json")
    return [*(headers or ()), *((HEADER_PREFIX + name, str(value).encode()) for name, value in ours.items())]
