"""How many connections the API holds, and how long one may take to say what it wants.

Nobody needs a token to open a connection. One that stays silent, or sends its request a byte at a time, is cut; and
where all are taken, the one that has been waited for the longest gives way to a new one, so that none can be kept out.
"""

import asyncio
import logging
import resource
import time
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 1_000
OWN_FILES = 128
"""Kept free of connections: Redis, brokers, files."""
BACKLOG = 128
"""Connections taken in one go, before any can be refused."""
HEAD_S = 10.0
"""From the connection, or the first byte of another request, to the end of its headers."""
BODY_S = 30.0
"""From there to the end of the body."""
QUIET_S = 60.0

_log = logging.getLogger(__name__)


def most_connections() -> int:
    """As many as this process may hold, with some files kept free for others."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, soft - OWN_FILES - BACKLOG))


class Seldom:
    """Says a sentence at most once a minute, with how often it would have been said."""

    def __init__(self, log: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._said_at = float("-inf")
        self._times = 0

    def say(self, sentence: str) -> None:
        """Log it, unless something was logged a moment ago."""
        self._times += 1
        if self._clock() - self._said_at >= QUIET_S:
            self._said_at = self._clock()
            self._log(f"{sentence} ({self._times} since the last such line)")
            self._times = 0


class Bounded(H11Protocol):
    """A connection that has to make sense in time. `most`, `head_s` and `body_s` are set by `bounded`."""

    most = MOST_CONNECTIONS
    head_s = HEAD_S
    body_s = BODY_S
    waiting: dict["Bounded", None]
    told: Seldom

    _awaited: float = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, in place of the one waited for the longest if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            next(iter(self.waiting), self).cut("all connections are taken")
        if not transport.is_closing():
            self._await(self.head_s)

    def data_received(self, data: bytes) -> None:
        """Read on, and see what is still to come."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Go on to the next request; until its first byte, uvicorn's keep-alive is the limit."""
        self._await(0.0)
        super().on_response_complete()
        if self.conn.trailing_data[0]:
            self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._await(0.0)
        super().connection_lost(exc)

    def _look(self) -> None:
        limits = {h11.IDLE: self.head_s, h11.SEND_BODY: self.body_s}
        self._await(0.0 if self.transport.is_closing() else limits.get(self.conn.their_state, 0.0))

    def _await(self, seconds: float) -> None:
        """Wait so long for what is to come, and no longer for its single bytes; 0: nothing is awaited."""
        if seconds == self._awaited:
            return
        self._awaited = seconds
        if self._timer is not None:
            self._timer.cancel()
        self.waiting.pop(self, None)
        self._timer = self.loop.call_later(seconds, self.cut, "a request does not end") if seconds else None
        if seconds:
            self.waiting[self] = None

    def cut(self, why: str) -> None:
        """Hang up."""
        self._await(0.0)
        self.told.say(f"a connection is cut: {why}")
        self.transport.abort()


def bounded(most: int, *, head_s: float = HEAD_S, body_s: float = BODY_S) -> type[Bounded]:
    """The protocol for one server.

    Args:
        most: Connections at once.
        head_s: For the headers of a request, in seconds.
        body_s: For its body.
    """

    class Own(Bounded):
        """Shares its limits with the other connections of its server."""

    Own.most, Own.head_s, Own.body_s = most, head_s, body_s
    Own.waiting, Own.told = {}, Seldom(_log.warning)
    return Own


def tell_seldom(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop say at most once a minute that no connection can be taken; it tries some hundred times a second."""
    seldom = Seldom(_log.error)

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "accept" in context.get("message", ""):
            seldom.say(f"{context['message']}: {context.get('exception')}")
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
