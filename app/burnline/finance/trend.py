"""What was spent, day by day or hour by hour, in whole or in groups. Those in which nothing was used have zeros."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import polars as pl

from burnline.finance.allocation import Group, ranked
from burnline.finance.frames import COLUMNS, MEASURES, QUARTER, Dimension, Totals, rare_of, sums, totals, within

_DAY = "day"


class Span(Protocol):
    """A day, or an hour: `[start_ms, end_ms)`, epoch milliseconds."""

    @property
    def start_ms(self) -> int:
        """When it begins."""

    @property
    def end_ms(self) -> int:
        """When it ends."""


class Series(NamedTuple):
    """One group, span by span, in the order of those asked for."""

    group: Group
    total: Totals
    days: list[Totals]


class Trend(NamedTuple):
    """The dearest groups, and what all others come to.

    Attributes:
        series: Dearest first; empty where nothing was used at all.
        rest: All further groups together; None where there are none.
        total: Everything.
        groups: How many groups there are, those in `rest` included.
    """

    series: list[Series]
    rest: Series | None
    total: Totals
    groups: int


def with_days(frame: pl.DataFrame, days: Sequence[Span]) -> pl.DataFrame:
    """Rows within the days, with the number of their day in column `day`.

    Args:
        frame: Rows of quarter-hours.
        days: One after another, without a gap; at least one.
    """
    inside = within(frame, days[0].start_ms, days[-1].end_ms)
    # Of days that begin together, all but the last are empty: clocks left them out.
    starts = pl.Series([day.start_ms for day in days], dtype=pl.Int64)
    number = starts.search_sorted(inside[QUARTER], side="right").cast(pl.Int32) - 1
    return inside.with_columns(number.alias(_DAY))


def trend(frame: pl.DataFrame, days: Sequence[Span], group_by: Sequence[Dimension], limit: int) -> Trend:
    """Sum by day and group.

    Args:
        frame: Rows that may be seen.
        days: One after another, without a gap; at least one.
        group_by: Dimensions, each once; none makes one series of everything.
        limit: Series at most; the other groups are added up in `rest`.
    """
    dated = with_days(frame, days)
    if dated.is_empty():
        return Trend([], None, Totals.zero(), 0)
    whole = _series((), dated, len(days))
    if not group_by:
        return Trend([whole], None, whole.total, 1)
    by = [COLUMNS[dimension] for dimension in group_by]
    order = ranked(dated.group_by(by).agg(sums(dated)), by)
    series = [_series(group, part, len(days)) for group, part in _parts(dated, by, order.head(limit).select(by))]
    rest = _less(whole, series) if order.height > limit else None
    return Trend(series, rest, whole.total, order.height)


def _parts(dated: pl.DataFrame, by: list[str], order: pl.DataFrame) -> list[tuple[Group, pl.DataFrame]]:
    shown = dated.join(order, on=by, how="semi", nulls_equal=True).group_by(*by, _DAY).agg(sums(dated))
    parts = shown.partition_by(by, as_dict=True)
    return [(group, parts[group]) for group in order.rows()]


def _series(group: Group, rows: pl.DataFrame, count: int) -> Series:
    rare = rare_of(rows)
    found = rows.group_by(_DAY).agg(sums(rows)).select(_DAY, *MEASURES, *rare).rows()
    by_day = {number: Totals.of(measures, rare) for number, *measures in found}
    return Series(group, totals(rows), [by_day.get(number, Totals.zero()) for number in range(count)])


def _less(whole: Series, series: Sequence[Series]) -> Series:
    total, days = whole.total, whole.days
    for each in series:
        total = total.minus(each.total)
        days = [left.minus(right) for left, right in zip(days, each.days, strict=True)]
    return Series((), total, days)
