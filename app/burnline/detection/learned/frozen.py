"""Meters as bytes, and back: each field of an object by its name, into a fresh object of the same shape."""

from collections import deque
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from burnline.detection.learned.meters import Usage, Usual

Meter = TypeVar("Meter")


def freeze(meter: object) -> bytes:
    """All fields of a meter."""
    return msgspec.msgpack.encode(_plain(meter))


def thaw(data: bytes, fresh: Meter) -> Meter:
    """A meter with the fields that were frozen.

    Args:
        data: What `freeze` made of a meter.
        fresh: Another one of its kind, as it is made: it says what belongs where.

    Raises:
        ValueError: The bytes are no such meter.
    """
    try:
        _fill(fresh, msgspec.msgpack.decode(data))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no frozen {type(fresh).__name__}: {error}") from error
    return fresh


def _names(holder: object) -> Iterator[str]:
    yield from getattr(type(holder), "__slots__", ()) or vars(holder)


def _plain(value: Any) -> Any:
    if isinstance(value, deque):
        return list(value)
    if isinstance(value, (int, float, str, list, tuple, type(None))):
        return value
    return {name: _plain(getattr(value, name)) for name in _names(value)}


def _fill(holder: Any, fields: dict[str, Any]) -> None:
    for name in _names(holder):
        setattr(holder, name, _like(getattr(holder, name), fields[name], name))


def _like(now: Any, value: Any, name: str) -> Any:
    if isinstance(now, deque):
        return deque(value, maxlen=now.maxlen)
    if isinstance(now, Usage):
        return Usage(*value)
    if name == "usual":
        return None if value is None else Usual(tuple(value[0]), *value[1:])
    if name == "seen":
        return [(when, thing) for when, thing in value]
    if isinstance(value, dict):
        _fill(now, value)
        return now
    return value
