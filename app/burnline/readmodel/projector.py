"""The projector: the topics into Redis, by one process at a time, with others standing by.

The projector with the lease keeps the generation in use up to date, fills another one where there is none or somebody
asked for it, and switches. The lease only saves work: what keeps the picture right are the offsets that each batch is
held against (`lua/apply.lua`), so that two who both believe they have it, or one who wakes up, do no harm.
"""

import asyncio
import logging
import os
import signal
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from redis.exceptions import NoPermissionError, RedisError

from burnline.kafka import client_config
from burnline.readmodel.connection import connect
from burnline.readmodel.filling import Filling
from burnline.readmodel.health import Reach
from burnline.readmodel.keys import DAY_MS, Control
from burnline.readmodel.metrics import ProjectorMetrics
from burnline.readmodel.source import Source
from burnline.readmodel.store import Store, Task
from burnline.readmodel.upkeep import Upkeep
from burnline.settings import Settings
from burnline.status import StatusServer
from burnline.topics.admission import missing_grants, needed
from burnline.topics.catalogue import HOUR_MS, topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import BrokerSilent
from burnline.topics.grants import Component
from burnline.topics.refusal import Refused
from burnline.topics.rights import as_one

TURN_S = 0.5
"""How often the lease is renewed, and looked what there is to do; less than half of the lease, by far."""
SWITCH_TURN_S = 0.05
STOP_TIMEOUT_S = 3.0
LOOK_S = 5.0
"""Between two looks for rights, as long as some are missing."""
UNRESPONSIVE_S = 10.0
STALE_MS = 12 * HOUR_MS
"""A generation that nobody kept for so long is filled anew: Kafka keeps a deletion for 24 hours only."""

_log = logging.getLogger(__name__)


