"""Kept sort orders of the active sessions: a change moves one row, a request walks from its cursor.

An order is a sorted list of (value, session, org). Finding a place is a binary search, making room for it a memmove, so
a change costs some microseconds among 10,000 rows, and a page none for the rows that it does not show. An order exists
from the first request for it until nobody has asked for a while: there are more columns than anybody sorts by.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from burnline.api.view.active import ActiveSession, RowId

UNUSED_AFTER_S = 120.0


class Column(StrEnum):
    """What active sessions can be sorted by: every column that is a number."""

    BURN_SHORT = "burn_short"
    BURN_LONG = "burn_long"
    RATIO = "ratio"
    SPEND = "spend"
    BASELINE = "baseline"
    LAST_EVENT_AT = "last_event_at"
    FIRST_EVENT_AT = "first_event_at"
    EVENTS = "events"
    RUNS = "runs"
    TOOL_CALLS = "tool_calls"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    CACHED_INPUT_TOKENS = "cached_input_tokens"
    UNPRICED_TOKENS = "unpriced_tokens"


VALUES: Mapping[Column, Callable[[ActiveSession], int]] = {
    Column.BURN_SHORT: lambda row: row.short_pico_usd,
    Column.BURN_LONG: lambda row: row.long_pico_usd,
    Column.RATIO: lambda row: row.ratio_milli,
    Column.SPEND: lambda row: row.total.cost_pico_usd,
    Column.BASELINE: lambda row: row.baseline.usd_per_hour_pico,
    Column.LAST_EVENT_AT: lambda row: row.last_event_at,
    Column.FIRST_EVENT_AT: lambda row: row.first_event_at,
    Column.EVENTS: lambda row: row.total.events,
    Column.RUNS: lambda row: row.runs,
    Column.TOOL_CALLS: lambda row: row.tool_calls,
    Column.INPUT_TOKENS: lambda row: row.total.input_tokens,
    Column.OUTPUT_TOKENS: lambda row: row.total.output_tokens,
    Column.CACHED_INPUT_TOKENS: lambda row: row.total.cached_input_tokens,
    Column.UNPRICED_TOKENS: lambda row: row.total.unpriced_tokens,
}


class Place(NamedTuple):
    """Where a row stands in an order; two rows never stand at one place."""

    value: int
    session_id: str
    org_id: str

    @property
    def row(self) -> RowId:
        """The row that stands there."""
        return RowId(self.session_id, self.org_id)


class Order:
    """The rows in the order of one column; equal ones in that of their ids."""

    __slots__ = ("_at", "_places", "_value")

    def __init__(self, column: Column, rows: Iterable[ActiveSession]) -> None:
        self._value = VALUES[column]
        self._at = {row.id: self._place(row) for row in rows}
        self._places = sorted(self._at.values())

    def _place(self, row: ActiveSession) -> Place:
        return Place(self._value(row), row.session_id, row.org_id)

    def put(self, row: ActiveSession) -> None:
        """Let a new row in, or one that was there move to where it belongs now."""
        place = self._place(row)
        before = self._at.get(row.id)
        if before == place:
            return
        if before is not None:
            self._take(before)
        self._at[row.id] = place
        insort(self._places, place)

    def discard(self, row_id: RowId) -> None:
        """Let a row go, if it is there."""
        place = self._at.pop(row_id, None)
        if place is not None:
            self._take(place)

    def _take(self, place: Place) -> None:
        del self._places[bisect_left(self._places, place)]

    def walk(self, after: Place | None, *, descending: bool) -> Iterator[Place]:
        """Places in their order, from behind one on; that one need not be there any more."""
        places = self._places
        if descending:
            start = len(places) if after is None else bisect_left(places, after)
            return (places[index] for index in range(start - 1, -1, -1))
        start = 0 if after is None else bisect_right(places, after)
        return (places[index] for index in range(start, len(places)))

    def below(self, value: int) -> list[RowId]:
        """Rows with less than a value."""
        return [place.row for place in self._places[: bisect_left(self._places, Place(value, "", ""))]]


class Orders:
    """The orders that are in use."""

    __slots__ = ("_orders", "_used_at")

    def __init__(self) -> None:
        self._orders: dict[Column, Order] = {}
        self._used_at: dict[Column, float] = {}

    def get(self, column: Column, rows: Iterable[ActiveSession], now_s: float) -> Order:
        """The order of a column; made out of the rows if nobody has asked lately.

        Args:
            column: What to sort by.
            rows: All rows there are.
            now_s: A clock of seconds that does not go back.
        """
        order = self._orders.get(column)
        if order is None:
            order = self._orders[column] = Order(column, rows)
        self._used_at[column] = now_s
        return order

    def put(self, row: ActiveSession) -> None:
        """Move a row in each order."""
        for order in self._orders.values():
            order.put(row)

    def discard(self, row_id: RowId) -> None:
        """Let a row go from each order."""
        for order in self._orders.values():
            order.discard(row_id)

    def forget_unused(self, now_s: float) -> None:
        """Drop orders that nobody has asked for lately."""
        for column in [column for column, at_s in self._used_at.items() if now_s - at_s > UNUSED_AFTER_S]:
            del self._orders[column], self._used_at[column]
