"""What exports of other systems share: texts and counts of rows, whatever their format made of them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from burnline.imports.found import Found, OnBytes, Unread
from burnline.imports.rows import Row, read_rows

Event = dict[str, Any]
_MOST_USD = 10**6
_SMALLEST_USD = Decimal(10) ** -12


def found_in(file: Path, on_bytes: OnBytes, event_of: Callable[[Row], Event | None]) -> Iterator[Found | Unread]:
    """The events of a file's rows; `event_of` gives none for rows of another kind.

    Args:
        file: CSV, JSON lines, an array, or pages.
        on_bytes: Progress.
        event_of: The event of a row; what it raises as ValueError is why the row cannot be read.
    """
    for row in read_rows(file, on_bytes):
        if isinstance(row, Unread):
            yield row
            continue
        where, fields = row
        try:
            event = event_of(fields)
        except (ValueError, RecursionError) as error:
            yield Unread(where, str(error))
            continue
        if event is not None:
            yield Found({name: value for name, value in event.items() if value not in (None, "")}, where)


def first(row: Row, *names: str) -> Any:
    """The first of these columns that has something in it."""
    return next((row[name] for name in names if row.get(name) not in (None, "", "null", "None")), None)


def text(row: Row, *names: str) -> str | None:
    """The first of these columns, as a text."""
    found = first(row, *names)
    return None if found is None else str(found)


def count(row: Row, *names: str) -> int:
    """The first of these columns as a count; 0 without one.

    Raises:
        ValueError: It is no whole number from 0 up.
    """
    found = first(row, *names)
    if found is None:
        return 0
    try:
        number = Decimal(str(found))
        if number == number.to_integral_value() and number >= 0:
            return int(number)
    except (InvalidOperation, OverflowError):
        pass
    raise ValueError(f"{names[0]} must be a whole number from 0 up, not {found!r}")


def inner(row: Row, *names: str) -> Mapping[str, Any]:
    """The first of these columns that holds an object, which CSV has as a text of JSON; empty without one."""
    for name in names:
        found = row.get(name)
        if isinstance(found, str) and found.lstrip().startswith("{"):
            try:
                found = json.loads(found)
            except ValueError:
                continue
        if isinstance(found, Mapping):
            return found
    return {}


def reported(row: Mapping[str, Any], source: str, *names: str) -> Event:
    """What a row says that it cost, in USD; nothing where it says nothing."""
    try:
        usd = Decimal(str(first(row, *names) or 0))
    except InvalidOperation:
        return {}
    if not 0 < usd < _MOST_USD:
        return {}
    return {"reported_cost_usd": f"{usd.quantize(_SMALLEST_USD).normalize():f}", "reported_cost_source": source}


def of_a_day(who: str, occurred_at_ms: int) -> str:
    """A session for what names none: all that somebody did on a day (UTC)."""
    return f"{who}@{datetime.fromtimestamp(occurred_at_ms / 1_000, UTC).date().isoformat()}"


def name_of(source: str, *parts: object) -> str:
    """An event's id, from what makes its row the one that it is."""
    return f"{source}:" + hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
