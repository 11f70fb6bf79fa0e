"""What obstructs a whole worker, said once when it begins and once when it ends."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from burnline.metrics import WorkerMetrics
from burnline.topics.refusal import Refusal

FIRST_LOOK_S = 1.0
LAST_LOOK_S = 15.0
"""Between two looks, as long as something obstructs; each wait is twice the one before."""
NOT_READY_S = 5.0
"""A worker that is not ready for so long looks what might be the matter."""

_log = logging.getLogger(__name__)


class Obstruction:
    """Looks for obstacles in a thread, and shows what it finds. Lives on the event loop; `found` is read anywhere."""

    def __init__(self, find: Callable[[], Sequence[Refusal]], metrics: WorkerMetrics) -> None:
        self.found: Sequence[Refusal] = ()
        self._find = find
        self._metrics = metrics
        self._looking: asyncio.Future[None] | None = None
        self._not_ready_since_s: float | None = None

    async def wait_until_clear(self) -> None:
        """Return when nothing obstructs."""
        wait_s = FIRST_LOOK_S
        while True:
            await self._look()
            if not self.found:
                return
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LAST_LOOK_S)

    def watch(self, *, ready: bool, now_s: float) -> None:
        """Told again and again whether the worker is ready; looks when it has not been for a while."""
        if ready:
            self._not_ready_since_s = None
            self._show(())
            return
        if self._not_ready_since_s is None:
            self._not_ready_since_s = now_s
        if now_s - self._not_ready_since_s >= NOT_READY_S and (self._looking is None or self._looking.done()):
            self._not_ready_since_s = now_s
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        self._show(await asyncio.get_running_loop().run_in_executor(None, self._find))

    def _show(self, found: Sequence[Refusal]) -> None:
        before, self.found = {one[:2]: one for one in self.found}, found
        now = {one[:2]: one for one in found}
        for key in now.keys() - before.keys():
            _log.error("the worker waits: %s", now[key])
        for key in before.keys() - now.keys():
            _log.warning("no longer in the way: %s", before[key].reason)
        if before or now:
            self._metrics.obstructing(found)
