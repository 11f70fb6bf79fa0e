"""The partitions of a topic as one log, in the order in which it took the records. Pure.

Whoever reads several partitions gets their records in any order. Put in the order of the log's own times (then of
partitions, then of offsets) they are the same log for everybody who reads it, at once or a week later: so the same
incidents come of it.
"""

from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple


class Logged(NamedTuple):
    """A record, and where and when (epoch milliseconds) the log took it."""

    logged_ms: int
    partition: int
    offset: int
    value: bytes | None


_order = attrgetter("logged_ms", "partition", "offset")


class Merge:
    """Holds records back until no partition can have an earlier one."""

    def __init__(self, partitions: Iterable[int]) -> None:
        """Begin with partitions of which nothing is known."""
        self._reached = dict.fromkeys(partitions, -1)
        self._held: deque[Logged] = deque()

    def __len__(self) -> int:
        """Records that are held back."""
        return len(self._held)

    def add(self, records: Iterable[Logged]) -> None:
        """Take records in; those of one partition in its order."""
        added = list(records)
        for record in added:
            self._reached[record.partition] = max(self._reached[record.partition], record.logged_ms)
        self._held = deque(sorted([*self._held, *added], key=_order))

    def note_end(self, partition: int, now_ms: int) -> None:
        """A partition has no record that the log took before a moment, beside those that were added."""
        self._reached[partition] = max(self._reached[partition], now_ms)

    def ahead(self) -> set[int]:
        """The partitions that wait for others."""
        known_ms = min(self._reached.values())
        return {partition for partition, reached_ms in self._reached.items() if reached_ms > known_ms}

    def take(self) -> list[Logged]:
        """What no earlier record can come before any more, in order. One that is late all the same comes at once."""
        known_ms = min(self._reached.values())
        taken = []
        while self._held and self._held[0].logged_ms < known_ms:
            taken.append(self._held.popleft())
        return taken
