"""One request to a sink, and what came of it."""

import ipaddress
import json
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from burnline.notify.messages import HttpMessage

_PERMANENT = frozenset(range(400, 500)) - {408, 409, 421, 425, 429}
_SHOWN = 200
_SECONDS = re.compile("[0-9]{1,12}")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
MOST_ANSWERED = 1_048_576
"""Bytes of an answer that are read."""
LONGEST_RETRY_AFTER_S = 3_600.0
"""A sink may ask for a pause, but not for silence."""


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
        answer = pool.request(
            message.method, message.url, body=body, headers=message.headers, redirect=False, preload_content=False
        )
        try:
            told = _read(answer)
        finally:
            answer.close()
    except urllib3.exceptions.HTTPError as error:
        return Result(sent=False, detail=f"{urlsplit(message.url).netloc}: {type(error).__name__}")
    if 200 <= answer.status < 300:
        return Result(sent=True, detail=f"{answer.status}", answer=told)
    said = told[:_SHOWN].decode("utf-8", "replace")
    return Result(
        sent=False,
        detail=f"{urlsplit(message.url).netloc} answered {answer.status}: {said}",
        hopeless=answer.status in _PERMANENT or 300 <= answer.status < 400,
        retry_after_s=retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)),
    )


def _read(answer: urllib3.BaseHTTPResponse) -> bytes:
    """The beginning of an answer, as it comes: what is packed may unpack to anything.

    Raises:
        urllib3.exceptions.HTTPError: It breaks off.
    """
    told = b""
    while len(told) < MOST_ANSWERED and (more := answer.read(MOST_ANSWERED - len(told), decode_content=False)):
        told += more
    return told


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds out of a `Retry-After` header (RFC 9110, 10.2.3): a number of them or a date; None if it says nothing."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return min(float(text), LONGEST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()), LONGEST_RETRY_AFTER_S)


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
        if is_home(text):
            return f"{host} is {text}: allow_local of the sink says whether that is meant"
    return None


def is_home(text: str) -> bool:
    """Whether an IP address is of this machine or its link, in whichever way an IPv6 address holds one of IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        held = address.ipv4_mapped or address.sixtofour
        if held is None and address in _NAT64:
            held = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if held is not None:
            return is_home(str(held))
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast


def pool_of(timeout_s: float, *, allow_local: bool) -> urllib3.PoolManager:
    """Connections to one sink; nothing is tried again behind the caller's back.

    What a name leads to may be another address when it is connected to than when it was looked up. So the connection
    itself is looked at, before anything is sent over it.
    """
    pool = urllib3.PoolManager(retries=False, timeout=timeout_s)
    if not allow_local:
        pool.pool_classes_by_scheme = {"http": _AwayPool, "https": _SecureAwayPool}
    return pool


class _Away(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        found = str(connected.getpeername()[0])
        if is_home(found):
            connected.close()
            raise urllib3.exceptions.NewConnectionError(self, f"{self.host} is {found}, which is not allowed")
        return connected


class _SecureAway(_Away, HTTPSConnection):
    pass


class _AwayPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Away


class _SecureAwayPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureAway
