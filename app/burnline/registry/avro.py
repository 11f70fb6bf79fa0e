"""Avro, by fastavro."""

import io
import json
from collections.abc import Iterable
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.types import Schema

from burnline.registry.formats import Fields, Reader, Unfit, plain


def avro_reader(schema: str, references: Iterable[str]) -> Reader:
    """A reader by a schema.

    Args:
        schema: Avro's JSON.
        references: Schemas that it names, each after those that it names itself.

    Raises:
        Unfit: It is no schema of Avro's.
    """
    named: dict[str, Any] = {}
    try:
        for reference in references:
            parse_schema(json.loads(reference), named)
        parsed = parse_schema(json.loads(schema), named)
    except Exception as error:  # the library has no base class of its errors
        raise Unfit(f"no schema of Avro's: {_said(error)}") from error
    return lambda payload: _read(parsed, payload)


def _read(schema: Schema, payload: bytes) -> Fields:
    stream = io.BytesIO(payload)
    try:
        found = schemaless_reader(stream, schema, None)
    except Exception as error:  # whatever bytes that are something else lead to: there is no base class
        raise Unfit(f"no Avro of this schema: {_said(error)}") from error
    if rest := len(payload) - stream.tell():
        raise Unfit(f"no Avro of this schema: {rest} bytes are left over")
    if not isinstance(found, dict):
        raise Unfit(f"an event is a record, not {type(found).__name__}")
    fields: Fields = plain(found)
    return fields


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
