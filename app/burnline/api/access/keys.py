"""The issuer's public keys (JWKS), fetched over HTTP and kept for a while."""

import asyncio
import json
import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import aiohttp
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import Key, import_key

from burnline.addresses import is_trusted_url

FRESH_S = 300.0
"""Keys are asked for again when they are older."""
STALE_S = 3600.0
"""Keys older than this are trusted no more when the issuer cannot be asked: it may have withdrawn them."""
LEAST_PAUSE_S = 10.0
"""Between two fetches, whatever unknown key ids callers make up."""
PATIENCE_S = 5.0
_MOST_BYTES = 1 << 20
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
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            self._failure = KeysUnknown(f"The keys of {self._issuer} cannot be fetched now.")
            _log.warning("the keys of %s cannot be fetched: %s", self._issuer, str(error) or type(error).__name__)
        else:
            self._failure = None
            self._fetched_at = self._tried_at

    async def _document(self) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            return await _json_object(session, self._jwks_url or await self._discovered(session))

    async def _discovered(self, session: aiohttp.ClientSession) -> str:
        where = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await _json_object(session, where)
        if found.get("issuer") != self._issuer:
            raise ValueError(f"{where} speaks for the issuer {found.get('issuer')!r}")
        url = found.get("jwks_uri")
        if not isinstance(url, str) or not is_trusted_url(url):
            raise ValueError(f"{where}: jwks_uri is {url!r}, neither https nor of this machine")
        return url


async def _json_object(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise ValueError(f"{url} answered {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            body += chunk
            if len(body) > _MOST_BYTES:
                raise ValueError(f"{url} answered with more than {_MOST_BYTES} bytes")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"{url} answered with no JSON object")  # noqa: TRY004  # as all that is wrong with an answer
    return found


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
