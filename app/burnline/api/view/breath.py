"""Long work in an event loop that has to answer others: it pauses before anybody notices."""

import asyncio
import time
from collections.abc import Callable, Iterable

BREATH_S = 0.002
"""So long it works at a stretch; requests wait for at most that, and the step that it was in."""


class Breath:
    """Counts the time since the loop could do something else."""

    __slots__ = ("_clock", "_since_s")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._since_s = clock()

    async def take(self) -> None:
        """Let others run, if it is time."""
        if self._clock() - self._since_s > BREATH_S:
            await asyncio.sleep(0)
            self._since_s = self._clock()

    async def through(self, steps: Iterable[object]) -> None:
        """Go through an iterator for what it does on the way."""
        for _ in steps:
            await self.take()
