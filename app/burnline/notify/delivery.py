"""One request to a sink, and what came of it."""

import ipaddress
import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3

from burnline.notify.messages import HttpMessage

_PERMANENT = frozenset(range(400, 500)) - {408, 409, 421, 425, 429}
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt.

    Attributes:
        sent: The sink has it.
        hopeless: No further attempt can help: the sink refuses this very message.
        detail: A sentence, without a secret.
        retry_after_s: When the sink wants to be asked again.
        answer: The body of an answer that was well.
    """

    sent: bool
    detail: str
    hopeless: bool = False
    retry_after_s: float | None = None
    answer: bytes = b""


def post(pool: urllib3.PoolManager, message: HttpMessage, *, allow_local: bool) -> Result:
    """Ask once; a redirect is not followed, as it could lead anywhere."""
    refused = None if allow_local else leads_home(message.url)
    if refused:
        return Result(sent=False, detail=refused)
    body = message.body if isinstance(message.body, bytes | None) else json.dumps(message.body).encode()
    try:
        answer = pool.request(message.method, message.url, body=body, headers=message.headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        return Result(sent=False, detail=f"{urlsplit(message.url).netloc}: {type(error).__name__}")
    if 200 <= answer.status < 300:
        return Result(sent=True, detail=f"{answer.status}", answer=answer.data)
    said = answer.data[:_SHOWN].decode("utf-8", "replace")
    return Result(
        sent=False,
        detail=f"{urlsplit(message.url).netloc} answered {answer.status}: {said}",
        hopeless=answer.status in _PERMANENT or 300 <= answer.status < 400,
        retry_after_s=retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)),
    )


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds out of a `Retry-After` header (RFC 9110, 10.2.3): a number of them or a date; None if it says nothing."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def leads_home(url: str) -> str | None:
    """Why an address may not be called: it leads to this machine or its link (such as a cloud's metadata); else None.

    A file that others may edit must not make the notifier call what only it can reach (SSRF).
    """
    host = urlsplit(url).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return f"{host} cannot be resolved"
    for text in sorted(map(str, found)):
        address = ipaddress.ip_address(text.partition("%")[0])
        if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
            return f"{host} is {address}: allow_local of the sink says whether that is meant"
    return None
