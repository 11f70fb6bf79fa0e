"""Ctrl-C at any moment: signals become one exception, and what may block is done where it blocks nobody."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

_T = TypeVar("_T")
_HEAR_EVERY_S = 0.1  # a signal that another thread has taken wakes nobody up


class Stopped(BaseException):
    """SIGINT or SIGTERM has come; no `Exception`, so that nothing on the way takes it for a failure of its own."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


class Signals:
    """Turns the first SIGINT or SIGTERM into `Stopped`, raised in the main thread; those that follow are not heard.

    What follows the first one is the orderly end, which takes seconds at most and must not be left half-way.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def check(self) -> None:
        """Raise `Stopped` if a signal came at a moment that swallowed the exception (a destructor, a callback)."""
        if self.received is not None:
            raise Stopped(self.received)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is None:
            self.received = number
            raise Stopped(number)

    @contextmanager
    def handled(self) -> Iterator["Signals"]:
        """Handle both signals for as long as the context lasts. Main thread only."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._handle) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def patiently(work: Callable[[], _T]) -> _T:
    """Do work that may block inside librdkafka, where no signal is heard, on a thread, and wait where signals are.

    After a signal the thread is left behind; it ends with the process.
    """
    done = threading.Event()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again below, where somebody waits for it
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="patient work", daemon=True).start()
    while not done.wait(_HEAR_EVERY_S):
        continue
    if errors:
        raise errors[0]
    return results[0]
