"""One attempt: what is sent, what is hopeless, what is tried again, and where nothing is sent to."""

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3

from burnline.notify.delivery import MOST_ANSWERED, leads_home, pool_of, post, retry_after
from burnline.notify.messages import HttpMessage
from tests.notify.stub import receiving


@pytest.mark.parametrize(
    ("answer", "sent", "hopeless"),
    [
        (200, True, False),
        (204, True, False),
        (400, False, True),
        (404, False, True),
        (408, False, False),
        (429, False, False),
        (500, False, False),
        (503, False, False),
        (302, False, True),
        ("reset", False, False),
        ("mid-body", False, False),
        ("hang", False, False),
    ],
    ids=str,
)
def test_what_comes_of_an_answer(answer: Any, sent: bool, hopeless: bool) -> None:  # noqa: FBT001  # of a table
    pool = urllib3.PoolManager(retries=False, timeout=0.5)
    with receiving(answer) as receiver:
        found = post(pool, HttpMessage(receiver.url, {}, {"a": 1}), allow_local=True)
    assert (found.sent, found.hopeless) == (sent, hopeless)
    pool.clear()


def test_it_says_when_to_come_back() -> None:
    pool = urllib3.PoolManager(retries=False)
    with receiving((429, {"Retry-After": "7"})) as receiver:
        assert post(pool, HttpMessage(receiver.url, {}, b"x"), allow_local=True).retry_after_s == 7
    pool.clear()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("Mon, 24 Nov 2025 16:01:00 GMT", 60),
        ("Mon, 24 Nov 2025 15:00:00 GMT", 0),
        ("soon", None),
        ("²", None),
        ("9" * 400, None),
        ("99999999", 3600),
        ("Mon, 24 Nov 9999 16:01:00 GMT", 3600),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, datetime(2025, 11, 24, 16, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "169.254.169.254", "0.0.0.0", "[fe80::1]", "127.1", "2130706433",  # noqa: S104  # as an address to call
        "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[2002:7f00:1::]", "[64:ff9b::169.254.169.254]", "0x7f.1",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_this_machine_unless_that_is_meant(host: str) -> None:
    found = post(urllib3.PoolManager(retries=False), HttpMessage(f"http://{host}:1/", {}, b""), allow_local=False)
    assert not found.sent
    assert "allow_local" in found.detail


def test_a_name_that_leads_elsewhere_when_it_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setattr("burnline.notify.delivery.leads_home", lambda _: None)  # as it was when it was looked up
        found = post(pool_of(5, allow_local=False), HttpMessage(receiver.url, {}, b"x"), allow_local=False)
        assert not found.sent
        assert receiver.asked == 0
        assert post(pool_of(5, allow_local=True), HttpMessage(receiver.url, {}, b"x"), allow_local=True).sent


def test_of_an_answer_without_an_end_only_so_much_is_read_and_nothing_is_unpacked() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    with receiving((503, {"Content-Encoding": "gzip"}, {"said": "x" * 3 * MOST_ANSWERED})) as receiver:
        found = post(pool_of(20, allow_local=True), HttpMessage(receiver.url, {}, bomb), allow_local=True)
    assert not found.sent
    assert "answered 503" in found.detail
    with receiving((200, {}, {"said": "x" * 3 * MOST_ANSWERED})) as receiver:
        found = post(pool_of(20, allow_local=True), HttpMessage(receiver.url, {}, b"x"), allow_local=True)
    assert (found.sent, len(found.answer)) == (True, MOST_ANSWERED)


@pytest.mark.parametrize("host", ["192.0.2.7", "10.1.2.3", "[2001:db8::1]"])
def test_other_machines_are_not_minded(host: str) -> None:
    assert leads_home(f"https://{host}/") is None
