"""One connection through the proxy: a client's, and the one to the broker that belongs to it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

CHUNK_BYTES = 64 * 1024
HELD_BYTES = 4 * 1024 * 1024
_SIZE_BYTES = 4
_RST = struct.pack("ii", 1, 0)

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Forward = Callable[[bytes, "Connection"], Awaitable[None]]


class Connection:
    """Forwards in both directions through gates that can be shut. Lives in the proxy's event loop.

    Attributes:
        kept: While it is clear, the broker's side stays open although the client has gone.
    """

    def __init__(self, client: Ends, broker: Ends) -> None:
        self._client = client
        self._broker = broker
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self.kept = asyncio.Event()
        self.kept.set()

    def set_gates(self, *, up: bool, down: bool) -> None:
        """Open or shut the way up to the broker, and the one down to the client."""
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
        """Close both sides at once."""
        for _, writer in (self._client, self._broker):
            writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """Send bytes to the broker."""
        writer = self._broker[1]
        writer.write(data)
        await writer.drain()

    async def answer(self, data: bytes) -> None:
        """Send bytes to the client, as if they came from the broker."""
        writer = self._client[1]
        writer.write(data)
        await writer.drain()

    async def serve(self, delay_s: Callable[[], float], by_request: Forward | None) -> None:
        """Both directions, each until its end: what was held goes on to the broker when the client has long gone.

        Args:
            delay_s: How long each chunk waits at present.
            by_request: Is given each Kafka request instead of sending it; without it, bytes are just bytes.
        """
        try:
            await asyncio.gather(self._pump_up(delay_s, by_request), self._pump_down(delay_s))
        finally:
            self.abort()

    async def _pump_up(self, delay_s: Callable[[], float], by_request: Forward | None) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while data := await self._next(by_request is not None):
                if delay := delay_s():
                    await asyncio.sleep(delay)
                await self._up.wait()
                await (by_request(data, self) if by_request else self.send(data))
        await self._up.wait()
        await self.kept.wait()
        self._broker[1].close()

    async def _pump_down(self, delay_s: Callable[[], float]) -> None:
        writer = self._client[1]
        with contextlib.suppress(OSError):
            while data := await self._broker[0].read(CHUNK_BYTES):
                if delay := delay_s():
                    await asyncio.sleep(delay)
                await self._down.wait()
                writer.write(data)
                await writer.drain()
        await self._down.wait()
        writer.close()

    async def _next(self, framed: bool) -> bytes:  # noqa: FBT001  # one caller
        reader = self._client[0]
        if not framed:
            return await reader.read(CHUNK_BYTES)
        size = await reader.readexactly(_SIZE_BYTES)
        return size + await reader.readexactly(int.from_bytes(size))


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()
