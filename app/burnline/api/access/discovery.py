"""What an OpenID Connect issuer says of itself: its discovery document, and JSON from where that points."""

import json
from typing import Any

import aiohttp

from burnline.addresses import is_trusted_url

PATIENCE_S = 5.0
"""For one answer of the issuer, in seconds."""
_MOST_BYTES = 1 << 20

ISSUER_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError)
"""What asking an issuer may raise: it is away, or its answer is no JSON object or not what it should be."""


def asking() -> aiohttp.ClientSession:
    """A session for a few questions to an issuer."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))


async def get_json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """The JSON object at `url`.

    Raises:
        ValueError: The answer is none, or is not 200, or is too long.
    """
    async with session.get(url, allow_redirects=False) as response:
        return await json_object(response, url)


async def json_object(response: aiohttp.ClientResponse, url: str) -> dict[str, Any]:
    """The JSON object that an answer holds; raises ValueError where it holds none."""
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


async def discover(session: aiohttp.ClientSession, issuer: str) -> dict[str, Any]:
    """The issuer's discovery document.

    Raises:
        ValueError: It speaks for another issuer, or is no JSON object.
    """
    where = issuer.rstrip("/") + "/.well-known/openid-configuration"
    found = await get_json(session, where)
    if found.get("issuer") != issuer:
        raise ValueError(f"{where} speaks for the issuer {found.get('issuer')!r}")
    return found


def address_in(document: dict[str, Any], issuer: str, name: str) -> str:
    """An address that the discovery document names.

    Raises:
        ValueError: There is none, or who is between could change what is said there.
    """
    url = document.get(name)
    if not isinstance(url, str) or not is_trusted_url(url):
        raise ValueError(f"the discovery document of {issuer}: {name} is {url!r}, neither https nor of this machine")
    return url
