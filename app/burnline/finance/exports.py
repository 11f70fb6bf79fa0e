"""Usage as tables to take away: allocations by any dimensions, and the days' usage that FOCUS rows are made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from burnline.events.meters import METERS, NAMES, own_units
from burnline.finance.allocation import ranked
from burnline.finance.days import Day, start_ms
from burnline.finance.focus import UsageOfDay, plain
from burnline.finance.frames import COLUMNS, COSTS, COUNTS, QUARTER, Dimension, empty, rare_of, sums
from burnline.finance.trend import Span, with_days
from burnline.ledger.rare import METER_COSTS
from burnline.pricing.dated import utc_text
from burnline.pricing.money import DECIMALS, PICO_PER_USD

Cell = str | int | Decimal | None

_DAY = "day"
_COSTS_FIRST_TO_LAST = ("cost", *(name for name in COSTS if name not in ("cost", "cache_savings")), "cache_savings")
_BOUNDS = ("unpriced_low", "unpriced_high")
_DIMENSIONS = tuple(COLUMNS.values())
_OF_DAY = (*COUNTS, *(name for name in COSTS if name not in ("cost", "cache_savings")))


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    COUNT = "count"
    USD = "usd"


class Table(NamedTuple):
    """Rows under named and typed columns, made as they are asked for."""

    header: tuple[str, ...]
    types: tuple[Type, ...]
    height: int
    rows: Callable[[], Iterator[tuple[Cell, ...]]]


def allocations(frame: pl.DataFrame, group_by: Sequence[Dimension]) -> Table:
    """What each group used, dearest first; no rows where nothing was used.

    Args:
        frame: Rows that may be seen.
        group_by: Dimensions, each once; none makes one row of everything.
    """
    by = [COLUMNS[dimension] for dimension in group_by]
    measured = [*COUNTS, *_COSTS_FIRST_TO_LAST, *_BOUNDS]
    if frame.is_empty():
        grouped = frame.select(*by, *measured)
    elif by:
        grouped = ranked(frame.group_by(by).agg(sums(frame)), by).select(*by, *measured)
    else:
        grouped = frame.select(sums(frame)).select(measured)
    money = len(by) + len(COUNTS)

    def rows() -> Iterator[tuple[Cell, ...]]:
        for row in grouped.iter_rows():
            yield (*row[:money], *map(usd, row[money:]))

    names = (*by, *COUNTS, *(f"{name}_usd" for name in (*_COSTS_FIRST_TO_LAST, *_BOUNDS)))
    amounts = len(_COSTS_FIRST_TO_LAST) + len(_BOUNDS)
    types = (*[Type.TEXT] * len(by), *[Type.COUNT] * len(COUNTS), *[Type.USD] * amounts)
    return Table(names, types, grouped.height, rows)


def by_span(frame: pl.DataFrame, spans: Sequence[Span], group_by: Sequence[Dimension]) -> Table:
    """What each group used in each day or hour, oldest first; no rows where nothing was used.

    Args:
        frame: Rows that may be seen.
        spans: One after another, without a gap; at least one.
        group_by: Dimensions, each once.
    """
    by = [COLUMNS[dimension] for dimension in group_by]
    measured = [*COUNTS, *_COSTS_FIRST_TO_LAST, *_BOUNDS]
    grouped = with_days(frame, spans).group_by(_DAY, *by).agg(sums(frame))
    ordered = grouped.sort(_DAY, *by, nulls_last=True).select(_DAY, *by, *measured)
    money = len(by) + len(COUNTS)

    def rows() -> Iterator[tuple[Cell, ...]]:
        for number, *fields in ordered.iter_rows():
            span = spans[number]
            yield (utc_text(span.start_ms), utc_text(span.end_ms), *fields[:money], *map(usd, fields[money:]))

    whole = allocations(empty(), group_by)
    return Table(("start", "end", *whole.header), (Type.TEXT, Type.TEXT, *whole.types), ordered.height, rows)


def of_days(frame: pl.DataFrame, days: Sequence[Day], tz: ZoneInfo) -> tuple[int, Iterator[UsageOfDay]]:
    """What was used on each day by each combination of dimensions, oldest first; how many rows, and the rows.

    A day's usage comes in several rows where quarters of an hour differ in what a unit cost, or in whether it had a
    rate: at one price each, where one held.

    Args:
        frame: Rows that may be seen.
        days: One after another, without a gap; at least one.
        tz: Their zone, whose months are meant.
    """
    dated = with_days(frame, days)
    rare = rare_of(dated)
    priced = dated.with_columns(pl.col(*rare).fill_null(0)) if rare else dated
    priced = priced.with_columns(*(prices := _unit_prices(rare)))
    by = (_DAY, *_DIMENSIONS, *(price.meta.output_name() for price in prices))
    grouped = priced.group_by(*by).agg(pl.col(*_OF_DAY, *rare).sum(), pl.col(QUARTER).min())
    ordered = grouped.sort(*by, nulls_last=True).select(_DAY, *_DIMENSIONS, *_OF_DAY, QUARTER, *rare)
    plain_fields = len(_DIMENSIONS) + len(_OF_DAY) + 1

    def rows() -> Iterator[UsageOfDay]:
        months = [_month(tz, day.date) for day in days]
        for number, *fields in ordered.iter_rows():
            day = days[number]
            own = _own_of(dict(zip(rare, fields[plain_fields:], strict=True)))
            yield UsageOfDay(day.start_ms, day.end_ms, *months[number], *fields[:plain_fields], own=own)  # type: ignore[misc]  # as many as it has

    return ordered.height, rows()


def _own_of(rare: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    """Of each rare meter its own units and their cost; empty where none was used."""
    counts = tuple(rare.get(name, 0) for name in NAMES)
    if not any(counts):
        return ()
    return tuple(zip(own_units(counts), (rare.get(cost.name, 0) for cost in METER_COSTS), strict=True))


def _unit_prices(rare: Sequence[str]) -> list[pl.Expr]:
    """Per kind of token: cost by quantity where that is whole, -1 where it is not, null where there are none."""

    def column(name: str) -> pl.Expr:
        return pl.col(name) if name in rare else pl.lit(0, dtype=pl.Int128)

    quantities = {
        "input": pl.col("input_tokens") - pl.col("cached_input_tokens") - pl.col("cache_write_tokens"),
        "cached_input": pl.col("cached_input_tokens"),
        "cache_write": pl.col("cache_write_tokens"),
        "output": pl.col("output_tokens") - pl.col("reasoning_tokens"),
        "reasoning": pl.col("reasoning_tokens"),
        "request": pl.when(pl.col("request_cost") > 0).then(pl.col("events")).otherwise(0),
    }
    costs = {name: pl.col(f"{name}_cost") for name in quantities}
    found: dict[str, tuple[pl.Expr, pl.Expr]] = {}
    for meter, cost in zip(METERS, METER_COSTS, strict=True):
        if meter.name not in rare:
            continue
        units = column(meter.name)
        for inner in METERS:
            if inner.within == meter.name:
                units -= column(inner.name)
        if meter.is_tokens:
            quantities[meter.part] -= units
        costs[meter.part] -= column(cost.name)
        found[meter.name] = units, column(cost.name)
    found |= {name: (quantities[name], costs[name]) for name in quantities}
    prices = [
        pl.when(quantity > 0)
        .then(pl.when(cost % quantity == 0).then(cost // quantity).otherwise(-1))
        .alias(f"{name}_unit_price")
        for name, (quantity, cost) in found.items()
    ]
    tokens = pl.col("input_tokens") + pl.col("output_tokens")
    unpriced = pl.col("unpriced_tokens")
    share = pl.when(unpriced == 0).then(0).when(unpriced < tokens).then(1).otherwise(2)
    return [*prices, share.alias("unpriced_share")]


def parquet_frame(table: Table) -> pl.DataFrame:
    """The table in columns: text, 64-bit counts, and USD as decimals of 38 digits, 12 of them behind the point."""
    kinds = {Type.TEXT: pl.String(), Type.COUNT: pl.Int64(), Type.USD: pl.Decimal(38, DECIMALS)}
    schema = {name: kinds[kind] for name, kind in zip(table.header, table.types, strict=True)}
    return pl.DataFrame(list(table.rows()), schema=schema, orient="row")


def usd(pico_usd: int) -> Decimal:
    """Pico-USD in USD, exactly."""
    return plain(pico_usd, PICO_PER_USD)


def _month(tz: ZoneInfo, of: date) -> tuple[int, int]:
    first = of.replace(day=1)
    after = first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)
    return start_ms(tz, first), start_ms(tz, after)
