"""Notices that what was fetched is not being applied."""

from collections.abc import Mapping

STANDSTILL_S = 5.0
"""Longer than a batch waits in a worker that is at work; should one be late all the same, it is only read twice."""


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
