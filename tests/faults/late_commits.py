"""An adversary on the network: the end of a transaction reaches the broker in the middle of the next one.

It breaks the connection that carries an EndTxn request and keeps the request. The client sends it again over a new
connection, is told that the transaction has ended, and begins the next. When its records are under way the kept request
arrives, over the old connection: nothing in TCP forbids that. A broker cannot tell it from a request about the present
transaction as long as the producer's epoch is the same.
"""

import asyncio
from typing import NamedTuple

from tests.faults.connection import Connection

PRODUCE, END_TXN = 0, 26
_SETTLE_S = 0.05
"""Long enough for a broker to act on one request before it gets the next over another connection."""
_PATIENCE_S = 3.0


class _Kept(NamedTuple):
    connection: Connection
    request: bytes
    transactional_id: bytes
    until: float


class LateCommits:
    """Set it as a proxy's `intercept`.

    Attributes:
        delivered: Requests that were delivered late, in the middle of a later transaction.
    """

    def __init__(self, *, every: int) -> None:
        """Keep every so-many-th EndTxn."""
        self.delivered = 0
        self._every = every
        self._seen = 0
        self._kept: _Kept | None = None
        self._ended_again = False

    async def forward(self, request: bytes, connection: Connection) -> None:
        """As `Interceptor` has it."""
        kind = int.from_bytes(request[4:6])
        if kind == END_TXN and await self._keeps(request, connection):
            return
        await connection.send(request)
        kept = self._kept
        if kind == PRODUCE and kept and self._ended_again and kept.transactional_id in request:
            await self._deliver(kept)

    async def _keeps(self, request: bytes, connection: Connection) -> bool:
        transactional_id = _transactional_id(request)
        now = asyncio.get_running_loop().time()
        if self._kept is not None and now > self._kept.until:
            self._kept.connection.kept.set()  # its client has died, or has nothing more to write
            self._kept = None
        if self._kept is None:
            self._seen += 1
            if self._seen % self._every == 0:
                self._kept, self._ended_again = _Kept(connection, request, transactional_id, now + _PATIENCE_S), False
                connection.kept.clear()
                connection.reset_client()
                return True
        elif self._kept.transactional_id == transactional_id:
            self._ended_again = True
        return False

    async def _deliver(self, kept: _Kept) -> None:
        self._kept = None
        await asyncio.sleep(_SETTLE_S)
        await kept.connection.send(kept.request)
        await asyncio.sleep(_SETTLE_S)
        kept.connection.kept.set()
        self.delivered += 1


def _transactional_id(request: bytes) -> bytes:
    # Size, kind, version, correlation id, client id; then the transactional id with its length before it.
    client_id_bytes = max(0, int.from_bytes(request[12:14], signed=True))
    start = 14 + client_id_bytes
    return request[start + 2 : start + 2 + int.from_bytes(request[start : start + 2])]
