"""One generation being filled, and kept up to date: read, plan, apply, again and again."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from redis.exceptions import RedisError

from burnline.readmodel.batch import Batch, plan
from burnline.readmodel.health import Reach
from burnline.readmodel.keys import Keys
from burnline.readmodel.metrics import ProjectorMetrics
from burnline.readmodel.source import MadeAnew, Source
from burnline.readmodel.store import Store
from burnline.topics.errors import BrokerSilent
from burnline.topics.refusal import Refused

PAUSE_S = 0.25
"""Before the next try, while Redis is away."""
REFUSED_PAUSE_S = 5.0
"""Before the next try, while a right is missing."""

_log = logging.getLogger(__name__)


class _Planned(NamedTuple):
    batch: Batch | None
    reached: bool  # nothing is left of what stood on the topics at the start


class Filling:
    """Keeps one generation up to date, from the offsets that stand in Redis with it.

    Whatever goes wrong with a batch, its outcome is known afterwards: Redis has the offsets, and reading goes on there.

    Attributes:
        whole: All that stood on the topics when reading began is in Redis.
        unreadable: Records passed over by this process.
        refused: Redis did not answer the last time, or refused.
    """

    def __init__(
        self,
        generation: str,
        keys: Keys,
        store: Store,
        source: Source,
        metrics: ProjectorMetrics,
        redis: Reach,
        brokers: Reach,
        rights: Reach,
        *,
        rollup_ttl_ms: int,
    ) -> None:
        self.generation = generation
        self.whole = False
        self.unreadable = 0
        self.refused = False
        self._keys = keys
        self._store = store
        self._source = source
        self._metrics = metrics
        self._redis = redis
        self._brokers = brokers
        self._rights = rights
        self._rollup_ttl_ms = rollup_ttl_ms
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"generation {generation}")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, in a task of its own."""
        self._task = asyncio.create_task(self._run(), name=f"generation {self.generation}")

    @property
    def ended(self) -> bool:
        """Whether the generation is gone, so that there is nothing to keep.

        Raises:
            Exception: What the task failed with.
        """
        if self._task is None or not self._task.done():
            return False
        self._task.result()
        return True

    async def stop(self) -> None:
        """Stop between two batches or in one; either is well."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.submit(self._source.close)  # after what may still be in work there
        self._thread.shutdown(wait=False)

    def behind(self) -> dict[str, int]:
        """Offsets between what was read and the ends, by topic."""
        return self._source.behind()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.whole = False
            try:
                offsets = await self._store.offsets(self.generation)
                if not offsets:
                    return
                await loop.run_in_executor(self._thread, self._source.start, offsets)
                self._brokers.answered()
                self._rights.answered()
                await self._follow()
            except RedisError as error:
                self.refused = True
                self._redis.failed(error)
                await self._store.forget_idle_connections()
                await asyncio.sleep(PAUSE_S)
            except BrokerSilent as error:
                self._brokers.failed(error)
            except Refused as error:
                self._rights.failed(error)
                await asyncio.sleep(REFUSED_PAUSE_S)
            except MadeAnew as error:
                _log.error("generation %s is given up: %s", self.generation, error)
                with suppress(RedisError):  # asked again, from its offsets, when Redis is there again
                    await self._store.drop(self.generation)
                    return

    async def _follow(self) -> None:
        """Return when Redis did not take a batch; the next one is read while Redis is at work."""
        loop = asyncio.get_running_loop()
        applying: asyncio.Task[bool] | None = None
        reached = False
        try:
            while True:
                planned = await loop.run_in_executor(self._thread, self._plan)
                if applying is not None and not await applying:
                    self._metrics.lost.inc()
                    return
                self.refused = False
                self.whole = self.whole or reached or (planned.reached and planned.batch is None)
                reached = planned.reached
                applying = None if planned.batch is None else asyncio.create_task(self._apply(planned.batch))
        finally:
            if applying is not None and not applying.done():
                applying.cancel()
                with suppress(asyncio.CancelledError, RedisError):
                    await applying

    def _plan(self) -> _Planned:
        taken = self._source.take()
        reached = self._source.unreached == 0
        if not taken.stretches:
            return _Planned(None, reached)
        return _Planned(plan(taken.records, taken.stretches, self._keys, rollup_ttl_ms=self._rollup_ttl_ms), reached)

    async def _apply(self, batch: Batch) -> bool:
        started_s = time.perf_counter()
        if not await self._store.apply(self.generation, batch):
            return False
        self._metrics.applied(batch, time.perf_counter() - started_s)
        self.unreadable += len(batch.unreadable)
        for record, why in batch.unreadable:
            place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
            _log.error("%s cannot be read and is passed over: %s", place, why)
        return True
