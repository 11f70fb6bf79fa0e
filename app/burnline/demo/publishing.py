"""The replay as a thread with a publisher of its own, so that a slow broker never holds up the screen."""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from burnline.demo.replay import Timetable, replay
from burnline.demo.scenario import Planned
from burnline.publisher import UsagePublisher
from burnline.publisher.controls import Controls
from burnline.settings import Settings

_JOIN_S = 2.0
_DELIVERY_TIMEOUT_S = 120.0


def clock_ms() -> int:
    """The clock on the wall, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class ReplayThread:
    """Publishes the events by the timetable, from `start` until all are acknowledged or `stop` is called."""

    def __init__(
        self, settings: Settings, events: Sequence[Planned], timetable: Timetable, *, obeys: bool = False
    ) -> None:
        """Take what is published when.

        Args:
            settings: Brokers and topics.
            events: What is published.
            timetable: When.
            obeys: Ask before each event whether a control holds its session back, as a runtime would.
        """
        self.published = 0
        self.held_back = 0
        """Events that were not published, because a control held their session back."""
        self._obeys = obeys
        self._settings = settings
        self._events = events
        self._timetable = timetable
        self._stop = threading.Event()
        self._publisher: UsagePublisher | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether all events are acknowledged, or it has failed (see `check`)."""
        return not self._thread.is_alive()

    @property
    def acknowledged(self) -> int:
        """How many events the brokers have acknowledged so far."""
        return self._publisher.acknowledged if self._publisher else 0

    def check(self) -> None:
        """Raise what ended the replay before its time."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it now; events that are not acknowledged yet are dropped."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            options = {"max_block_s": _DELIVERY_TIMEOUT_S, "delivery_timeout_s": _DELIVERY_TIMEOUT_S}
            with ExitStack() as stack:
                controls = stack.enter_context(Controls.from_settings(self._settings)) if self._obeys else None
                publisher = UsagePublisher.from_settings(self._settings, flush_on_sigterm=False, **options)
                self._publisher = stack.enter_context(publisher)
                self._publish_all(publisher, controls)
        except BaseException as error:  # noqa: BLE001  # raised again by check(), in the thread that shows it
            self._error = error

    def _publish_all(self, publisher: UsagePublisher, controls: Controls | None) -> None:
        def publish(event: dict[str, Any]) -> None:
            if controls is not None and not _may(controls, event):
                self.held_back += 1
                return
            publisher.publish(event)
            publisher.check()
            self.published += 1

        replay(self._events, self._timetable, publish, now_ms=clock_ms, stop=self._stop)
        if self._stop.is_set():
            publisher.close(0)
        else:
            publisher.flush()
            publisher.check()


def _may(controls: Controls, event: dict[str, Any]) -> bool:
    return controls.allowed(org=event["org_id"], agent=event["agent_id"], session=event["session_id"]).allowed
