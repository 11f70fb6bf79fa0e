"""Cursors: where a page ended, as text that callers hand back and need not understand.

A cursor is a place in an order, not a number of rows: what comes or goes elsewhere shifts nothing, and a row that stays
where it is comes exactly once.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query

from burnline.api.problems import Problem

MAX_LENGTH = 2_048

Shape = TypeVar("Shape", bound=tuple[Any, ...])

CursorText = Annotated[
    str | None,
    Query(max_length=MAX_LENGTH, description="`next_cursor` of the page before, with the same order and filters."),
]


def write_cursor(order: str, place: tuple[Any, ...]) -> str:
    """The cursor of a place in an order."""
    return urlsafe_b64encode(json.dumps([order, list(place)]).encode()).decode().rstrip("=")


def read_cursor(text: str | None, order: str, shape: type[Shape]) -> Shape | None:
    """The place that a cursor names.

    Args:
        text: The cursor; None is the beginning.
        order: The order that is asked for; the cursor has to be one of it.
        shape: The place's type, a NamedTuple.

    Raises:
        Problem: 422, it is no cursor of this order.
    """
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        found_order, place = msgspec.convert(json.loads(urlsafe_b64decode(padded)), tuple[str, list[Any]])
        if found_order != order:
            raise Problem(422, f"query.cursor: It is one of the order {found_order!r:.64}.", kind="invalid-cursor")
        found: Shape = msgspec.convert(place, shape)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Problem(422, "query.cursor: It is no cursor that was given out here.", kind="invalid-cursor") from error
    return found
