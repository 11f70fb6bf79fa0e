"""The issuer's public keys (JWKS), fetched over HTTP and kept for a while."""

import asyncio
import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import aiohttp
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import Key, import_key

from burnline.api.access.discovery import ISSUER_ERRORS, address_in, asking, discover, get_json

FRESH_S = 300.0
"""Keys are asked for again when they are older."""
STALE_S = 3600.0
"""Keys older than this are trusted no more when the issuer cannot be asked: it may have withdrawn them."""
LEAST_PAUSE_S = 10.0
"""Between two fetches, whatever unknown key ids callers make up."""
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}

_log = logging.getLogger(__name__)


class KeysUnknown(Exception):
    """The issuer does not say which keys it signs with."""


class IssuerKeys:
    """The keys of one issuer. Belongs to one event loop."""

    def __init__(self, issuer: str, jwks_url: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Fetch keys from `jwks_url`, or from where the issuer's discovery document says; `clock` counts seconds."""
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._clock = clock
        self._keys: list[Key] = []
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failure: KeysUnknown | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, alg: str, kid: str | None) -> Key | None:
        """The key that a token of this header is signed with, or None if the issuer has no such key.

        Raises:
            KeysUnknown: That cannot be said, because the issuer cannot be asked.
        """
        age_s = self._clock() - self._fetched_at
        key = _fitting(self._keys, alg, kid)
        if key is not None and age_s < FRESH_S:
            return key
        if self._clock() - self._tried_at >= LEAST_PAUSE_S or self._running:
            await self._fetch_once()
        if self._failure is None:
            return _fitting(self._keys, alg, kid)
        if key is not None and age_s < STALE_S:
            return key
        raise self._failure

    @property
    def _running(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _fetch_once(self) -> None:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = _usable(await self._document())
        except ISSUER_ERRORS as error:
            self._failure = KeysUnknown(f"The keys of {self._issuer} cannot be fetched now.")
            _log.warning("the keys of %s cannot be fetched: %s", self._issuer, str(error) or type(error).__name__)
        else:
            self._failure = None
            self._fetched_at = self._tried_at

    async def _document(self) -> dict[str, Any]:
        async with asking() as session:
            return await get_json(session, self._jwks_url or await self._discovered(session))

    async def _discovered(self, session: aiohttp.ClientSession) -> str:
        return address_in(await discover(session, self._issuer), self._issuer, "jwks_uri")


def _usable(document: dict[str, Any]) -> list[Key]:
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("a JWKS has a list of keys")  # noqa: TRY004
    found = []
    for item in listed:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", SecurityWarning)  # such as of an RSA key below 2048 bits
                found.append(import_key(item))
        except (JoseError, SecurityWarning, TypeError, ValueError, KeyError) as error:
            kid = item.get("kid") if isinstance(item, dict) else None
            _log.warning("the issuer's key %r is passed over: %s", kid, error)
    return found


def _fitting(keys: list[Key], alg: str, kid: str | None) -> Key | None:
    """The one key for it: never a shared secret, one for something else, or any of several when none is named."""
    kind = _KINDS[alg[:2]]
    fitting = [
        key
        for key in keys
        if key.key_type == kind
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, alg)
        and kid in (None, key.kid)
    ]
    return fitting[0] if len(fitting) == 1 else None
