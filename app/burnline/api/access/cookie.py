"""Sign-in of a browser: the caller's own bearer token in a cookie that scripts cannot read.

A browser sends a cookie by itself, also for pages of others. So a request that rests on one and would change something
has to come from a page of this very origin (OWASP, CSRF prevention: verifying origin by standard headers), and the
cookie is `SameSite=Strict` besides.
"""

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie

COOKIE = "burnline_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Headers = Iterable[tuple[bytes, bytes]]


def cookie_token(headers: Headers) -> str | None:
    """The token in the request's cookie; None if there is none, or more than one that could be meant."""
    found = []
    for name, value in headers:
        if name == b"cookie":
            cookie: SimpleCookie = SimpleCookie()
            try:
                cookie.load(value.decode("latin-1"))
            except CookieError:
                continue
            if COOKIE in cookie:
                found.append(cookie[COOKIE].value)
    return found[0] if len(found) == 1 else None


def is_own_page(method: str, headers: Headers) -> bool:
    """Whether a request that carries a cookie may rest on it: it changes nothing, or a page of this origin made it."""
    if method in SAFE_METHODS:
        return True
    host, origin, site = "", None, None
    for name, value in headers:
        if name == b"host":
            host = value.decode("latin-1")
        elif name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"sec-fetch-site":
            site = value
    if site is not None and site != b"same-origin":
        return False
    return origin is not None and origin.partition("://")[2] == host
