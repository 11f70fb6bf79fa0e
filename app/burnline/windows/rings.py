"""Sums over windows from a minute to days, out of buckets of several widths: what an event costs is the same for all.

Time is cut into slices of 10 s, and these are gathered in buckets of 1, 6, 30 and 360 slices, aligned to the Unix
epoch. A window is a number of whole buckets that ends with the one that is filling; the widest width counts that makes
at least 30 of it, so that its beginning is known within a thirtieth.
"""

from functools import cache

import msgspec

WIDTHS = (1, 6, 30, 360)
"""In slices: 10 s, 1 min, 5 min, 1 h."""
LEAST_BUCKETS = 30
LONGEST_SLICES = 3 * 8640
"""Three days."""
_KEPT = {width: 2 * max(LEAST_BUCKETS, LONGEST_SLICES // 360) for width in WIDTHS}
"""Buckets of a width that are held: twice what any window over them is made of."""
_MOST_PENDING = 30


@cache
def width_of(length: int) -> int:
    """The width of the buckets that a window of so many slices is made of."""
    fitting = [width for width in WIDTHS if not length % width and length // width >= LEAST_BUCKETS]
    return max(fitting, default=1)


class Rings(msgspec.Struct):
    """What was spent, in buckets of each width. Money in pico-USD; nothing is newer than `newest_slice`."""

    newest_slice: int = -1
    buckets: dict[int, dict[int, int]] = msgspec.field(default_factory=lambda: {width: {} for width in WIDTHS})
    pending: dict[int, int] = msgspec.field(default_factory=dict)
    """By slice, what is not in the buckets yet: buckets are filled once for many events."""

    def add(self, index: int, pico_usd: int) -> None:
        """Add to a slice, which may lie behind the newest."""
        if index > self.newest_slice:
            self.newest_slice = index
        pending = self.pending
        pending[index] = pending.get(index, 0) + pico_usd
        if len(pending) > _MOST_PENDING:
            self._fill()

    def _fill(self) -> None:
        for width, held in self.buckets.items():
            for index, pico_usd in self.pending.items():
                bucket = index // width
                held[bucket] = held.get(bucket, 0) + pico_usd
            if len(held) > _KEPT[width]:
                self._drop_old(width)
        self.pending.clear()

    def _drop_old(self, width: int) -> None:
        oldest = self.newest_slice // width - _KEPT[width] // 2
        held = self.buckets[width]
        for bucket in [bucket for bucket in held if bucket <= oldest]:
            del held[bucket]

    def sum(self, length: int, end: int | None = None) -> int:
        """What a window of so many slices holds that ends with a slice; with the newest one if none is said."""
        if self.pending:
            self._fill()
        width = width_of(length)
        last = (self.newest_slice if end is None else end) // width
        held = self.buckets[width]
        return sum(held.get(bucket, 0) for bucket in range(last - length // width + 1, last + 1))
