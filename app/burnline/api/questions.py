"""What the aggregate routes are asked: which days of which zone, which rows; and the rows that may be shown for it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import polars as pl
from fastapi import Depends, Query
from pydantic import BaseModel, Field

from burnline.api.access.principal import Viewer
from burnline.api.envelope import Freshness
from burnline.api.problems import Mistake, Problem
from burnline.api.resources import WithResources
from burnline.api.view.names_seen import LOOKED, notes
from burnline.finance.days import Day, zone
from burnline.finance.frames import COLUMNS, Dimension, matching, visible, within
from burnline.finance.periods import MAX_DAYS, Asked, Hour, PeriodError, days_of, hours_of

MAX_VALUES = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Answer = TypeVar("Answer")
_Value = Annotated[str, Query(max_length=256)]
_Values = list[_Value]


def _filter(what: str, former: str | None = None) -> object:
    also = f" `{former}` is its former name." if former else ""
    return Query(
        default_factory=list,
        max_length=MAX_VALUES,
        description=f"Only {what}; may be repeated, and is any of them then.{also}",
    )


class Grain(StrEnum):
    """How finely an answer tells time apart."""

    HOUR = "hour"
    DAY = "day"


class Period(BaseModel):
    """The time that an answer is over, `[start, end)`."""

    tz: str = Field(description="IANA time zone of the days.", examples=["Asia/Kolkata"])
    first: date = Field(description="First day.", examples=["2026-10-26"])
    last: date = Field(description="Last day.", examples=["2026-11-24"])
    start: datetime = Field(description="When it begins.", examples=["2026-10-25T18:30:00Z"])
    end: datetime = Field(description="When it ends, exclusive.", examples=["2026-11-24T18:30:00Z"])


@dataclass(frozen=True, slots=True)
class Question:
    """Days (the first and the last may be cut), and filters per dimension."""

    tz: ZoneInfo
    days: list[Day]
    filters: dict[Dimension, list[str]]

    @property
    def from_ms(self) -> int:
        """When it begins."""
        return self.days[0].start_ms

    @property
    def until_ms(self) -> int:
        """When it ends."""
        return self.days[-1].end_ms

    def spans(self, grain: Grain) -> Sequence[Day | Hour]:
        """Its days or hours, oldest first.

        Raises:
            Problem: 422, there are too many.
        """
        if grain is Grain.DAY:
            return self.days
        try:
            return hours_of(self.tz, self.from_ms, self.until_ms)
        except PeriodError as error:
            raise _mistaken(f"query.{error.field}", str(error)) from error

    def period(self) -> Period:
        """The days, as answers repeat them."""
        return Period(
            tz=self.tz.key,
            first=self.days[0].date,
            last=self.days[-1].date,
            start=moment(self.from_ms),
            end=moment(self.until_ms),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a question that the caller may see, and how fresh they are."""

    frame: pl.DataFrame
    freshness: Freshness


class Filters:
    """The filters per dimension, as a dependency."""

    def __init__(
        self,
        org_id: Annotated[_Values, _filter("these organisations", "org")],
        agent_id: Annotated[_Values, _filter("these agents", "agent")],
        team_id: Annotated[_Values, _filter("these teams (empty: usage without one)", "team")],
        project_code: Annotated[_Values, _filter("these project codes (empty: usage without one)", "project")],
        provider: Annotated[_Values, _filter("these providers (empty: where it is not known)")],
        model: Annotated[_Values, _filter("these models")],
        kind: Annotated[_Values, _filter("these kinds (llm, embedding, tool_call, run)")],
    ) -> None:
        given = zip(Dimension, (org_id, agent_id, team_id, project_code, provider, model, kind), strict=True)
        self.by_dimension = {dimension: values for dimension, values in given if values}


Tz = Annotated[str, Query(max_length=64, description="IANA time zone whose days are meant.", examples=["Asia/Kolkata"])]


