"""The formats that a registry knows: each gives a reader, from a payload to the fields that are written in it."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

Fields = dict[str, Any]
Reader = Callable[[bytes], Fields]
"""Raises `Unfit` for bytes that are not what the schema says."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Unfit(ValueError):
    """A schema, or a value, that is not what it should be; the text says how."""


def plain(value: Any, name: str = "") -> Any:
    """A value as JSON has it: times in Unix epoch milliseconds, decimals and UUIDs as text, without what is null.

    Args:
        value: What a reader has found.
        name: Of the field, for the error.

    Raises:
        Unfit: Bytes, which are no text, or a time without a zone.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): plain(one, str(key)) for key, one in value.items() if one is not None}
        case list() | tuple():
            return [plain(one, name) for one in value]
        case datetime() if value.tzinfo is not None:
            return (value - _EPOCH) // (datetime.resolution * 1_000)
        case datetime():
            raise Unfit(f"{name} is a local time, which nobody can place: use timestamp-millis")
        case Decimal():
            return f"{value:f}"
        case UUID() | date() | time():
            return str(value)
        case _:
            raise Unfit(f"{name} is of a kind that JSON does not have ({type(value).__name__})")
