"""Notices that what was fetched is not being applied."""

from collections.abc import Collection, Mapping

STANDSTILL_S = 5.0
"""Longer than a batch waits in a worker that is at work; should one be late all the same, it is only read twice."""


HEARD_WITHIN_S = 15.0
"""A partition that is fetched gives a record, or says that there is none, at once; a new leader takes seconds."""
HEARD_WITHIN_POLLS = 50
"""So often a reader was asked meanwhile: while nobody asks it, it says nothing."""
LONGEST_S = 240.0


class Unheard:
    """Watches whether anything is heard of each partition once it is assigned.

    A client that knew a topic which was deleted may wait for its former leaders when it was made anew: no record, no
    error, and an end of 0. Another client does not; while there is no leader, nor does that one help, so that each is
    given twice the time of the one before it.
    """

    def __init__(self) -> None:
        self._within_s = HEARD_WITHIN_S
        self._since_s: float | None = None
        self._polls = 0

    def assigned(self) -> None:
        """Partitions are assigned: time counts from the next poll on."""
        self._since_s, self._polls = None, 0

    def found(self, unheard: Collection[int], *, reachable: bool, now_s: float) -> list[int]:
        """After a poll: partitions that another client is to read.

        Args:
            unheard: Of which nothing has been heard since they were assigned.
            reachable: Whether any broker is.
            now_s: A monotonic clock.
        """
        if self._since_s is None or not reachable:
            self._since_s, self._polls = now_s, 0
        self._polls += 1
        if not unheard:
            self._within_s = HEARD_WITHIN_S
        if not unheard or self._polls < HEARD_WITHIN_POLLS or now_s - self._since_s < self._within_s:
            return []
        self._within_s = min(2 * self._within_s, LONGEST_S)
        return sorted(unheard)


class Standstill:
    """Watches, by partition, whether the ledgers follow the reader.

    A batch that Faust drops in a rebalance shows by the next one, whose start is beyond the ledgers' position. If it
    was the partition's last one for now, nothing comes that could show it.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[int, float]] = {}  # partition -> next offset, since when

    def found(self, applied: Mapping[int, int], fetched: Mapping[int, int], now_s: float) -> list[int]:
        """Partitions that have not moved for `STANDSTILL_S` though more was fetched of them.

        Args:
            applied: By partition, the offset that is to be applied next.
            fetched: By partition, the offset that is to be fetched next.
            now_s: A monotonic clock.
        """
        before = self._waiting
        self._waiting = {}
        for partition, offset in applied.items():
            if fetched.get(partition, 0) > offset:
                known = before.get(partition)
                self._waiting[partition] = known if known and known[0] == offset else (offset, now_s)
        return [partition for partition, (_, since_s) in self._waiting.items() if now_s - since_s >= STANDSTILL_S]

    def forget(self) -> None:
        """Fetching begins anew."""
        self._waiting = {}
