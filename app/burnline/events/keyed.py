"""Records of compacted topics that people write: read strictly, and their key must be that of their fields."""

from typing import Any, Protocol, Self, TypeVar

from pydantic import ValidationError

from burnline.events.records import object_in
from burnline.events.text import shown


class Keyed(Protocol):
    """A pydantic model that knows its key."""

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Check fields, and take them."""

    def key(self) -> str:
        """The record's key."""


Record = TypeVar("Record", bound=Keyed)


def record_in(
    model: type[Record],
    key: bytes | str | None,
    value: bytes | str,
    *,
    name: str,
    refused: type[ValueError],
    key_of: str = "its fields",
) -> Record:
    """Read a record that is no deletion.

    Args:
        model: What it has to be.
        key: Its key.
        value: Its value.
        name: What such a record is called, such as "budget".
        refused: What to raise where it is none, with its key, the field and the value; or where its key is that of
            another one, as it could not be deleted.
        key_of: The fields that make the key.
    """
    record = f"{name} {shown(key.decode(errors='replace') if isinstance(key, bytes) else key)}"
    fields = object_in(value, record, refused)
    try:
        found = model.model_validate(fields)
    except ValidationError as error:
        raise refused(f"{record}: {mistakes(error)}") from error
    wanted = found.key()
    if key not in (wanted, wanted.encode()):
        raise refused(f"{record}: {key_of} make the key {shown(wanted)}")
    return found


def mistakes(error: ValidationError) -> str:
    """All that is wrong, each with its field and value."""
    return "; ".join(_sentence(item) for item in error.errors(include_url=False))


def _sentence(item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:  # about several fields, which the sentence names; or no object at all
        return message if item["type"] == "value_error" else f"{message}, not {shown(item['input'])}"
    *path, last = map(str, item["loc"])
    field = ".".join(
        [*path, shown(last) if item["type"] == "extra_forbidden" else last]
    )  # that one is the sender's word
    value = "" if item["type"] == "missing" else f"={shown(item['input'])}"
    return f"{field}{value}: {message}"
