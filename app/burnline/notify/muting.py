"""Mute times of a sink: hours of the week in which nobody wants to hear of anything. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from burnline.finance.days import zone

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = time(0)

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _time_of_day(value: Any) -> Any:
    if value == "24:00":
        return _MIDNIGHT
    return time.fromisoformat(value) if isinstance(value, str) and len(value) == len("18:00") else value


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]


class MuteTime(BaseModel):
    """Some hours of some days, such as each night, or the weekend.

    Attributes:
        days: On which days it begins.
        start: When it begins, in the time zone.
        end: When it ends; on the next day where that is not after `start`, so `00:00` to `24:00` is the whole day.
        time_zone: IANA name, such as `Europe/Berlin`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: Annotated[list[Day], Field(min_length=1)] = list(_DAYS)  # type: ignore[arg-type]  # the very same
    start: Annotated[TimeOfDay, Field(alias="from")]
    end: Annotated[TimeOfDay, Field(alias="to")]
    time_zone: str = "UTC"

    @model_validator(mode="after")
    def _known(self) -> Self:
        zone(self.time_zone)
        return self

    def since(self, now: datetime) -> datetime | None:
        """When the mute time began that holds at a moment; None if none does."""
        local = now.astimezone(zone(self.time_zone))
        return next((begin for begin in self._begins(local) if begin <= now < self._end_of(begin)), None)

    def _begins(self, local: datetime) -> Iterable[datetime]:
        today = local.date()
        for day in (today, today - timedelta(days=1)):
            if _DAYS[day.weekday()] in self.days:
                yield _at(day, self.start, local.tzinfo)

    def _end_of(self, begin: datetime) -> datetime:
        day = begin.date() if self.end > self.start else begin.date() + timedelta(days=1)
        return _at(day, self.end, begin.tzinfo)


def _at(day: date, at: time, tz: tzinfo | None) -> datetime:
    return datetime.combine(day, at, tz)


def muted_since_ms(mutes: Iterable[MuteTime], now_ms: int) -> int | None:
    """When the mute time began that holds now, the earliest of several, epoch milliseconds; None if none does."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    found = [begin for mute in mutes if (begin := mute.since(now)) is not None]
    return round(min(found).timestamp() * 1000) if found else None
