"""One scope's own days, and how far above them it has to be. Pure."""

from typing import NamedTuple

import msgspec

from burnline.detection.learned.ranges import HISTORY_DAYS
from burnline.detection.subject import AnomalyScope, Subject

LEAST_DAYS = 3
"""With fewer days nothing is out of the ordinary."""

Values = tuple[float | None, float | None, float | None]
"""Of a minute or a day, in the order of `STATISTICS`: logarithms; None where there is nothing."""
STATISTICS = ("breadth", "money_15m", "money_1h")


class Limits(NamedTuple):
    """How far above the highest value of its days a scope has to be, as logarithms, by statistic."""

    breadth: float
    money_15m: float
    money_1h: float


class Past(msgspec.Struct):
    """One scope's days.

    Attributes:
        scope, org_id, name: The scope.
        days: The highest values of each day on which nothing was out of the ordinary.
        today: The highest values so far.
        fired: Whether anything was out of the ordinary today.
        in_a_row: On how many days in a row something was.
    """

    scope: AnomalyScope
    org_id: str
    name: str
    days: list[tuple[int, Values]] = []
    today: Values = (None, None, None)
    fired: bool = False
    in_a_row: int = 0

    @property
    def subject(self) -> Subject:
        """Whose days they are."""
        return Subject(self.scope, self.org_id, self.name)

    def highest(self, statistic: int) -> float | None:
        """The highest value of the days before; None where too few are known."""
        known = [value for _, values in self.days if (value := values[statistic]) is not None]
        return max(known) if len(known) >= LEAST_DAYS else None

    def judge(self, values: Values, limits: Limits, *, matters: bool = True) -> tuple[int, float] | None:
        """Take the values of a minute in: which is out of the ordinary first, and how far above its highest.

        Args:
            values: Of the minute.
            limits: How far above its highest each has to be.
            matters: Whether it is about money enough; else nothing is out of the ordinary.

        Returns:
            The statistic's place, and the logarithm of its value over the highest one; None if none is.
        """
        self.today = tuple(map(_higher, self.today, values))  # type: ignore[assignment]  # three of three
        for place, (value, limit) in enumerate(zip(values, limits, strict=True)):
            highest = self.highest(place)
            if matters and value is not None and highest is not None and value > highest + limit:
                self.fired = True
                return place, value - highest
        return None

    def close_day(self, day: int) -> bool:
        """The day is over; whether anything is left to be remembered.

        A day on which something was out of the ordinary is left out, as long as such days in a row are no more than
        half as many as are known: what goes on longer is what the scope does now.
        """
        self.in_a_row = self.in_a_row + 1 if self.fired else 0
        if any(value is not None for value in self.today) and not 0 < self.in_a_row <= max(1, len(self.days) // 2):
            self.days.append((day, self.today))
        self.days = [each for each in self.days if each[0] > day - HISTORY_DAYS]
        self.today, self.fired = (None, None, None), False
        return bool(self.days)


def _higher(before: float | None, value: float | None) -> float | None:
    if before is None or value is None:
        return value if before is None else before
    return max(before, value)
