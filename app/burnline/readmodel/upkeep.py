"""What a projector does beside projecting.

It notes how far `usage` goes, deletes what is retired or has expired, and holds keys against their counts.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from redis.exceptions import RedisError

from burnline.kafka import client_config
from burnline.readmodel.health import Reach
from burnline.readmodel.store import AUDIT_START, AuditPlace, Store
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.clients import reader
from burnline.topics.ends import spans
from burnline.topics.errors import BrokerSilent
from burnline.topics.refusal import Refused

INTERVAL_S = 0.5
TIDY_S = 60.0
_TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)


class Upkeep:
    """Keeps up the generations that this projector works at, while it has the lease."""

    def __init__(self, settings: Settings, store: Store, generations: Callable[[], list[str]], brokers: Reach) -> None:
        """Take where to work, and what tells the generations at work now."""
        self._store = store
        self._generations = generations
        self._brokers = brokers
        self.usage = Reach("Where usage ends")
        """Whether it is known."""
        usage = topics_for(settings).usage
        self._topic, self._partitions = usage.name, range(usage.partitions)
        self._consumer = reader(client_config(settings))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ends of usage")
        self._tidied_at_s = time.monotonic()
        self._audited: dict[str, AuditPlace] = {}

    async def run(self) -> None:
        """Work until cancelled. What fails is tried again in the next round."""
        while True:
            try:
                if generations := self._generations():
                    await self._round(generations)
            except RedisError:
                pass  # the projector's own turn says so
            except BrokerSilent as error:
                self._brokers.failed(error)
            except Refused as error:
                self.usage.failed(error)
            await asyncio.sleep(INTERVAL_S)

    async def _round(self, generations: list[str]) -> None:
        found = await asyncio.get_running_loop().run_in_executor(
            self._thread, spans, self._consumer, self._topic, self._partitions, _TIMEOUT_S
        )
        self._brokers.answered()
        self.usage.answered()
        ends = {partition: span.stable for partition, span in found.items()}
        for generation in generations:
            await self._store.seen(generation, ends)
        await self._audit(generations)
        if deleted := await self._store.sweep():
            _log.info("%d keys of former generations are deleted", deleted)
        if time.monotonic() - self._tidied_at_s > TIDY_S:
            for generation in generations:
                await self._store.tidy(generation)
            self._tidied_at_s = time.monotonic()

    async def _audit(self, generations: list[str]) -> None:
        places = {generation: self._audited.get(generation, AUDIT_START) for generation in generations}
        self._audited = {generation: await self._store.audit(generation, place) for generation, place in places.items()}
