"""The rollup rows that this process has read, a frame per UTC day, read again once the day's revision has moved.

Every call asks Redis first: nothing is answered from memory alone, so a Redis that is away, or was emptied, is seen at
once. A row takes about 0.4 KB here; no more than `DAYS_HELD` days are kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import polars as pl
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from burnline.api.envelope import Freshness, ask_freshness, freshness_from
from burnline.api.problems import Problem, unavailable
from burnline.api.resources import Resources
from burnline.api.view.catalogue import projected_bounds
from burnline.api.view.generation import read_together
from burnline.finance.bounds import UnpricedBounds
from burnline.finance.frames import joined, read_rows
from burnline.readmodel.checked import NotWhole
from burnline.readmodel.keys import DAY_MS, Keys, utc_day
from burnline.readmodel.rows import UnreadableRow

DAYS_HELD = 440
"""A question of 400 days, in any zone, and some for others."""
DAYS_AT_ONCE = 4
"""Days read in one transaction: Redis answers nobody else meanwhile."""
MORE_ATTEMPTS = 5
"""Readings beyond those that are needed, while older days go on changing."""
_FRESHNESS = 3
_CUTS = _FRESHNESS
_REVISIONS = _CUTS + 1


Cuts = dict[int, int | None]
"""By partition of `usage`, up to which offset the ledgers hold all events that the rows have; None where some of a
flush are missing yet, or nobody has said."""


class Rows(NamedTuple):
    """Rows of whole UTC days, how fresh they are, and where they equal the ledgers."""

    frame: pl.DataFrame
    freshness: Freshness
    cuts: Cuts


class _Held(NamedTuple):
    revision: bytes
    frame: pl.DataFrame


class RollupCache:
    """One per process; readings go one after the other."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._keys: Keys | None = None
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._bounds: UnpricedBounds | None = None
        """By which the frames that are held say what tokens without a rate may cost."""

    async def read(self, resources: Resources, from_ms: int, until_ms: int) -> Rows:
        """All rows of the UTC days that `[from_ms, until_ms)` touches, as of one moment; every organisation's.

        Raises:
            Problem: 503, there is no projection, or older days change faster than they can be read.
            UnreadableRow: What Redis holds is no row (which the application answers with 503, too).
            redis.RedisError: Redis is away.
        """
        days = [utc_day(at_ms) for at_ms in range(from_ms // DAY_MS * DAY_MS, max(until_ms, from_ms + 1), DAY_MS)]
        for _ in range(len(days) // DAYS_AT_ONCE + MORE_ATTEMPTS):
            async with self._lock:  # not for longer: who asks for a day need not wait for who asks for ninety
                outdated, freshness, cuts = await self._renew(resources, days, [])
                if outdated:
                    outdated, freshness, cuts = await self._renew(resources, days, outdated[-DAYS_AT_ONCE:])
                if not outdated:
                    return Rows(self._whole(days), freshness, cuts)
        raise unavailable("Usage changes faster than it can be read.", "changing")

    async def _renew(
        self, resources: Resources, days: Sequence[str], stale: Sequence[str]
    ) -> tuple[list[str], Freshness, Cuts]:
        """Read the stale days; which days are outdated then, and how fresh and whole all was at that moment."""
        try:
            bounds = await projected_bounds(resources)
            keys, answers = await read_together(resources, _asking(days, stale))
        except (Problem, NotWhole, RedisError):
            self._held.clear()  # what comes back may have counted its revisions anew
            raise
        if keys != self._keys or bounds is not self._bounds:
            self._keys, self._bounds = keys, bounds
            self._held.clear()
        revisions = dict(zip(days, answers[_REVISIONS], strict=True))
        for day, values in zip(stale, answers[_REVISIONS + 1 :], strict=True):
            await self._keep(day, revisions[day], values, bounds)
        outdated = [day for day in days if self._revision(day) != revisions[day]]
        cuts = {int(partition): int(offset) if offset else None for partition, offset in answers[_CUTS].items()}
        return outdated, freshness_from(answers[:_FRESHNESS], resources.now_ms()), cuts

    async def _keep(self, day: str, revision: bytes | None, values: list[bytes], bounds: UnpricedBounds) -> None:
        if revision is None:
            self._held.pop(day, None)
            return
        frame = await asyncio.to_thread(_read, values, bounds)
        self._held[day] = _Held(revision, frame)
        self._held.move_to_end(day)
        while len(self._held) > DAYS_HELD:
            self._held.popitem(last=False)

    def _revision(self, day: str) -> bytes | None:
        held = self._held.get(day)
        return None if held is None else held.revision

    def _whole(self, days: Sequence[str]) -> pl.DataFrame:
        held = [self._held[day] for day in days if day in self._held]
        for day in days:
            if day in self._held:
                self._held.move_to_end(day)
        return joined([each.frame for each in held])


def _asking(days: Sequence[str], stale: Sequence[str]) -> Callable[[Pipeline, Keys], None]:
    def ask(pipe: Pipeline, keys: Keys) -> None:
        ask_freshness(pipe, keys)
        pipe.hgetall(keys.rollup_cuts)
        pipe.hmget(keys.rollup_revisions, list(days))
        for day in stale:
            pipe.hvals(keys.rollups(day))

    return ask


def _read(values: list[bytes], bounds: UnpricedBounds) -> pl.DataFrame:
    try:
        return read_rows(values, bounds)
    except ValueError as error:
        raise UnreadableRow(str(error)) from error
