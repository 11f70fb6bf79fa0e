"""Ctrl-C at any moment: signals become one exception, and what may block is done where it blocks nobody."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Generic, TypeVar

_T = TypeVar("_T")
_UNDO_WITHIN_S = 2.0
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


class Patient(Generic[_T]):
    """Work that may block inside librdkafka, where no signal is heard: it is done on a thread of its own.

    After a signal the thread is left behind; it ends with the process.
    """

    def __init__(self) -> None:
        self._begun = False
        self._done = threading.Event()
        self._results: list[_T] = []
        self._errors: list[BaseException] = []

    def begin(self, work: Callable[[], _T]) -> None:
        """Begin with the work."""
        self._begun = True
        threading.Thread(target=self._run, args=(work,), name="patient work", daemon=True).start()

    def result(self) -> _T:
        """Wait for what the work gives or raises, where signals are heard."""
        while not self._done.wait(_HEAR_EVERY_S):
            continue
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def undo(self, stop: Callable[[_T], object]) -> None:
        """Stop what was started; the work gets a moment to end, if it has not yet. Nothing if it was never begun."""
        if self._begun and self._done.wait(_UNDO_WITHIN_S) and self._results:
            stop(self._results[0])

    def _run(self, work: Callable[[], _T]) -> None:
        try:
            self._results.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again by result(), where somebody waits for it
            self._errors.append(error)
        finally:
            self._done.set()


def patiently(work: Callable[[], _T]) -> _T:
    """Do work that may block, and wait for it where signals are heard."""
    patient = Patient[_T]()
    patient.begin(work)
    return patient.result()


def started(stack: ExitStack, start: Callable[[], _T], stop: Callable[[_T], object]) -> _T:
    """Start something that the stack will stop, even when a signal comes in the middle of its start."""
    patient = Patient[_T]()
    stack.callback(patient.undo, stop)
    patient.begin(start)
    return patient.result()
