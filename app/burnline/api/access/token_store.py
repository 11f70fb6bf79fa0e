"""Where tokens are kept: one Redis hash that no rebuild of the projection touches.

The command line writes it through `TokenFile`; the API reads it through `TokenReader`, which asks Redis at most twice a
second however many requests come, so that revocation and the first token take effect within a second.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import redis
import redis.asyncio
from pydantic import ValidationError

from burnline.api.access.tokens import TokenRecord

MAX_AGE_S = 0.5
"""How old what is known of the tokens may be."""
PATIENCE_S = 2.0
"""How long Redis may take to answer."""

_log = logging.getLogger(__name__)


class TokensUnknown(Exception):
    """Redis does not say which tokens there are."""


class Tokens(NamedTuple):
    """The tokens at one moment.

    Attributes:
        records: By id.
        any: Whether a token was ever made, be it expired, revoked or unreadable by now.
    """

    records: Mapping[str, TokenRecord]
    any: bool


class TokenReader:
    """The tokens of now, for many requests at once. Belongs to one event loop."""

    def __init__(self, client: redis.asyncio.Redis, key: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the hash `key`; `clock` counts seconds."""
        self._client = client
        self._key = key
        self._clock = clock
        self._raw: dict[bytes | str, bytes | str] = {}
        self._tokens = Tokens({}, any=False)
        self._read_at = float("-inf")
        self._reading: asyncio.Task[Tokens] | None = None

    async def current(self) -> Tokens:
        """The tokens, at most `MAX_AGE_S` old.

        Raises:
            TokensUnknown: Redis does not answer.
        """
        if self._clock() - self._read_at < MAX_AGE_S:
            return self._tokens
        if self._reading is None or self._reading.done():  # one read for all that wait for it
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)  # who hangs up does not take the read away from the others

    async def _read(self) -> Tokens:
        began = self._clock()
        try:
            async with asyncio.timeout(PATIENCE_S):
                raw = await self._client.hgetall(self._key)
        except (redis.RedisError, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise TokensUnknown(f"Redis does not say which tokens there are: {why}") from error
        if raw != self._raw:
            # A token that was ever seen closes the door to the anonymous for good: a Redis that lost its data must not
            # open it again.
            self._tokens = Tokens(_records(raw), any=bool(raw) or self._tokens.any)
            self._raw = raw
        self._read_at = began
        return self._tokens


class TokenFile:
    """The hash as the command line sees it; every method raises redis.RedisError where Redis does not answer."""

    def __init__(self, client: redis.Redis, key: str) -> None:
        """Keep tokens in the hash `key`."""
        self._client = client
        self._key = key

    def add(self, record: TokenRecord) -> None:
        """Keep a new one; its id is 48 random bits, and one that is taken is refused.

        Raises:
            ValueError: There is a token of this id.
        """
        if not self._client.hsetnx(self._key, record.id, record.model_dump_json()):
            raise ValueError(f"There is a token {record.id} already; try again.")

    def all(self) -> list[TokenRecord]:
        """Every token, oldest first; what cannot be read is logged and left out."""
        return sorted(
            _records(self._client.hgetall(self._key)).values(), key=lambda record: (record.created_at, record.id)
        )

    def revoke(self, token_id: str, now_ms: int) -> TokenRecord | None:
        """Revoke one for good and give its record; None if there is none. One that was revoked keeps its time."""
        record = {one.id: one for one in self.all()}.get(token_id)
        if record is None or record.revoked_at is not None:
            return record
        revoked = record.model_copy(update={"revoked_at": now_ms})
        self._client.hset(self._key, token_id, revoked.model_dump_json())
        return revoked


def _records(raw: Mapping[bytes | str, bytes | str]) -> dict[str, TokenRecord]:
    found = {}
    for key, value in raw.items():
        token_id = key.decode(errors="replace") if isinstance(key, bytes) else key
        try:
            record = TokenRecord.model_validate_json(value)
        except ValidationError as error:
            _log.error("token %r cannot be read and lets nobody in: %s", token_id, error.errors(include_input=False))
            continue
        if record.id == token_id:
            found[token_id] = record
        else:
            _log.error("token %r stands under another's id and lets nobody in", token_id)
    return found
