"""Rollup rows in columns: reading them, narrowing them to what may be seen and is asked, and exact sums.

Amounts are pico-USD as 128-bit integers, and sums are taken in 128 bits: no float comes in anywhere. A frame holds one
row per quarter-hour and combination of dimensions; partials of the same are added up when it is read.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Self

import polars as pl

from burnline.finance.bounds import UnpricedBounds
from burnline.ledger.rare import ROLLUP_SUMS


class Dimension(StrEnum):
    """What usage can be told apart by; called as the field of an event. Read by its former name, too (`org`)."""

    ORG = "org_id"
    AGENT = "agent_id"
    TEAM = "team_id"
    PROJECT = "project_code"
    PROVIDER = "provider"
    MODEL = "model"
    KIND = "kind"

    @classmethod
    def _missing_(cls, value: object) -> "Dimension | None":
        return next((one for one in cls if one.name.lower() == value), None)


COLUMNS = {dimension: dimension.value for dimension in Dimension}
"""The column of each dimension. Team and project may be null; a provider that nobody knows is empty."""

QUARTER = "quarter_start_ms"
COUNTS = (
    "events",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "unpriced_tokens",
)
COSTS = (
    "input_cost",
    "cached_input_cost",
    "cache_write_cost",
    "output_cost",
    "reasoning_cost",
    "request_cost",
    "reported_cost",
    "cost",
    "cache_savings",
)
DERIVED = ("unpriced_low", "unpriced_high", "cache_write_premium", "premium_unknown_tokens", "runs", "prompts")
"""Worked out when a frame is read: what unpriced tokens may cost, what writing to the cache cost on top of input, how
many of the events were runs, and how many were prompts, answered by a model or out of a semantic cache.

