"""The source topic, read from the ledgers' positions, and from others once these change."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from burnline.stream.ahead import Polled, PollingAhead
from burnline.stream.batches import RecordBatch
from burnline.stream.reader import POLL_S, Reader
from burnline.stream.standstill import Standstill, Unheard

_log = logging.getLogger(__name__)

Batches = Mapping[int, list[RecordBatch]]
"""By partition, each batch beginning where the one before it ends."""


class Following:
    """Follows the ledgers with a reader. One question is answered at a time, whoever asks meanwhile.

    Faust asks anew after a rebalance, though it may still have a question open from before it. Were both answered at
    once, the reader could end up with the partitions of the one and this object with the positions of the other: a
    partition that nobody reads, though it is ready and seems to be at its end.
    """

    def __init__(self, make: Callable[[], Reader]) -> None:
        """Read nothing yet; `make` is called when there is something to read."""
        self._reader = PollingAhead(make)
        self._turn = asyncio.Lock()
        self._reading: dict[int, int] | None = None  # partition -> position, None before an assignment
        self._standstill = Standstill()
        self._unheard = Unheard()

    def restart(self) -> None:
        """Begin anew at the ledgers' positions with the next question; what is on its way is dropped."""
        self._reading = None

    @property
    def brokers_away_s(self) -> float:
        """How long no broker has been reached; 0 while one is."""
        since_s = self._reader.away_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    @property
    def in_doubt(self) -> bool:
        """Whether a partition is not read any further, since the log does not hold its position."""
        return self._reading is not None and self._reader.in_doubt

    def fetched_to(self, partition: int) -> int | None:
        """The offset that is to be fetched next; None while the partition is not read."""
        return (self._reading or {}).get(partition)

    def end_offset(self, partition: int) -> int | None:
        """The end of a partition as the newest fetch saw it; None before the first one."""
        end = self._reader.end_offset(partition) if partition in (self._reading or ()) else -1
        return None if end < 0 else end

    async def fetch(
        self, positions_now: Callable[[], Mapping[int, int]], begins: Callable[[], None], flows: Callable[[], bool]
    ) -> Batches:
        """What has come; waits a moment for it.

        Args:
            positions_now: By partition that is to be read, the offset that is to be applied next; asked when it is this
                question's turn.
            begins: Called before reading begins anew, at these positions.
            flows: False while nothing may be handed out.

        Raises:
            KafkaException: The brokers refuse for good.
        """
        async with self._turn:
            positions = positions_now()
            if not positions:  # a rebalance is under way, or none of the partitions can be read
                await asyncio.sleep(POLL_S)
                return {}
            lost = self._standstill.found(positions, self._reading or {}, time.monotonic())
            if lost:
                _log.info("partitions %s: what was fetched last got lost, fetching again", sorted(lost))
                # It may be of a topic that is gone: a client can go on for minutes without seeing the one made anew.
                await self._reader.renew()
            if lost or self._reading is None or self._reading.keys() != positions.keys():
                begins()
                await self._begin(dict(positions))
            reading = self._reading
            if reading is None:  # restarted while it began
                return {}
            found = await self._reader.poll()
            reachable = self._reader.away_since_s is None
            if not reachable:
                await self._reader.look_for_brokers()
            silent = self._unheard.found(self._reader.unheard(), reachable=reachable, now_s=time.monotonic())
            if silent:
                _log.info("partitions %s: nothing is heard of them, another client reads on", silent)
                await self._reader.renew()
                self._reading = None
                return {}
            if self._reading is not reading or not flows():
                self._reading = None
                return {}
            return _chained(found, reading)

    async def _begin(self, positions: dict[int, int]) -> None:
        self._standstill.forget()
        self._unheard.assigned()
        self._reading = positions
        try:
            await self._reader.assign(dict(positions))
        except BaseException:
            self._reading = None
            raise

    async def close(self) -> None:
        """Read no more."""
        await self._reader.close()


def _chained(found: Polled, reading: dict[int, int]) -> Batches:
    batches: dict[int, list[RecordBatch]] = {}
    for partition, several in found.items():
        batches[partition] = chain = []
        for records in several:
            chain.append(batch := RecordBatch(partition, reading[partition], records))
            reading[partition] = batch.end
    return batches