class Projector:
    """A projector process' parts. Build, `run`, `close`."""

    def __init__(self, settings: Settings, *, rebuild: bool = False) -> None:
        """Build everything; binds the metrics port, connects to nothing yet.

        Raises:
            OSError: The metrics port is taken.
        """
        self._settings = settings
        self._topics = topics_for(settings)
        self._config = client_config(settings)
        self._control = Control(settings.redis_prefix)
        owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._client = connect(settings)
        self._store = Store(self._client, settings.redis_prefix, owner)
        self._rebuild_wanted = rebuild
        self._redis = Reach("Redis")
        self._brokers = Reach("Kafka")
        self._rights = Reach("What is projected")
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._metrics = ProjectorMetrics(registry)
        self._status = StatusServer(
            settings.metrics_host,
            settings.projector_metrics_port,
            registry,
            healthy=self._healthy,
            ready=self._ready,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ends")
        self._fillings: dict[str, Filling] = {}
        self._upkeep = Upkeep(settings, self._store, self._generations, self._brokers)
        self._grants = needed(Component.PROJECTOR, settings)
        self._task: Task | None = None
        self._unfit: str | None = ""  # not known yet
        self._beat_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until asked to stop.

        Raises:
            TopicError: A topic is not as it has to be, or the brokers refuse.
        """
        self._status.start()
        _log.info("metrics on %s/metrics", self._status.address)
        topics = asyncio.create_task(self._ensure_topics())
        upkeep = asyncio.create_task(self._upkeep.run())
        while not stop.is_set():
            self._beat_at = time.monotonic()
            if topics.done():
                topics.result()
                await self._turn_or_wait()
            if upkeep.done():
                upkeep.result()
            self._show()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SWITCH_TURN_S if self._switching else TURN_S)
        topics.cancel()
        upkeep.cancel()

    async def close(self) -> None:
        """Give the lease back, so that another one need not wait for its end, and hang up."""
        with suppress(RedisError, TimeoutError):  # else the lease ends by itself
            await asyncio.wait_for(self._stop_work(), STOP_TIMEOUT_S)
        self._status.stop()

    async def _stop_work(self) -> None:
        await self._keep([])
        await self._store.release()
        await self._client.aclose()

    async def _ensure_topics(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            look = partial(missing_grants, self._settings, self._grants, thorough=True)
            missing = as_one(await loop.run_in_executor(self._thread, look))
            if missing is not None:
                self._rights.failed(Refused(missing))
                await asyncio.sleep(LOOK_S)
                continue
            self._rights.answered()
            try:
                await loop.run_in_executor(self._thread, ensure_topics, self._settings)
            except BrokerSilent as error:
                self._brokers.failed(error)
            else:
                self._brokers.answered()
                return

    async def _turn_or_wait(self) -> None:
        try:
            await self._turn()
        except RedisError as error:
            self._redis.failed(error)
            await self._store.forget_idle_connections()
        except BrokerSilent as error:
            self._brokers.failed(error)
        except Refused as error:
            self._rights.failed(error)
        else:
            if not any(filling.refused for filling in self._fillings.values()):
                self._redis.answered()

    async def _turn(self) -> None:
        if self._rebuild_wanted:
            await self._store.ask_for_rebuild()
            self._rebuild_wanted = False
        was_leading = self._task is not None and self._task.leading
        if not was_leading:
            self._unfit = ""
        task = await self._store.lead()
        if task.leading:
            await self._look_at_policy()
        if task.lost:
            _log.error("Redis has lost keys (%s): what they belonged to is filled anew", task.lost)
        if task.leading and not was_leading:
            _log.info("at work: generation %s is in use", task.in_use or "(none)")
            await self._refuse_stale(task)
        elif not task.leading and (was_leading or self._task is None):
            _log.info("standing by: another projector is at work")
        self._task = task
        if not task.leading:
            await self._keep([])
            return
        if task.building is None and (task.rebuild or task.in_use is None):
            self._task = task = task._replace(building=await self._begin())
        await self._switch_or_fill(task)

    async def _refuse_stale(self, task: Task) -> None:
        for generation in (task.in_use, task.building):
            ago_ms = await self._store.seen_ms_ago(generation) if generation else None
            if ago_ms is None or ago_ms < STALE_MS:
                continue
            _log.warning("generation %s was not kept for %.1f h and is filled anew", generation, ago_ms / HOUR_MS)
            if generation == task.in_use:
                await self._store.ask_for_rebuild()
            else:
                await self._store.drop(str(generation))

    async def _look_at_policy(self) -> None:
        try:
            why = unfit(*await self._store.policy())
        except NoPermissionError as error:
            why = None
            if self._unfit is not None:
                _log.warning("whether Redis drops keys cannot be looked up: %s", error)
        if why is not None or why != self._unfit:  # told again, since such a Redis may drop that word, too
            await self._store.set_unfit(why)
        if why is not None and why != self._unfit:
            _log.error("readers get 503: %s", why)
        self._unfit = why

    async def _begin(self) -> str | None:
        source = Source(self._config, self._topics)
        loop = asyncio.get_running_loop()
        try:
            first = await loop.run_in_executor(self._thread, source.first_offsets)
        finally:
            loop.run_in_executor(self._thread, source.close)
        generation = await self._store.begin(first)
        await self._store.retire_unknown()
        _log.info("filling generation %s", generation)
        return generation

    async def _switch_or_fill(self, task: Task) -> None:
        filled = self._fillings.get(task.building or "")
        if filled is None or not filled.whole:
            await self._keep([task.in_use, task.building])
            return
        # The one in use stands still, so that the other one comes past it, and readers never see a step back.
        await self._keep([filled.generation])
        if await self._store.switch(filled.generation):
            self._metrics.built.inc()
            _log.info("generation %s is whole: readers use it from now on", filled.generation)
            self._task = task._replace(in_use=filled.generation, building=None)

    @property
    def _switching(self) -> bool:
        filled = self._fillings.get(self._task.building or "") if self._task else None
        return filled is not None and filled.whole

    async def _keep(self, wanted: list[str | None]) -> None:
        for former in [one for one in self._fillings if one not in wanted or self._fillings[one].ended]:
            await self._fillings.pop(former).stop()
        for generation in wanted:
            if generation is not None and generation not in self._fillings:
                self._fillings[generation] = self._filling(generation)
                self._fillings[generation].start()

    def _filling(self, generation: str) -> Filling:
        return Filling(
            generation,
            self._control.keys(generation),
            self._store,
            Source(self._config, self._topics),
            self._metrics,
            self._redis,
            self._brokers,
            self._rights,
            rollup_ttl_ms=self._settings.rollup_retention_days * DAY_MS,
        )

    def _generations(self) -> list[str]:
        return list(self._fillings)

    def _show(self) -> None:
        task = self._task
        self._metrics.leading.set(bool(task and task.leading))
        self._metrics.building.set(bool(task and task.building))
        self._metrics.whole.set(bool(task and task.in_use))
        self._metrics.redis_away.set(self._redis.away_s)
        self._metrics.brokers_away.set(self._brokers.away_s)
        for filling in self._fillings.values():
            for topic, records in filling.behind().items():
                self._metrics.behind.labels(topic).set(records)

    def _healthy(self) -> tuple[bool, str]:
        silent_s = time.monotonic() - self._beat_at
        if silent_s > UNRESPONSIVE_S:
            return False, f"the event loop has not answered for {silent_s:.0f} s"
        return True, "the event loop answers"

    def _ready(self) -> tuple[bool, str]:
        wrong = [
            reach.sentence for reach in (self._redis, self._brokers, self._rights, self._upkeep.usage) if reach.sentence
        ]
        if wrong:
            return False, "; ".join(wrong)
        task = self._task
        if task is None:
            return False, "starting"
        if not task.leading:
            return True, "standing by: another projector is at work"
        if self._unfit:
            return False, self._unfit
        if task.in_use is None:
            return False, f"filling generation {task.building}: readers get 503 until it is whole"
        told = [f"keeping generation {task.in_use}"]
        if task.building:
            told.append(f"filling generation {task.building}")
        if unreadable := sum(filling.unreadable for filling in self._fillings.values()):
            told.append(f"{unreadable} records could not be read and were passed over (see the log)")
        return True, "; ".join(told)


def unfit(limit_bytes: int, policy: str) -> str | None:
    """Why a projection cannot stand in a Redis that does this when its memory is full; None if it can.

    `volatile-…` drops only keys with a TTL, and no key of a projection has one; such a Redis refuses writes instead.

    Args:
        limit_bytes: `maxmemory`; 0 is no limit.
        policy: `maxmemory-policy`.
    """
    if limit_bytes == 0 or not policy.startswith("allkeys-"):
        return None
    return f"Redis drops any key when its memory is full (maxmemory-policy {policy}): it has to be noeviction."


async def _run(settings: Settings, *, rebuild: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    projector = Projector(settings, rebuild=rebuild)
    try:
        await projector.run(stop)
    finally:
        await projector.close()


def run_projector(settings: Settings, *, rebuild: bool = False) -> None:
    """Run a projector until SIGTERM or SIGINT. The process has to end afterwards.

    Threads may be left that wait for brokers; the interpreter's own way out would wait for them.

    Args:
        settings: Brokers, Redis, topics and prefix.
        rebuild: Fill another generation, then switch; the projector at work does it, be it this one or another.

    Raises:
        TopicError: A topic is not as it has to be, or the brokers refuse.
        OSError: The metrics port is taken.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_run(settings, rebuild=rebuild))
