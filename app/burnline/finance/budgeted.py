"""What the subjects of budgets have spent, out of the frame of rollup rows."""

from collections.abc import Iterator

import polars as pl

from burnline.finance.days import Day
from burnline.finance.frames import COLUMNS, Dimension, within

SCOPES = {"org": None, "team": Dimension.TEAM, "project": Dimension.PROJECT, "agent": Dimension.AGENT}
"""By scope, what tells its subjects apart within an organisation; None is the organisation itself."""


class SpentBy:
    """Sums by scope and period, each taken once."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """Take the rows that may be seen."""
        self._frame = frame
        self._sums: dict[tuple[str, int, int], dict[tuple[str, str], int]] = {}

    def pico(self, scope: str, org_id: str, name: str, start_ms: int, end_ms: int) -> int:
        """What a subject has spent in `[start_ms, end_ms)`, pico-USD; the name of an organisation is empty."""
        place = scope, start_ms, end_ms
        if place not in self._sums:
            self._sums[place] = dict(_summed(within(self._frame, start_ms, end_ms), scope))
        return self._sums[place].get((org_id, name), 0)

    def subjects(self, scope: str) -> list[tuple[str, str]]:
        """Organisation and name of all that have spent."""
        return [subject for subject, _ in _summed(self._frame, scope)]

    def daily(self, scope: str, org_id: str, name: str, days: list[Day]) -> list[int]:
        """What a subject has spent on each day, pico-USD."""
        return [self.pico(scope, org_id, name, day.start_ms, day.end_ms) for day in days]


def _summed(frame: pl.DataFrame, scope: str) -> Iterator[tuple[tuple[str, str], int]]:
    dimension = SCOPES[scope]
    by = [COLUMNS[Dimension.ORG], *([] if dimension is None else [COLUMNS[dimension]])]
    rows = frame.filter(pl.col(by[-1]).fill_null("") != "") if dimension else frame
    for org_id, *name, cost in rows.group_by(by).agg(pl.col("cost").sum()).iter_rows():
        yield (org_id, name[0] if name else ""), cost
