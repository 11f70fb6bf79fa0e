"""What was spent, day by day."""

import asyncio
from datetime import date, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field

from burnline.api.access.principal import Viewer
from burnline.api.amounts import Used, unpriced_of, used_fields
from burnline.api.envelope import Envelope
from burnline.api.groups import GroupKey, group_key
from burnline.api.questions import Month, Period, find, grouping, moment
from burnline.api.resources import WithResources
from burnline.finance.days import Day
from burnline.finance.frames import Dimension, Totals
from burnline.finance.trend import Series, trend

router = APIRouter(tags=["finance"])

MAX_SERIES = 100


class DayUsed(Used):
    """What was used on one day."""

    date: date
    start: datetime = Field(description="When the day begins.")
    end: datetime = Field(description="When it ends, exclusive: 23 to 25 hours later.")

    @classmethod
    def on(cls, day: Day, totals: Totals) -> Self:
        """From the sums of a day."""
        return cls(**used_fields(totals), date=day.date, start=moment(day.start_ms), end=moment(day.end_ms))


class TrendSeries(Used):
    """One group, day by day; its own fields are the sums over all days."""

    group: GroupKey
    days: list[DayUsed] = Field(description="Every day asked for, oldest first; without usage with zeros.")


class Trends(Envelope):
    """What was spent, day by day."""

    period: Period
    group_by: list[Dimension]
    total: Used
    groups: int = Field(ge=0, description="How many groups there are, those in `rest` included.", examples=[1])
    series: list[TrendSeries] = Field(description="Dearest group first; empty where nothing was used.")
    rest: TrendSeries | None = Field(description="All further groups together; null where there are none.")


@router.get("/trends", summary="What was spent, day by day?")
async def trends(
    resources: WithResources,
    caller: Viewer,
    asked: Month,
    group_by: Annotated[
        list[Dimension], Query(max_length=len(Dimension), description="A series per value of these; may be repeated.")
    ] = [],  # noqa: B006  # FastAPI copies it
    limit: Annotated[int, Query(ge=1, le=MAX_SERIES, description="Series at most; the rest is added up.")] = 20,
) -> Trends:
    """Days of any time zone, zero-filled. Without `group_by` there is one series of everything."""
    found = await find(resources, caller, asked)
    by = grouping(group_by)
    answer = await asyncio.to_thread(trend, found.frame, asked.days, by, limit)
    return Trends(
        **found.freshness.envelope(unpriced_of(answer.total)),
        period=asked.period(),
        group_by=by,
        total=Used.of(answer.total),
        groups=answer.groups,
        series=[_series(each, by, asked.days) for each in answer.series],
        rest=None if answer.rest is None else _series(answer.rest, [], asked.days),
    )


def _series(series: Series, by: list[Dimension], days: list[Day]) -> TrendSeries:
    return TrendSeries(
        **used_fields(series.total),
        group=group_key(by, series.group),
        days=[DayUsed.on(day, totals) for day, totals in zip(days, series.days, strict=True)],
    )
