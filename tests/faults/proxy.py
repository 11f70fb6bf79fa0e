"""A TCP proxy that stalls, delays and cuts connections, and lets requests of a new connection overtake an old one's."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from app.embedded.ports import LOOPBACK

CHUNK_BYTES = 64 * 1024
HELD_BYTES = 4 * 1024 * 1024
_JOIN_S = 10.0
_RESET = struct.pack("ii", 1, 0)


class TcpProxy:
    """Listens on a free port and forwards to one address; methods may be called from any thread.

    Faults last until `resume`, except for `cut`, which is over at once.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._connections: set[_Connection] = set()
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
        self._call_each(_Connection.reset_client)

    def resume(self) -> None:
        """Deliver what was held, and let everything through again, undelayed."""
        self.delay_s = 0.0
        self._set_gates(up=True, down=True, also_new=True)

    def cut(self) -> None:
        """Reset all connections, and forget what was held."""
        self._call_each(_Connection.reset)

    def stop(self) -> None:
        """Close everything."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_JOIN_S)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, LOOPBACK, 0, limit=HELD_BYTES))
        self.port: int = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # lets closed transports say good-bye
        self._loop.close()

    def _set_gates(self, *, up: bool, down: bool, also_new: bool) -> None:
        def set_them() -> None:
            self._open_to_new = (up, down) if also_new else (True, True)
            for connection in self._connections:
                connection.set_gates(up=up, down=down)

        self._call(set_them)

    def _call_each(self, action: Callable[["_Connection"], None]) -> None:
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
            broker = await asyncio.open_connection(*self._target, limit=HELD_BYTES)
        except OSError:
            writer.close()
            return
        connection = _Connection((reader, writer), broker)
        connection.set_gates(up=self._open_to_new[0], down=self._open_to_new[1])
        self._connections.add(connection)
        try:
            await connection.forward(lambda: self.delay_s)
        except asyncio.CancelledError:  # only `stop` does that, and asyncio would report it as a failed callback
            return
        finally:
            self._connections.discard(connection)


_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """One client's connection and the one to the broker that belongs to it."""

    def __init__(self, client: _Ends, broker: _Ends) -> None:
        self._client = client
        self._broker = broker
        self._up = asyncio.Event()
        self._down = asyncio.Event()

    def set_gates(self, *, up: bool, down: bool) -> None:
        for gate, is_open in ((self._up, up), (self._down, down)):
            if is_open:
                gate.set()
            else:
                gate.clear()

    def reset(self) -> None:
        """Close both sides with RST instead of FIN, as a firewall or a crashed machine would."""
        self.reset_client()
        _reset(self._broker[1])

    def reset_client(self) -> None:
        """Close the client's side with RST."""
        _reset(self._client[1])

    def abort(self) -> None:
        for _, writer in (self._client, self._broker):
            writer.transport.abort()

    async def forward(self, delay_s: Callable[[], float]) -> None:
        """Both directions, each until its end: what was held goes on to the broker when the client has long gone."""
        try:
            await asyncio.gather(
                _pump(self._client[0], self._broker[1], self._up, delay_s),
                _pump(self._broker[0], self._client[1], self._down, delay_s),
            )
        finally:
            self.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event, delay_s: Callable[[], float]
) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            if delay := delay_s():
                await asyncio.sleep(delay)
            await gate.wait()
            writer.write(chunk)
            await writer.drain()
        await gate.wait()
    writer.close()
