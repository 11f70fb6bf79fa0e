"""Whose time events are held against: that of the log, where it says when it took them; else the worker's own.

A topic with `message.timestamp.type=LogAppendTime` says it of each record. With CreateTime a record says when its
publisher believes to have made it, which is as good as the event's own time and no check on it. The worker's clock
stands in then; but it may be wrong itself, and must not make dead letters of all traffic: so it allows for more.
"""

from collections.abc import Callable
from typing import NamedTuple

OWN_CLOCK_SKEW_MS = 3_600_000
"""How far ahead of the worker's own clock an event may be, at least."""


class Clocks(NamedTuple):
    """What a reader needs to know to say when the log took a record.

    Attributes:
        now_ms: The worker's clock, epoch milliseconds.
        skew_ms: How far ahead of the log's time an event may be.
    """

    now_ms: Callable[[], int]
    skew_ms: int

    def allowed_ms(self, *, by_clock: bool) -> int:
        """How far ahead an event may be: of the log's time, or of the worker's clock where that stands in."""
        return max(self.skew_ms, OWN_CLOCK_SKEW_MS) if by_clock else self.skew_ms
