"""Whether a request was made by someone on this machine, and by no page, proxy or name that stands in between.

A loopback address alone does not say so: a proxy on this machine calls from there for the whole world, and so does a
browser on this machine for any page that it shows.
"""

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from burnline.addresses import is_loopback

_OF_PROXIES = {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"}


def is_local(client: str | None, headers: Iterable[tuple[bytes, bytes]], origins: Collection[str] = ()) -> bool:
    """Whether it comes from this very machine.

    Args:
        client: The peer's address, None if it is not known.
        headers: Of the request; names in lower case.
        origins: Web origins whose pages may call.
    """
    if client is None or not is_loopback(client):
        return False
    host, origin, site = b"", None, b""
    for name, value in headers:
        if name in _OF_PROXIES:
            return False
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"sec-fetch-site":
            site = value
    if not _names_this_machine(host.decode("latin-1")):
        return False
    if origin is None:
        return site != b"cross-site"
    return origin in origins or origin.partition("://")[2] == host.decode("latin-1")


def _names_this_machine(host: str) -> bool:
    # DNS rebinding brings a page's own name to 127.0.0.1, and such a name has a dot; one without is known here only.
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or (bool(name) and "." not in name and ":" not in name)
