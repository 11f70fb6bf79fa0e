"""The one place that builds, starts and stops the parts of a worker."""

import asyncio
import gc
import logging
import signal
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from burnline.detection.baseline import Baselines, default_baseline
from burnline.detection.rule import BurnRule
from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.pricing.book import RateBook
from burnline.settings import Settings
from burnline.status import StatusServer
from burnline.stream.application import build_app
from burnline.stream.obstruction import Obstruction
from burnline.stream.shards import Shards
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.obstacles import find_obstacles

if TYPE_CHECKING:
    import faust

_log = logging.getLogger(__name__)

FLUSH_TIMEOUT_S = 6.0
STOP_TIMEOUT_S = 3.0
"""Both together stay below the 10 s that whoever sends SIGTERM commonly waits before SIGKILL."""
ENDING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a worker to end."""
UNRESPONSIVE_S = 10.0
STALLED_S = 5.0
POLL_S = 0.25
HEAR_S = 0.01
"""The loop hears a signal in one or two rounds; this lasts for some."""
SWITCH_INTERVAL_S = 0.02
"""How long one thread may keep the interpreter while others wait for it; Python's default is 5 ms."""


class WorkerFailed(Exception):
    """The worker stopped because it did not start or a part of it failed; the cause is attached."""


class Worker:
    """A worker process' parts: settings in, ledgers out. Build, `start`, `wait`, `stop`."""

    def __init__(self, settings: Settings) -> None:
        """Build everything; binds the metrics port, connects to nothing yet.

        Raises:
            OSError: The metrics port is taken.
        """
        self.settings = settings
        self.topics = topics_for(settings)
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.metrics = WorkerMetrics(self.registry, label_limit=settings.metrics_label_limit)
        self.policy = Policy(
            BurnRule.from_settings(settings),
            RateBook.from_settings(settings),
            Baselines(default_baseline(settings), {}),
            by_event_time=settings.judge_by == "event_time",
        )
        self.shards = Shards(settings, self.topics, self.policy, self.metrics)
        self.obstruction = Obstruction(partial(find_obstacles, settings), self.metrics)
        self.status = StatusServer(
            settings.metrics_host, settings.metrics_port, self.registry, healthy=self._healthy, ready=self._ready
        )
        self._beat_at = time.monotonic()
        self._app: faust.App | None = None

    async def start(self) -> None:
        """Wait until nothing obstructs, ensure the topics, then join the group and begin to work.

        Raises:
            TopicError: A topic is not as it has to be, or the broker stayed away.
        """
        self.status.start()
        await self.obstruction.wait_until_clear()
        await asyncio.get_running_loop().run_in_executor(None, ensure_topics, self.settings)
        self._app = build_app(self.settings, self.topics, self.shards, self.policy, self.metrics)
        await self._app.start()

    async def wait(self, stop: asyncio.Event, started: "asyncio.Task[None]") -> None:
        """Return when asked to stop. Watches the start, too: a part that crashes then may leave it hanging.

        Raises:
            WorkerFailed: A part of the worker crashed.
        """
        up = False
        while not stop.is_set():
            self._beat_at = time.monotonic()
            cause = self._cause_of_failure(started)
            if cause is not None:
                raise WorkerFailed(f"{type(cause).__name__}: {cause}") from cause
            if started.done() and not up:
                up = True
                _log.info("worker is up; metrics on %s/metrics", self.status.address)
            ready = self._ready()[0]
            self.metrics.ready.set(ready)
            if self._app is not None:
                self.obstruction.watch(ready=ready or len(self.shards.refused) > 0, now_s=time.monotonic())
            self.metrics.brokers_away.set(max(self.shards.brokers_away_s(), self.shards.stalled_s))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_S)

    def _cause_of_failure(self, started: "asyncio.Task[None]") -> BaseException | None:
        if self.shards.failure is not None:
            return self.shards.failure
        if self._app is not None and self._app.crashed:
            return cast("BaseException", self._app.crash_reason)
        return started.exception() if started.done() else None

    async def stop(self) -> None:
        """Write what is not yet written, leave the group, close everything; in less than 10 s.

        Raises:
            TimeoutError: The brokers did not take the last flush.
        """
        if self._app is not None:
            try:
                if self.shards.ready and not self._app.crashed:
                    self.shards.ready = False
                    await self._flush_a_last_time()
            finally:
                await self._stop_app(self._app)
        self.status.stop()

    async def _flush_a_last_time(self) -> None:
        try:
            await asyncio.wait_for(self.shards.flush(), FLUSH_TIMEOUT_S)
        except TimeoutError:
            raise TimeoutError(
                f"the brokers did not take the last flush within {FLUSH_TIMEOUT_S:g} s; "
                "nothing is lost: whoever owns the partitions next reads its events again"
            ) from None

    async def _stop_app(self, app: "faust.App") -> None:
        # After a crash Faust may wait for ever for its own threads, which have ended.
        try:
            await asyncio.wait_for(app.stop(), STOP_TIMEOUT_S)
        except TimeoutError:
            _log.warning("Faust did not stop within %g s; the process ends without it", STOP_TIMEOUT_S)

    def _healthy(self) -> tuple[bool, str]:
        silent_s = time.monotonic() - self._beat_at
        if silent_s > UNRESPONSIVE_S:
            return False, f"the event loop has not answered for {silent_s:.0f} s"
        return True, "the event loop answers"

    def _ready(self) -> tuple[bool, str]:
        if self.obstruction.found:
            return False, "; ".join(map(str, self.obstruction.found))
        if not self.shards.ready:
            return False, "starting, or partitions are being taken over"
        if self.shards.refused:
            return False, "; ".join(f"partition {number}: {why}" for number, why in self.shards.refused.all().items())
        stalled = {number: seconds for number, seconds in self.shards.stalled().items() if seconds > STALLED_S}
        if stalled:
            which = ", ".join(f"{number} for {seconds:.0f} s" for number, seconds in sorted(stalled.items()))
            return False, f"the brokers have not taken a flush of partition {which}; waiting for them"
        if (away_s := self.shards.brokers_away_s()) > 0:
            return False, f"no broker has been reached for {away_s:.0f} s; waiting for them"
        return True, f"partitions {sorted(self.shards.durable_offsets())}"


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        loop.add_signal_handler(number, stop.set)
    worker = Worker(settings)
    started = asyncio.ensure_future(worker.start())
    failed = None
    try:
        await worker.wait(stop, started)
    except WorkerFailed as failure:
        failed = failure
    started.cancel()
    try:
        await worker.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        await asyncio.sleep(HEAR_S)  # one may have come while the last parts were closed, which blocks the loop
    if failed is None:
        return
    if not stop.is_set():
        raise failed
    _log.warning("the worker failed when it was asked to end: %s", failed)


def run_worker(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT. The process has to end, or to become another program, afterwards.

    Threads and tasks may be left: `asyncio.run` would wait for all of them, but Faust's agents survive to be cancelled,
    and a thread may be waiting for brokers that are away. Signals are answered afterwards as they were before.

    Raises:
        WorkerFailed: It did not start, or a part of it crashed; the cause is attached.
        OSError: The metrics port is taken, or (TimeoutError) the brokers did not take the last flush.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.disable()  # ledgers and events hold no cycles; a collection would walk millions of them
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    if settings.worker_data_dir is not None:
        loop.run_until_complete(_run(settings))
        return
    with tempfile.TemporaryDirectory(prefix="burnline-") as folder:
        loop.run_until_complete(_run(settings.model_copy(update={"worker_data_dir": Path(folder)})))
