"""The books of one publisher: what became of each event, who is told of those that are lost, and when it is logged."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from burnline.events.text import printable
from burnline.publisher.failures import Counts, DeliveryError, Failure

NAMED_FAILURES = 1_000
"""So many of the newest lost events are kept by name; all are counted."""
SAY_EVERY_S = 10.0
GIVEN_UP = "not acknowledged when the publisher was closed"

Loss = Literal["failed", "dropped", "invalid"]

_log = logging.getLogger(__name__)


class Account:
    """Counts events; safe to use from several threads, and from a handler of a signal.

    Args:
        topic: Where the events go, for the log.
        on_failure: Called with each lost event. What it raises is logged, and goes no further.
    """

    def __init__(self, topic: str, on_failure: Callable[[Failure], object] | None) -> None:
        self._topic = topic
        self._on_failure = on_failure
        self._lock = threading.RLock()  # a handler of a signal may come in while it is held
        self._taken = 0
        self._acknowledged = 0
        self._lost: dict[Loss, int] = {"failed": 0, "dropped": 0, "invalid": 0}
        self._failures: deque[Failure] = deque(maxlen=NAMED_FAILURES)
        self._newest: Failure | None = None
        self._checked = self._said = 0
        self._said_at_s = float("-inf")
        self._closing = False

    @property
    def counts(self) -> Counts:
        """How things stand."""
        with self._lock:
            lost = self._lost
            return Counts(
                self._acknowledged,
                self._taken - self._acknowledged - lost["failed"],
                lost["failed"],
                lost["dropped"],
                lost["invalid"],
            )

    @property
    def settled(self) -> int:
        """Events that were taken, and are acknowledged or have failed."""
        return self._acknowledged + self._lost["failed"]

    @property
    def acknowledged(self) -> int:
        """Events that the brokers have."""
        return self._acknowledged

    @property
    def in_flight(self) -> int:
        """Events in the buffer or on their way."""
        return self._taken - self.settled

    def take(self, number: int = 1) -> None:
        """Events were put into the buffer; of a negative number, taken back before anybody saw them."""
        with self._lock:
            self._taken += number

    def acknowledge(self) -> None:
        """The brokers have an event."""
        with self._lock:
            self._acknowledged += 1

    def lose(self, how: Loss, event_id: str, reason: str) -> None:
        """An event will not arrive."""
        with self._lock:
            self._lost[how] += 1
        self._note(Failure(event_id, reason))
        self.say()

    def hold_back(self) -> None:
        """Say no more until the end: many events are about to be given up at once."""
        self._closing = True

    def close(self) -> None:
        """Nobody will report any more on what is in flight: it is lost. Say all that was not said."""
        with self._lock:
            left = self.in_flight
            self._lost["failed"] += left
        if left:
            self._note(Failure("", f"{left:,} events: {GIVEN_UP}"))
        self.say(last=True)

    def check(self) -> None:
        """Raise `DeliveryError` for what was lost since the last check."""
        with self._lock:
            lost, failures = sum(self._lost.values()), tuple(self._failures)
            since, self._checked = lost - self._checked, lost
            self._failures.clear()
        if since:
            raise DeliveryError(failures, since)

    def say(self, *, last: bool = False) -> None:
        """Log what was lost since that was last said, unless it was said just now."""
        now_s = time.monotonic()
        with self._lock:
            lost, newest = sum(self._lost.values()), self._newest
            since = lost - self._said
            too_soon = self._closing or now_s - self._said_at_s < SAY_EVERY_S
            if not since or newest is None or (too_soon and not last):
                return
            self._said, self._said_at_s = lost, now_s
        which = f"{newest.event_id}: {newest.reason}" if newest.event_id else newest.reason
        _log.warning(
            "usage events lost for topic %s: %d, %d in all; the last %s", self._topic, since, lost, printable(which)
        )

    def _note(self, failure: Failure) -> None:
        with self._lock:
            self._failures.append(failure)
            self._newest = failure
        if self._on_failure is None:
            return
        try:
            self._on_failure(failure)
        except Exception:  # noqa: BLE001  # whatever a callback raises, an agent goes on
            _log.exception("on_failure raised; the publisher goes on")
