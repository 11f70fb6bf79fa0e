"""Confluent's wire format: which schema a value was written by, and where it begins. Pure.

Before the value stands a byte 0 and a schema's id in four bytes, or a byte 1 and its GUID in sixteen. Newer serializers
put the same into the header `__value_schema_id` and leave the value alone.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

SCHEMA_HEADER = "__value_schema_id"
KEY_SCHEMA_HEADER = "__key_schema_id"
_ID_BYTES, _GUID_BYTES = 4, 16


class Frame(NamedTuple):
    """A framed value.

    Attributes:
        schema: The schema's id, or its GUID.
        payload: What follows: of Protobuf the message's index within its file, and then the value.
    """

    schema: int | UUID
    payload: bytes


def frame_of(value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> Frame | None:
    """The frame of a record's value; None if it has none."""
    told = next((given for name, given in headers if name == SCHEMA_HEADER and given), b"")
    if (by_header := _split(told)) is not None:
        return by_header._replace(payload=by_header.payload + value)
    return _split(value)


def shown_schema(schema: int | UUID) -> str:
    """For a sentence."""
    return f"schema {'id' if isinstance(schema, int) else 'GUID'} {schema}"


def _split(framed: bytes) -> Frame | None:
    if framed[:1] == b"\0" and len(framed) > _ID_BYTES:
        return Frame(int.from_bytes(framed[1 : 1 + _ID_BYTES], "big"), framed[1 + _ID_BYTES :])
    if framed[:1] == b"\1" and len(framed) > _GUID_BYTES:
        return Frame(UUID(bytes=framed[1 : 1 + _GUID_BYTES]), framed[1 + _GUID_BYTES :])
    return None
