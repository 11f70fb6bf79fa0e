"""Who counts as being on this machine: no proxy's caller, and no page that a browser here shows."""

import pytest

from burnline.api.access.local import is_local

HERE = [(b"host", b"127.0.0.1:8080")]


@pytest.mark.parametrize(
    ("client", "headers", "local"),
    [
        ("127.0.0.1", HERE, True),
        ("::1", [(b"host", b"[::1]:8080")], True),
        ("127.0.0.1", [(b"host", b"localhost")], True),
        ("127.0.0.1", [(b"host", b"burnline:8080")], True),
        ("10.0.0.7", HERE, False),
        (None, HERE, False),
        ("127.0.0.1", [], False),
        ("127.0.0.1", [(b"host", b"evil.example.com:8080")], False),
        ("127.0.0.1", [(b"host", b"[fe80::1]:8080")], False),
        ("127.0.0.1", [(b"host", b"[")], False),
        ("127.0.0.1", [*HERE, (b"x-forwarded-for", b"127.0.0.1")], False),
        ("127.0.0.1", [*HERE, (b"forwarded", b"for=1.2.3.4")], False),
        ("127.0.0.1", [*HERE, (b"via", b"1.1 proxy")], False),
        ("127.0.0.1", [*HERE, (b"origin", b"http://127.0.0.1:8080")], True),
        ("127.0.0.1", [*HERE, (b"origin", b"https://finance.example.com")], True),
        ("127.0.0.1", [*HERE, (b"origin", b"https://evil.example.com")], False),
        ("127.0.0.1", [*HERE, (b"origin", b"null")], False),
        ("127.0.0.1", [*HERE, (b"sec-fetch-site", b"cross-site")], False),
        ("127.0.0.1", [*HERE, (b"sec-fetch-site", b"same-origin")], True),
    ],
    ids=[
        "IPv4", "IPv6", "localhost", "short name", "elsewhere", "unknown", "no host", "rebound name", "foreign IPv6",
        "broken host", "proxied", "forwarded", "via", "own page", "allowed page", "foreign page", "opaque page",
        "foreign link", "docs page",
    ],
)  # fmt: skip
def test_who_is_here(client: str | None, headers: list[tuple[bytes, bytes]], *, local: bool) -> None:
    assert is_local(client, headers, ["https://finance.example.com"]) == local
