"""Addresses: this machine's own, those that can be trusted, and web origins."""

import pytest

from burnline.addresses import is_loopback, is_origin, is_trusted_url


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104  # binds nothing
        ("::", False),
        ("10.0.0.1", False),
        ("128.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_what_is_this_machine(host: str, *, own: bool) -> None:
    assert is_loopback(host) == own


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://id.example.com", True),
        ("https://id.example.com:8443/realms/a", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://[::1]:8080/x", True),
        ("http://localhost/x", True),
        ("http://id.example.com", False),
        ("http://127.0.0.1@example.com/", False),
        ("ftp://127.0.0.1/x", False),
        ("https://", False),
        ("https://[::1", False),
        ("https://example.com:port/", False),
        ("id.example.com", False),
    ],
)
def test_what_can_be_trusted(url: str, *, trusted: bool) -> None:
    assert is_trusted_url(url) == trusted


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://finance.example.com", True),
        ("http://localhost:3000", True),
        ("https://finance.example.com/", False),
        ("https://Finance.example.com", False),
        ("https://user@example.com", False),
        ("https://*.example.com", False),
        ("https://[example.com", False),
        ("null", False),
        ("*", False),
        ("file:///x", False),
    ],
)
def test_what_is_an_origin(text: str, *, origin: bool) -> None:
    assert is_origin(text) == origin
