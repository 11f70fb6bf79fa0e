"""Any CSV, JSON lines or Parquet, by a mapping that says which column is which field of a usage event.

    # mapping.toml
    [fields]
    event_id = "request_id"
    occurred_at = "started"                      # ISO 8601, or epoch seconds or milliseconds
    session_id = "conversation.id"               # a dot goes into an object, in JSON lines
    model = "model"
    input_tokens = ["prompt_tokens", "cached"]   # several are added up: where the source counts cached ones apart
    cached_input_tokens = "cached"
    output_tokens = "completion_tokens"

    [constants]
    provider = "openai"
    agent_id = "support-bot"

Without an `event_id` it is derived from the whole row, so equal rows count once.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from burnline.events.contract import UsageEvent
from burnline.imports.found import Found, OnBytes, Unread, epoch_ms_of, whole_lines
from burnline.imports.rows import csv_rows

AGENT = "imported"
FIELDS = frozenset(UsageEvent.model_fields) - {"tags"}
_NUMBERS = frozenset(name for name in FIELDS if name.endswith(("_tokens", "_count")))
_Row = TypeVar("_Row")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class MappingError(ValueError):
    """The mapping makes no sense; the sentence names its file and field."""


class FieldMapping:
    """Which column is which field.

    Args:
        columns: By field, the columns it is made of; several are added up.
        constants: Fields that every row has.
    """

    def __init__(self, columns: Mapping[str, list[str]], constants: Mapping[str, Any]) -> None:
        self._columns = columns
        self._constants = constants

    @classmethod
    def from_file(cls, file: Path) -> "FieldMapping":
        """Read a mapping.

        Raises:
            MappingError: It is no TOML, or names a field that a usage event has not.
        """
        try:
            told = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MappingError(f"{file}: {error}") from error
        columns, constants = told.pop("fields", {}), told.pop("constants", {})
        if told or not isinstance(columns, dict) or not isinstance(constants, dict):
            raise MappingError(f"{file}: it has a table [fields], and maybe [constants], and nothing else")
        for name in (*columns, *constants):
            if name not in FIELDS:
                raise MappingError(f"{file}: {name!r} is no field of a usage event: {', '.join(sorted(FIELDS))}")
        listed = {name: [column] if isinstance(column, str) else column for name, column in columns.items()}
        for name, several in listed.items():
            if not isinstance(several, list) or not all(isinstance(each, str) for each in several) or not several:
                raise MappingError(f"{file}: {name} must be a column's name or a list of some, not {several!r}")
            if len(several) > 1 and name not in _NUMBERS:
                raise MappingError(f"{file}: {name} is no count, so it is one column, not {several!r}")
        return cls(listed, constants)

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The event of a row.

        Raises:
            ValueError: A column has no number where one is wanted, or no time; or there is no such column.
        """
        event = dict(self._constants)
        for name, columns in self._columns.items():
            values = [value for column in columns if (value := _value(row, column)) not in (None, "")]
            if not values:
                continue
            if name in _NUMBERS:
                event[name] = sum(_number(name, value) for value in values)
            else:
                event[name] = epoch_ms_of(values[0]) if name == "occurred_at" else str(values[0])
        for name in ("input_tokens", "output_tokens"):
            event.setdefault(name, 0)
        if "occurred_at" not in event:
            raise ValueError("occurred_at is missing")
        event.setdefault("event_id", "row:" + hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:32])
        return event


def read_jsonl(file: Path, mapping: FieldMapping, on_bytes: OnBytes) -> Iterator[Found | Unread]:
    """Each line of a file of JSON objects."""
    for number, line in whole_lines(file, on_bytes):
        if line.strip():
            yield mapped_row(f"{file}:{number}", line, lambda line: mapping.event(_decode(line)))


def read_csv(file: Path, mapping: FieldMapping, on_bytes: OnBytes) -> Iterator[Found | Unread]:
    """Each row of a CSV file with a header; commas, semicolons or tabs."""
    for row in csv_rows(file, on_bytes):
        yield row if isinstance(row, Unread) else mapped_row(*row, mapping.event)


def mapped_row(where: str, row: _Row, event: Callable[[_Row], dict[str, Any]]) -> Found | Unread:
    """The event of a row, or why it has none."""
    try:
        return Found(event(row), where)
    except (ValueError, RecursionError) as error:
        return Unread(where, str(error))


def _value(row: Mapping[str, Any], column: str) -> Any:
    if column in row:
        return row[column]
    found: Any = row
    for name in column.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def _number(name: str, value: object) -> int:
    try:
        number = float(str(value))
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{name} must be a whole number, not {value!r}")
