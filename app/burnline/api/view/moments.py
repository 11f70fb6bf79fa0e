"""How far the log's time has come, per source partition: the moments that burn rates are as of.

A partition's moment is when the log took the newest record that the worker has applied. While every event of the
partition is applied, it moves on with the clock from when that was written, as it does in the worker: that is how the
rates of silent sessions decay. While events wait to be applied it stands still, because nobody knows yet what was
spent. It never goes back. A session's windows end as far behind it as the log takes the session's events late.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from burnline.windows.slices import slice_index


class Applied(NamedTuple):
    """What the worker has said last about a partition. Times are epoch milliseconds; 0 is that of no record."""

    next_offset: int
    reached_ms: int
    written_at_ms: int


class Moments:
    """The moments of all partitions."""

    __slots__ = ("_at_ms",)

    def __init__(self) -> None:
        self._at_ms: dict[int, int] = {}

    def move(self, progress: Mapping[int, Applied], ends: Mapping[int, int], now_ms: int) -> None:
        """Take over how far the partitions are.

        Args:
            progress: By partition, what was applied.
            ends: By partition, the end of the usage topic; one that is not known counts as reached.
            now_ms: Wall clock.
        """
        for partition, applied in progress.items():
            if not applied.reached_ms:
                continue
            idle = ends.get(partition, 0) <= applied.next_offset
            self.reach(partition, applied.reached_ms + (max(0, now_ms - applied.written_at_ms) if idle else 0))

    def reach(self, partition: int, at_ms: int) -> None:
        """The log took a record at this time that is applied: the partition's moment is not before it."""
        if at_ms > self._at_ms.get(partition, 0):
            self._at_ms[partition] = at_ms

    def of(self, partitions: Iterable[int]) -> int:
        """The moment of what stands on these partitions: the newest of theirs; 0 if none is known."""
        return max((self._at_ms.get(partition, 0) for partition in partitions), default=0)

    def slices(self) -> tuple[tuple[int, int], ...]:
        """The slice that each partition's moment is in."""
        return tuple((partition, slice_index(at_ms)) for partition, at_ms in self._at_ms.items())

    def newest(self) -> int | None:
        """The newest moment of all, or None before the first event."""
        return max(self._at_ms.values(), default=None)

    def oldest(self) -> int | None:
        """The oldest one, of the partition that is furthest behind."""
        return min(self._at_ms.values(), default=None)
