"""The end of a process, and its beginning by a fork: what every publisher has to do then.

A process that ends gives its publishers a farewell: a bounded time to get out what they hold. That is at the
interpreter's exit (`atexit`), at the end of a `multiprocessing` child (which passes `atexit` by), and at SIGTERM, where
nobody else has asked to hear it: a handler of the host's own stays, and what it does (usually an exit) is then heard
here. After a fork the child has none of librdkafka's threads, so its publishers begin anew.
"""

import atexit
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Tenant(Protocol):
    """What a publisher offers to the end of its process."""

    @property
    def farewell_s(self) -> float:
        """How long it may take at most."""

    def close(self, timeout_s: float | None = None) -> None:
        """Get out what it holds, within the time."""

    def begin_anew(self) -> None:
        """Forget what belongs to the parent process; called in the child of a fork."""


_tenants: "weakref.WeakSet[Tenant]" = weakref.WeakSet()


class _Sigterm:
    """The handler, and whether it has to wait: inside of a client's call nothing of it may be called again."""

    inside = False
    pending = False

    @classmethod
    def handle(cls, _number: int, _frame: FrameType | None) -> None:
        if cls.inside:
            cls.pending = True
            return
        farewell()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)  # whoever waits for this process sees what ended it


def register(tenant: Tenant, *, sigterm: bool) -> None:
    """Look after a publisher from now on; `sigterm` says whether to listen for that signal if nobody else does."""
    if not _tenants:
        _hook()
    _tenants.add(tenant)
    at_end_of_child()
    in_main = threading.current_thread() is threading.main_thread()  # no other thread may set a handler
    if sigterm and in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _Sigterm.handle)


def farewell() -> None:
    """Close every publisher of this process, all together within the longest of their farewells."""
    tenants = list(_tenants)
    deadline_s = time.monotonic() + max((tenant.farewell_s for tenant in tenants), default=0)
    for tenant in tenants:
        tenant.close(min(tenant.farewell_s, max(0.0, deadline_s - time.monotonic())))


@contextmanager
def inside_client() -> Iterator[None]:
    """Hold SIGTERM back while the main thread is inside of a client's call, whose callbacks run Python."""
    if _Sigterm.inside or threading.current_thread() is not threading.main_thread():
        yield
        return
    _Sigterm.inside = True
    try:
        yield
    finally:
        _Sigterm.inside = False
        if _Sigterm.pending:
            _Sigterm.pending = False
            _Sigterm.handle(signal.SIGTERM, None)


def at_end_of_child() -> None:
    """In a child of `multiprocessing`, which passes `atexit` by, have the farewell said at its end."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, farewell, exitpriority=100)


def _hook() -> None:
    global _hooked  # hooks of the process cannot be taken back, so they are set once
    if not _hooked:
        _hooked = True
        atexit.register(farewell)
        os.register_at_fork(after_in_child=_begin_anew)


_hooked = False


def _begin_anew() -> None:
    _Sigterm.inside = _Sigterm.pending = False
    for tenant in list(_tenants):
        tenant.begin_anew()
