"""A TCP proxy that stalls, delays and cuts connections, and lets requests of a new connection overtake an old one's."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from burnline.embedded.ports import LOOPBACK
from tests.faults.connection import HELD_BYTES, Connection

_JOIN_S = 10.0


class Interceptor(Protocol):
    """Decides about single Kafka requests."""

    async def forward(self, request: bytes, connection: Connection) -> None:
        """Send a request on to the broker, or do not; called in the proxy's thread, in order for each connection."""


class Tls(NamedTuple):
    """Contexts of the two sides; None for bytes as they are."""

    server: ssl.SSLContext | None
    client: ssl.SSLContext | None


class TcpProxy:
    """Listens on a free port and forwards to one address; methods may be called from any thread.

    Faults last until `resume`, except for `cut`, which is over at once.
    """

    def __init__(self, target: tuple[str, int], *, framed: bool = False, tls: Tls | None = None) -> None:
        """Start to listen.

        Args:
            target: Whom to forward to.
            framed: Take what clients send apart into Kafka requests, for an `Interceptor`.
            tls: Ends the clients' TLS here, and opens one of its own to the target: what is between can be read.
        """
        self._target = target
        self._framed = framed
        self._tls = tls or Tls(None, None)
        self.intercept: Interceptor | None = None
        self._loop = asyncio.new_event_loop()
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open_to_new = (True, True)
        self.delay_s = 0.0
        """How long each chunk waits, in both directions; a number that may be set at any time."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="tcp-proxy", daemon=True)
        self._thread.start()
        started.wait()

    def stall(self) -> None:
        """Let nothing through, in either direction, on old connections and new ones."""
        self._set_gates(up=False, down=False, also_new=True)

    def mute(self) -> None:
        """Let requests through and hold all answers."""
        self._set_gates(up=True, down=False, also_new=True)

    def overtake(self) -> None:
        """Hold what is under way on present connections, and let new ones pass.

        After `abandon` the clients go on over new ones. After `resume` the broker still gets what was held, in the name
        of clients that have long asked something else.
        """
        self._set_gates(up=False, down=False, also_new=False)

    def abandon(self) -> None:
        """Reset the clients' side of all connections; what the proxy holds of them is kept for the broker."""
        self._call_each(Connection.reset_client)

    def resume(self) -> None:
        """Deliver what was held, and let everything through again, undelayed."""
        self.delay_s = 0.0
        self._set_gates(up=True, down=True, also_new=True)

    def cut(self) -> None:
        """Reset all connections, and forget what was held."""
        self._call_each(Connection.reset)

    def stop(self) -> None:
        """Close everything."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_JOIN_S)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._listening())
        self.port: int = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # lets closed transports say good-bye
        self._loop.close()

    async def _listening(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, LOOPBACK, 0, limit=HELD_BYTES, ssl=self._tls.server)

    def _set_gates(self, *, up: bool, down: bool, also_new: bool) -> None:
        def set_them() -> None:
            self._open_to_new = (up, down) if also_new else (True, True)
            for connection in self._connections:
                connection.set_gates(up=up, down=down)

        self._call(set_them)

    def _call_each(self, action: Callable[[Connection], None]) -> None:
        def call() -> None:
            for connection in self._connections:
                action(connection)

        self._call(call)

    def _call(self, action: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(_JOIN_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            broker = await asyncio.open_connection(*self._target, limit=HELD_BYTES, ssl=self._tls.client)
        except OSError:
            writer.close()
            return
        connection = Connection((reader, writer), broker)
        connection.set_gates(up=self._open_to_new[0], down=self._open_to_new[1])
        self._connections.add(connection)
        try:
            await connection.serve(lambda: self.delay_s, self._intercepted if self._framed else None)
        except asyncio.CancelledError:  # only `stop` does that, and asyncio would report it as a failed callback
            return
        finally:
            self._connections.discard(connection)

    async def _intercepted(self, request: bytes, connection: Connection) -> None:
        if self.intercept is None:
            await connection.send(request)
        else:
            await self.intercept.forward(request, connection)