class Asks:
    """What a question says of its period, as a dependency."""

    def __init__(
        self,
        first: Annotated[
            str | None,
            Query(
                alias="from",
                max_length=64,
                description="Where the period begins: a date of the zone, or RFC 3339 with an offset, on a quarter of "
                "an hour. With `to`, in place of `days` and `until`.",
                examples=["2026-11-01"],
            ),
        ] = None,
        end: Annotated[
            str | None,
            Query(
                alias="to",
                max_length=64,
                description="Where it ends, exclusive: likewise; today's end if it is not given.",
                examples=["2026-11-24T06:00:00Z"],
            ),
        ] = None,
        days: Annotated[
            int | None, Query(ge=1, le=MAX_DAYS, description="How many days, the last one included.")
        ] = None,
        until: Annotated[date | None, Query(description="Last day, in that zone; today if it is not given.")] = None,
    ) -> None:
        self.asked = Asked(first, end, days, until)


def question(
    now_ms: int, asked: Asked, tz: str, default: int, filters: dict[Dimension, list[str]] | None = None
) -> Question:
    """The question over a period; over so many days until today if it names none.

    Raises:
        Problem: 422, there is no such zone, or no such period.
    """
    try:
        named = zone(tz)
    except ValueError as error:
        raise _mistaken("query.tz", str(error)) from error
    try:
        return Question(named, days_of(asked, named, now_ms, default=default), filters or {})
    except PeriodError as error:
        raise _mistaken(f"query.{error.field}", str(error)) from error


def asked_days(default: int) -> Callable[..., object]:
    """A dependency that reads a question, over so many days if it does not say."""

    async def dependency(
        resources: WithResources,
        filters: Annotated[Filters, Depends()],
        period: Annotated[Asks, Depends()],
        tz: Tz = "UTC",
    ) -> Question:
        return question(resources.now_ms(), period.asked, tz, default, filters.by_dimension)

    return dependency


Month = Annotated[Question, Depends(asked_days(30))]
Week = Annotated[Question, Depends(asked_days(7))]


GroupBy = Annotated[
    list[Dimension], Query(min_length=1, max_length=len(Dimension), description="Dimensions; may be repeated.")
]
BY_AGENT = [Dimension.ORG, Dimension.AGENT]
"""What is grouped by where nobody says."""


def grouping(group_by: list[Dimension]) -> list[Dimension]:
    """Each dimension once, in the order in which they were named first."""
    return list(dict.fromkeys(group_by))


async def find(resources: WithResources, caller: Viewer, asked: Question) -> Found:
    """The rows that answer a question; what the caller may not see is out before anything is added up.

    Raises:
        Problem: 503, there is nothing to answer from.
        redis.RedisError: Redis is away.
    """
    rows = await resources.rollups.read(resources, asked.from_ms, asked.until_ms)
    found, absent = await asyncio.to_thread(_narrow, rows.frame, caller.orgs, asked, rows.freshness)
    if not absent:
        return found
    said = notes(await resources.names.unknown(resources, caller, absent), f"in the time asked for or {LOOKED}")
    return replace(found, freshness=replace(found.freshness, notes=tuple(said)))


def _narrow(
    frame: pl.DataFrame, orgs: frozenset[str] | None, asked: Question, freshness: Freshness
) -> tuple[Found, dict[Dimension, list[str]]]:
    """The rows, and the filters' values that none of those has that may be seen in the time asked for."""
    seen = visible(within(frame, asked.from_ms, asked.until_ms), orgs)
    absent = {
        dimension: [value for value in values if seen.filter(pl.col(COLUMNS[dimension]) == value).is_empty()]
        for dimension, values in asked.filters.items()
    }
    return Found(matching(seen, asked.filters), freshness), {each: values for each, values in absent.items() if values}


def moment(at_ms: int) -> datetime:
    """Epoch milliseconds as answers write them."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def _mistaken(where: str, detail: str) -> Problem:
    return Problem(422, f"{where}: {detail}", kind="invalid-request", errors=[Mistake(where=where, detail=detail)])
