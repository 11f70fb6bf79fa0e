"""What was spent, day by day or hour by hour."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field

from burnline.api.access.principal import Viewer
from burnline.api.amounts import Used, unpriced_of, used_fields
from burnline.api.envelope import Envelope
from burnline.api.groups import GroupKey, group_key
from burnline.api.questions import Grain, Month, Period, find, grouping, moment
from burnline.api.resources import WithResources
from burnline.finance.days import Day
from burnline.finance.frames import Dimension, Totals
from burnline.finance.periods import Hour
from burnline.finance.trend import Series, trend

router = APIRouter(tags=["finance"])

MAX_SERIES = 100


class DayUsed(Used):
    """What was used on one day."""

    date: date
    start: datetime = Field(description="When the day begins, or the period within it.")
    end: datetime = Field(description="When either ends, exclusive: up to 25 hours later.")

    @classmethod
    def on(cls, day: Day, totals: Totals) -> Self:
        """From the sums of a day."""
        return cls(**used_fields(totals), date=day.date, start=moment(day.start_ms), end=moment(day.end_ms))


class HourUsed(Used):
    """What was used in one hour of the zone's clocks."""

    start: datetime = Field(description="When the hour begins, or the period within it.")
    end: datetime = Field(description="When either ends, exclusive.")

    @classmethod
    def on(cls, hour: Hour, totals: Totals) -> Self:
        """From the sums of an hour."""
        return cls(**used_fields(totals), start=moment(hour.start_ms), end=moment(hour.end_ms))


class TrendSeries(Used):
    """One group over time; its own fields are the sums over all of it."""

    group: GroupKey
    days: list[DayUsed] = Field(
        description="Every day asked for, oldest first; without usage with zeros. Empty with `grain=hour`."
    )
    hours: list[HourUsed] = Field(description="With `grain=hour`: every hour asked for, likewise.")


class Trends(Envelope):
    """What was spent over time."""

    period: Period
    grain: Grain
    group_by: list[Dimension]
    total: Used
    groups: int = Field(ge=0, description="How many groups there are, those in `rest` included.", examples=[1])
    series: list[TrendSeries] = Field(description="Dearest group first; empty where nothing was used.")
    rest: TrendSeries | None = Field(description="All further groups together; null where there are none.")


@router.get("/trends", summary="What was spent, day by day or hour by hour?")
async def trends(
    resources: WithResources,
    caller: Viewer,
    asked: Month,
    group_by: Annotated[
        list[Dimension], Query(max_length=len(Dimension), description="A series per value of these; may be repeated.")
    ] = [],  # noqa: B006  # FastAPI copies it
    limit: Annotated[int, Query(ge=1, le=MAX_SERIES, description="Series at most; the rest is added up.")] = 20,
    grain: Annotated[
        Grain, Query(description="By the day, or by the hour of the zone's clocks: over 31 days at most then.")
    ] = Grain.DAY,
) -> Trends:
    """Days or hours of any time zone, zero-filled. Without `group_by` there is one series of everything.

    The period is `[from, to)`, or `days` until a day. Usage is kept by quarters of an hour, so hours can be asked for
    wherever days can.
    """
    spans = asked.spans(grain)
    found = await find(resources, caller, asked)
    by = grouping(group_by)
    answer = await asyncio.to_thread(trend, found.frame, spans, by, limit)
    return Trends(
        **found.freshness.envelope(unpriced_of(answer.total)),
        period=asked.period(),
        grain=grain,
        group_by=by,
        total=Used.of(answer.total),
        groups=answer.groups,
        series=[_series(each, by, spans) for each in answer.series],
        rest=None if answer.rest is None else _series(answer.rest, [], spans),
    )


def _series(series: Series, by: list[Dimension], spans: Sequence[Day | Hour]) -> TrendSeries:
    used = list(zip(spans, series.days, strict=True))
    return TrendSeries(
        **used_fields(series.total),
        group=group_key(by, series.group),
        days=[DayUsed.on(span, totals) for span, totals in used if isinstance(span, Day)],
        hours=[HourUsed.on(span, totals) for span, totals in used if isinstance(span, Hour)],
    )