The premium of a row is what its cache-write tokens cost above the plain input rate of its other input tokens: exact
where one rate held in the quarter-hour. A row that has no other input tokens goes by the rate of its provider's model
over the day, and where there is none either, its tokens are counted as `premium_unknown_tokens`.
"""
MEASURES = (*COUNTS, *COSTS, *DERIVED)
RARE = {each.name: each.field for each in ROLLUP_SUMS if f"{each.name.removesuffix('_pico_usd')}_cost" not in COSTS}
"""Column → field of the wire, of sums that most rows do not have (`burnline.ledger.rare`): a frame has a column only
where one of its rows is not zero there."""
_RARE_AMOUNTS = frozenset(name for name in RARE if name.endswith("_pico_usd"))

PROMPTS = ("llm", "cache_hit")
"""Kinds of events that are prompts."""
_KEYS = (QUARTER, *COLUMNS.values())
_NULLABLE = {"team_id", "project_code", "reported_cost_usd", *RARE.values()}
_WIRE = {
    QUARTER: pl.Int64,
    **dict.fromkeys(COLUMNS.values(), pl.String),
    **dict.fromkeys(COUNTS, pl.Int64),
    **{f"{name}_usd": pl.String for name in COSTS},
    **{field: pl.String if name in _RARE_AMOUNTS else pl.Int64 for name, field in RARE.items()},
}
SCHEMA = pl.Schema(
    {
        QUARTER: pl.Int64,
        **dict.fromkeys(COLUMNS.values(), pl.String),
        **dict.fromkeys(MEASURES, pl.Int128),
    }
)
"""Columns of every frame here, before those of `RARE`. Token counts are inclusive; the costs are of disjoint parts and
add up to `cost`."""


class Totals(NamedTuple):
    """Sums of the measures: counts, and amounts in pico-USD."""

    events: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unpriced_tokens: int
    input_cost: int
    cached_input_cost: int
    cache_write_cost: int
    output_cost: int
    reasoning_cost: int
    request_cost: int
    reported_cost: int
    cost: int
    cache_savings: int
    unpriced_low: int
    unpriced_high: int
    cache_write_premium: int
    premium_unknown_tokens: int
    runs: int
    prompts: int
    rare: Mapping[str, int] = {}  # nobody writes to it
    """Of the sums of `RARE`, those that are not zero, by name."""

    @classmethod
    def zero(cls) -> Self:
        """Nothing."""
        return cls.of([0] * len(MEASURES))

    @classmethod
    def of(cls, values: Sequence[int], rare: Sequence[str] = ()) -> Self:
        """From the values of `MEASURES`, and of some rare sums behind them."""
        found = zip(rare, values[len(MEASURES) :], strict=True)
        return cls(*values[: len(MEASURES)], rare={name: value for name, value in found if value})  # type: ignore[arg-type, misc]  # as many as there are

    def plus(self, other: Self) -> Self:
        """The sum of two."""
        return self._with(other, 1)

    def minus(self, other: Self) -> Self:
        """The difference of two."""
        return self._with(other, -1)

    def _with(self, other: Self, sign: int) -> Self:
        names = tuple(dict.fromkeys((*self.rare, *other.rare)))
        plain = [getattr(self, name) + sign * getattr(other, name) for name in MEASURES]
        return self.of([*plain, *(self.rare.get(name, 0) + sign * other.rare.get(name, 0) for name in names)], names)


def empty() -> pl.DataFrame:
    """A frame without rows."""
    return pl.DataFrame(schema=SCHEMA)


def read_rows(values: Sequence[bytes], bounds: UnpricedBounds) -> pl.DataFrame:
    """Rows of the projection (`burnline.readmodel.rows.RollupRow` as JSON) as a frame.

    Args:
        values: A JSON object each.
        bounds: What tokens without a rate may cost.

    Raises:
        ValueError: A value is no such row.
    """
    if not values:
        return empty()
    try:
        wire = pl.read_ndjson(b"\n".join(values), schema=_WIRE)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"not rollup rows: {error}") from error
    missing = [name for name in _WIRE if name not in _NULLABLE and wire[name].null_count()]
    if missing or wire.height != len(values):
        raise ValueError(f"not rollup rows: {', '.join(missing) or 'another number of them'}")
    try:
        return _without_zeros(_summed(_priced(wire), bounds))
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"not rollup rows: {error}") from error


def _priced(wire: pl.DataFrame) -> pl.DataFrame:
    # Decimal(38, 12) is a 128-bit integer of 10^-12: its physical value is pico-USD.
    # What is rare is left out of rows where it is zero.
    amounts = [
        pl.col(f"{name}_usd").fill_null("0").cast(pl.Decimal(38, 12)).to_physical().alias(name) for name in COSTS
    ]
    rare = [
        (pl.col(field).cast(pl.Decimal(38, 12)).to_physical() if name in _RARE_AMOUNTS else pl.col(field))
        .cast(pl.Int128)
        .alias(name)
        for name, field in RARE.items()
        if wire[field].null_count() < wire.height
    ]
    return wire.select(*_KEYS, *(pl.col(name).cast(pl.Int128) for name in COUNTS), *amounts, *rare)


def _without_zeros(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop([name for name in rare_of(frame) if not (frame[name] != 0).any()])


def _summed(frame: pl.DataFrame, bounds: UnpricedBounds) -> pl.DataFrame:
    summed = frame.group_by(*_KEYS).agg(pl.col(*COUNTS, *COSTS, *rare_of(frame)).sum())
    providers = summed.filter(pl.col("unpriced_tokens") > 0)["provider"].unique().to_list()
    rates = {provider: bounds.of(provider) for provider in providers}
    low = _per_provider({provider: rate.low for provider, rate in rates.items()})
    high = _per_provider({provider: rate.high for provider, rate in rates.items()})
    bounded = summed.with_columns(
        (pl.col("unpriced_tokens") * low).alias("unpriced_low"),
        (pl.col("unpriced_tokens") * high).alias("unpriced_high"),
        _events_where(pl.col("kind") == "run").alias("runs"),
        _events_where(pl.col("kind").is_in(PROMPTS)).alias("prompts"),
    )
    return bounded.with_columns(*_premium()).select(*SCHEMA.names(), *rare_of(frame))


def _events_where(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.col("events")).otherwise(pl.lit(0, dtype=pl.Int128))


def _premium() -> list[pl.Expr]:
    written, cost = pl.col("cache_write_tokens"), pl.col("cache_write_cost")
    # What is read from the cache would have cost its price and its savings as plain input.
    plain_cost = pl.col("input_cost") + pl.col("cached_input_cost") + pl.col("cache_savings")
    plain_tokens = pl.col("input_tokens") - written
    own = pl.when((plain_tokens > 0) & (plain_cost > 0)).then(written * plain_cost // plain_tokens)
    model_tokens, model_cost = (
        pl.when((plain_tokens > 0) & (plain_cost > 0)).then(each).sum().over("provider", "model")
        for each in (plain_tokens, plain_cost)
    )
    of_model = pl.when(model_tokens > 0).then(written * model_cost // model_tokens)
    paid = (written > 0) & (cost > 0)
    as_input = pl.coalesce(own, of_model)
    zero = pl.lit(0, dtype=pl.Int128)
    return [
        pl.when(paid & as_input.is_not_null()).then(cost - as_input).otherwise(zero).alias("cache_write_premium"),
        pl.when(paid & as_input.is_null()).then(written).otherwise(zero).alias("premium_unknown_tokens"),
    ]


def _per_provider(rates: Mapping[str, int]) -> pl.Expr:
    if not rates:
        return pl.lit(0, dtype=pl.Int128)
    return pl.col("provider").replace_strict(
        pl.Series(list(rates), dtype=pl.String),
        pl.Series(list(rates.values()), dtype=pl.Int128),
        default=pl.lit(0, dtype=pl.Int128),
        return_dtype=pl.Int128,
    )


def visible(frame: pl.DataFrame, orgs: Collection[str] | None) -> pl.DataFrame:
    """Only the rows of these organisations; None is all of them."""
    return frame if orgs is None else frame.filter(pl.col("org_id").is_in(list(orgs)))


def within(frame: pl.DataFrame, from_ms: int, until_ms: int) -> pl.DataFrame:
    """Only the quarter-hours that begin in `[from_ms, until_ms)`."""
    return frame.filter((pl.col(QUARTER) >= from_ms) & (pl.col(QUARTER) < until_ms))


def matching(frame: pl.DataFrame, filters: Mapping[Dimension, Collection[str]]) -> pl.DataFrame:
    """Only the rows with one of the values in each dimension named; "" is none (no team, provider unknown)."""
    for dimension, values in filters.items():
        frame = frame.filter(pl.col(COLUMNS[dimension]).fill_null("").is_in(list(values)))
    return frame


def joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all frames; a rare sum that only some of them have is null elsewhere."""
    return pl.concat([empty(), *frames], how="diagonal", rechunk=False)


def rare_of(frame: pl.DataFrame) -> list[str]:
    """The rare sums that a frame has."""
    return [name for name in RARE if name in frame.columns]


def sums(frame: pl.DataFrame) -> list[pl.Expr]:
    """The sum of every measure of a frame, for `agg` and `select`."""
    return [pl.col(name).sum() for name in (*MEASURES, *rare_of(frame))]


def totals(frame: pl.DataFrame) -> Totals:
    """The sums over a whole frame."""
    return Totals.of(frame.select(sums(frame)).row(0), rare_of(frame))
