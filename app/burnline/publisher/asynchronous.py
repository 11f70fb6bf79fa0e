"""The publisher for programs that run an event loop: nothing here blocks it."""

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from burnline.publisher.client import destination
from burnline.publisher.failures import Counts
from burnline.publisher.usage import UsagePublisher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from burnline.events.contract import UsageEvent
    from burnline.kafka import Config
    from burnline.settings import Settings

_LOOK_EVERY_S = 0.01


class AsyncUsagePublisher:
    """`UsagePublisher` for asyncio: same arguments, same promises, and what waits there is awaited here.

        async with AsyncUsagePublisher.from_settings() as publisher:
            await publisher.publish({"event_id": "…", "occurred_at": 1763000000000, …})

    A task that is cancelled inside of the context still gets out what it has published, within the farewell.
    `on_failure` is called from any thread: hand on to the loop with `loop.call_soon_threadsafe`.
    """

    def __init__(self, config: "Config", topic: str, **options: Any) -> None:
        self._publisher = UsagePublisher(config, topic, **options)

    @classmethod
    def from_settings(cls, settings: "Settings | None" = None, **options: Any) -> Self:
        """As `UsagePublisher.from_settings`."""
        return cls(*destination(settings), **options)

    @property
    def counts(self) -> Counts:
        """What became of the events so far, in this process."""
        return self._publisher.counts

    async def publish(self, event: "UsageEvent | Mapping[str, Any]") -> bool:
        """As `UsagePublisher.publish`; waiting for room leaves the loop to others."""
        publisher = self._publisher
        encoded = publisher.encoded(event)
        if encoded is None:
            return False
        value, key, event_id = encoded
        deadline_s = time.monotonic() + publisher.patience_s
        while not publisher.offer(value, key=key, event_id=event_id):
            if time.monotonic() >= deadline_s:
                publisher.drop(event_id)
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True

    async def flush(self, timeout_s: float | None = None) -> int:
        """As `UsagePublisher.flush`."""
        return await asyncio.to_thread(self._publisher.flush, timeout_s)

    def check(self) -> None:
        """As `UsagePublisher.check`."""
        self._publisher.check()

    async def close(self, timeout_s: float | None = None) -> None:
        """As `UsagePublisher.close`. It goes on when the task that waits for it is cancelled."""
        await asyncio.shield(asyncio.to_thread(self._publisher.close, timeout_s))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lost = self.counts.lost
        await self.close()
        if error is not None and (since := self.counts.lost - lost):
            error.add_note(f"{since:,} usage events did not arrive")
