"""A reader in a thread of its own, which polls while what it found before is worked on."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from burnline.stream.batches import Records
from burnline.stream.reader import Reader

T = TypeVar("T")

Polled = Mapping[int, Sequence[Records]]
"""What a poll has found, by partition, in order."""


class PollingAhead:
    """Holds one poll that nobody has asked for yet, and no more: that bounds what it adds to memory.

    Used on one event loop, by one task at a time.
    """

    def __init__(self, make: Callable[[], Reader]) -> None:
        self._make = make
        self._reader: Reader | None = None
        self._ahead: asyncio.Future[Polled] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="usage-fetch")

    @property
    def away_since_s(self) -> float | None:
        """Monotonic time since which no broker has been reached; None while one is."""
        return None if self._reader is None else self._reader.away_since_s

    @property
    def in_doubt(self) -> bool:
        """Whether a partition is not read any further, since the log does not hold its position."""
        return self._reader is not None and self._reader.in_doubt

    def end_offset(self, partition: int) -> int:
        """The end of a partition as the newest fetch saw it; negative before the first one."""
        return -1 if self._reader is None else self._reader.end_offset(partition)

    def unheard(self) -> Collection[int]:
        """Partitions of which nothing has been heard since they were assigned."""
        return () if self._reader is None else self._reader.unheard()

    async def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from these offsets; what was polled ahead of other ones is dropped.

        Raises:
            KafkaException: The brokers refuse for good.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await ahead
        await self._run(partial(self._read_from, positions))

    def _read_from(self, positions: Mapping[int, int]) -> None:
        if self._reader is None:
            self._reader = self._make()
        self._reader.assign(positions)

    async def renew(self) -> None:
        """Give the reader up, with what was polled ahead; the next assignment makes another one."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await asyncio.wait([ahead])
        reader, self._reader = self._reader, None
        if reader is not None:
            await self._run(reader.close)

    async def poll(self) -> Polled:
        """What has come since the last poll; the next one begins at once.

        Raises:
            KafkaException: The brokers refuse for good.
        """
        assert self._reader is not None  # noqa: S101  # assigned first
        polling, self._ahead = self._ahead or self._run(self._reader.poll), None
        found = await polling
        self._ahead = self._run(self._reader.poll)
        return found

    async def look_for_brokers(self) -> None:
        """Ask whether one is back."""
        assert self._reader is not None  # noqa: S101  # assigned first
        await self._run(self._reader.look_for_brokers)

    async def close(self) -> None:
        """Read no more. What was polled ahead is dropped, be it an error: nobody waits for it any more."""
        if self._ahead is not None:
            await asyncio.wait([self._ahead])
        if self._reader is not None:
            await self._run(self._reader.close)
        self._thread.shutdown(wait=False)

    def _run(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, function)
