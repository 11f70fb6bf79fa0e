"""What publishers reported beside what rates say, by provider and model: where prices are not what is billed.

Of an event with a reported cost and a rate, both are kept and the rate's is charged; without a rate what was reported
is charged, and there is nothing to compare it with.
"""

from decimal import Decimal
from typing import NamedTuple, Self

import polars as pl

from burnline.finance.allocation import share
from burnline.finance.frames import COLUMNS, MEASURES, Dimension, Totals, rare_of, sums, totals

_BY = (COLUMNS[Dimension.PROVIDER], COLUMNS[Dimension.MODEL])


class Drift(NamedTuple):
    """Both costs of some events, in pico-USD."""

    ours: int
    """By the rates, of the events that also say what they cost."""
    reported: int
    """What those same events say."""
    uncompared: int
    """What events without a rate say; it is charged."""

    @classmethod
    def of(cls, used: Totals) -> Self:
        """From sums."""
        ours, reported = (used.rare.get(name, 0) for name in ("compared_pico_usd", "compared_reported_pico_usd"))
        return cls(ours, reported, used.reported_cost)

    @property
    def amount(self) -> int:
        """By how much more was reported than the rates say; less than zero where it was less."""
        return self.reported - self.ours

    @property
    def ratio(self) -> Decimal | None:
        """That as a part of what the rates say; None where they say nothing."""
        return share(self.amount, self.ours)


class ModelDrift(NamedTuple):
    """One provider's model; the provider is empty where nobody knows it."""

    provider: str
    model: str
    drift: Drift


class Drifts(NamedTuple):
    """The models with a reported cost, furthest off first."""

    models: list[ModelDrift]
    total: Drift
    groups: int
    """How many models there are, those left out included."""


def drifts(frame: pl.DataFrame, limit: int) -> Drifts:
    """Both costs by model; those without a reported one are not among them.

    Args:
        frame: Rows that may be seen.
        limit: Models at most.
    """
    rare = rare_of(frame)
    rows = frame.group_by(_BY).agg(sums(frame)).select(*_BY, *MEASURES, *rare).rows()
    found = [ModelDrift(provider, model, Drift.of(Totals.of(values, rare))) for provider, model, *values in rows]
    told = [each for each in found if any(each.drift)]
    told.sort(key=lambda each: (-abs(each.drift.amount), -each.drift.uncompared, each.provider, each.model))
    return Drifts(told[:limit], Drift.of(totals(frame)), len(told))
