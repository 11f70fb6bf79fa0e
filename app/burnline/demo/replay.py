"""The replay: when each event of the demo is published, and as of when it counts.

The trace keeps its own spacing in event time, and is published `speed` times faster than that. It is dated so that
it ends when the replay does: an event of offset `o` in a trace of length `L`, in a replay that starts at `S`, is
published at `S + o / speed` and has happened at `S + L / speed - (L - o)`, which is never after its publication. So
burn rates are those of the real hour, while event time runs `speed` times as fast as the clock on the wall.
"""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from burnline.demo.scenario import Planned


@dataclass(frozen=True, slots=True)
class Timetable:
    """Dates of a replay; all times are epoch milliseconds.

    Args:
        start_ms: When the replay starts, by the clock on the wall.
        length_ms: From the trace's start to its last event.
        speed: How many times faster than it happened the trace is published.
    """

    start_ms: int
    length_ms: int
    speed: float

    @property
    def end_ms(self) -> int:
        """When the last event is published, and when it happened."""
        return self.start_ms + math.floor(self.length_ms / self.speed)

    @property
    def origin_ms(self) -> int:
        """When the trace's first moment happened, in event time."""
        return self.end_ms - self.length_ms

    def due_ms(self, offset_ms: int) -> int:
        """When an event is to be published, by the clock on the wall."""
        return self.start_ms + math.floor(offset_ms / self.speed)

    def offset_ms(self, now_ms: int) -> int:
        """How far into the trace the replay is: 0 to its length."""
        return min(max(0, math.floor((now_ms - self.start_ms) * self.speed)), self.length_ms)


def replay(
    events: Iterable[Planned],
    timetable: Timetable,
    publish: Callable[[dict[str, Any]], None],
    *,
    now_ms: Callable[[], int],
    stop: threading.Event,
) -> int:
    """Publish each event when it is due, until all are out or `stop` is set.

    Returns:
        How many events were published.
    """
    published = 0
    for event in events:
        wait_ms = timetable.due_ms(event.offset_ms) - now_ms()
        if stop.wait(wait_ms / 1000) if wait_ms > 0 else stop.is_set():
            break
        publish(event.at(timetable.origin_ms))
        published += 1
    return published
