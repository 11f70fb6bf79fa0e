"""Who spent it: sums by any dimensions, dearest first, with their share of the whole."""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import NamedTuple

import polars as pl

from burnline.finance.frames import COLUMNS, MEASURES, Dimension, Totals, rare_of, sums, totals

SHARE_DECIMALS = 6
_EXACT = Context(prec=60)

Group = tuple[str | None, ...]
"""Values of the dimensions asked for, in their order."""


class Allocated(NamedTuple):
    """What one group used."""

    group: Group
    totals: Totals


class Allocation(NamedTuple):
    """A page of groups. `total` is over all groups, those on other pages included; `groups` is their number."""

    rows: list[Allocated]
    total: Totals
    groups: int


def allocate(frame: pl.DataFrame, group_by: Sequence[Dimension], limit: int, offset: int = 0) -> Allocation:
    """Sum a frame by some dimensions, dearest group first; equal ones by their names, so that pages do not overlap.

    Args:
        frame: Rows that may be seen.
        group_by: Dimensions, each once; none makes one group of everything.
        limit: Groups at most.
        offset: Groups to pass over.
    """
    if frame.is_empty():
        return Allocation([], Totals.zero(), 0)
    by = [COLUMNS[dimension] for dimension in group_by]
    whole = totals(frame)
    if not by:
        return Allocation([Allocated((), whole)][offset : offset + limit], whole, 1)
    grouped = ranked(frame.group_by(by).agg(sums(frame)), by)
    rare = rare_of(frame)
    rows = grouped.slice(offset, limit).select(*by, *MEASURES, *rare).rows()
    found = [Allocated(row[: len(by)], Totals.of(row[len(by) :], rare)) for row in rows]
    return Allocation(found, whole, grouped.height)


def ranked(grouped: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Groups in their order: by cost, then by what their unpriced tokens may cost, then by name."""
    return grouped.sort(["cost", "unpriced_high", *by], descending=[True, True, *(False for _ in by)], nulls_last=True)


def share(part: int, whole: int) -> Decimal | None:
    """A part of a whole, to six decimals; None of nothing."""
    if not whole:
        return None
    ratio = _EXACT.divide(Decimal(part), Decimal(whole))
    return ratio.quantize(Decimal(1).scaleb(-SHARE_DECIMALS), context=_EXACT)
