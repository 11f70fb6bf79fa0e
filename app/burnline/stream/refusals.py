"""Which partitions stand still, why, and when each is looked at again. Pure: time is an argument."""

from collections.abc import Container
from typing import NamedTuple

from burnline.topics.refusal import Refusal

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
"""What an operator has cured goes on within so long."""


class _Standing(NamedTuple):
    refusal: Refusal
    since_s: float
    wait_s: float
    again_at_s: float


class Refusals:
    """By partition, the one refusal that stands. Written on the event loop, read from any thread."""

    def __init__(self) -> None:
        self._standing: dict[int, _Standing] = {}

    def __len__(self) -> int:
        return len(self._standing)

    def __contains__(self, partition: object) -> bool:
        return partition in self._standing

    def all(self) -> dict[int, Refusal]:
        """What stands now, by partition, ascending."""
        return {partition: standing.refusal for partition, standing in sorted(self._standing.copy().items())}

    def refuse(self, partition: int, refusal: Refusal, now_s: float) -> bool:
        """A partition cannot go on; each time in a row it is looked at again later than the time before.

        Returns:
            Whether that is news: it went on before, or something else was the matter.
        """
        before = self._standing.get(partition)
        wait_s = FIRST_RETRY_S if before is None else min(2 * before.wait_s, LAST_RETRY_S)
        since_s = now_s if before is None else before.since_s
        self._standing[partition] = _Standing(refusal, since_s, wait_s, now_s + wait_s)
        return before is None or before.refusal[:2] != refusal[:2]

    def end(self, partition: int, now_s: float) -> float | None:
        """A partition goes on; says for how long it did not, None if nothing stood."""
        standing = self._standing.pop(partition, None)
        return None if standing is None else now_s - standing.since_s

    def keep(self, partitions: Container[int]) -> None:
        """Forget the others: they have another owner."""
        self._standing = {number: standing for number, standing in self._standing.items() if number in partitions}

    def due(self, now_s: float) -> list[int]:
        """Partitions to be looked at again now."""
        return [
            number
            for number, standing in self._standing.items()
            if standing.refusal.heals and standing.again_at_s <= now_s
        ]

    def wait_s(self, partition: int) -> float:
        """How long to leave a refused partition alone after it was refused last."""
        return self._standing[partition].wait_s
