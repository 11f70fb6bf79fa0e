"""Headers of dead letters: the record's own, untouched, then why and where from."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from burnline.events.dead_letters import (
    KEPT_VALUE_BYTES,
    DeadLetter,
    DeadLetterHeaders,
    dead_letter,
)
from burnline.events.decode import Reason, Rejection
from tests.events.examples import encoded, rejected
from tests.events.letters import dead_letter_headers

REJECTION = Rejection(4, Reason.TIME_UNIT, "occurred_at", "occurred_at 5 – too small")
OURS = [
    ("burnline-reason", b"time_unit"),
    ("burnline-field", b"occurred_at"),
    ("burnline-detail", "occurred_at 5 – too small".encode()),
    ("burnline-topic", b"finops.usage"),
    ("burnline-partition", b"3"),
    ("burnline-offset", b"9000000000"),
]


@pytest.mark.parametrize(
    "own",
    [None, [], [("trace", b"\xff\x00"), ("trace", b"2"), ("empty", b""), ("null", None)], [("burnline-reason", b"x")]],
    ids=["none", "empty", "any bytes", "a dead letter that was sent again"],
)
def test_headers_come_after_the_records_own(own: list[tuple[str, bytes | None]] | None) -> None:
    headers = dead_letter_headers(REJECTION, topic="finops.usage", partition=3, offset=9_000_000_000, headers=own)
    assert headers == [*(own or []), *OURS]
    assert DeadLetterHeaders.from_kafka(headers) == DeadLetterHeaders(
        reason=Reason.TIME_UNIT,
        field="occurred_at",
        detail="occurred_at 5 – too small",
        topic="finops.usage",
        partition=3,
        offset=9_000_000_000,
    )


def test_a_fault_without_a_field() -> None:
    headers = dead_letter_headers(rejected(b"{"), topic="t", partition=0, offset=0, headers=None)
    assert dict(headers)["burnline-field"] == b""
    assert DeadLetterHeaders.from_kafka(headers).field == ""


@given(st.text())
@settings(deadline=None)
def test_whatever_was_sent_can_be_written_into_a_header(text: str) -> None:
    for value in (encoded(kind=text), encoded(org_id=text * 300), encoded(tags={text: 1}), text.encode("utf-16")):
        headers = dead_letter_headers(rejected(value), topic="t", partition=0, offset=0, headers=[])
        assert DeadLetterHeaders.from_kafka(headers).detail.isprintable()


@pytest.mark.parametrize("missing", [name for name, _ in OURS])
def test_what_is_no_dead_letter(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing.removeprefix("burnline-")):
        DeadLetterHeaders.from_kafka([header for header in OURS if header[0] != missing])


def letter(*, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], most: int) -> DeadLetter:
    return dead_letter(
        REJECTION, topic="t", partition=0, offset=7, key=key, value=value, headers=headers, most_bytes=most
    )


@pytest.mark.parametrize("value_bytes", [1_000_000, 1_000_001], ids=["the most", "a byte more"])
def test_one_that_is_too_large_keeps_its_beginning_its_length_and_its_hash(value_bytes: int) -> None:
    value = b"z" * value_bytes
    found = letter(key=b"k" * 10, value=value, headers=[("own", b"h" * 7)], most=1_000_020)
    told = DeadLetterHeaders.from_kafka(found.headers)
    assert (found.key, found.headers[0]) == (b"k" * 10, ("own", b"h" * 7))
    if value_bytes == 1_000_000:
        assert (found.value, told.value_bytes, told.value_sha256) == (value, None, None)
    else:
        assert found.value == b"z" * KEPT_VALUE_BYTES
        assert (told.value_bytes, told.value_sha256) == (value_bytes, hashlib.sha256(value).hexdigest())
    assert (told.offset, told.key_bytes, told.headers_bytes) == (7, None, None)


@pytest.mark.parametrize(
    ("key_bytes", "value_bytes", "header_bytes"),
    [
        pytest.param(10, 100, 2_000_000, id="headers"),
        pytest.param(2_000_000, 100, 10, id="key"),
        pytest.param(2_000_000, 2_000_000, 2_000_000, id="all of it"),
        pytest.param(2_000_000, None, 2_000_000, id="no value"),
    ],
)
def test_whatever_is_too_large_is_cut(key_bytes: int, value_bytes: int | None, header_bytes: int) -> None:
    value = None if value_bytes is None else b"v" * value_bytes
    found = letter(key=b"k" * key_bytes, value=value, headers=[("own", b"h" * header_bytes)], most=1_000_000)
    own = sum(len(part or b"") for _, part in found.headers)
    assert len(found.key or b"") + len(found.value or b"") + own <= 1_000_000
    told = DeadLetterHeaders.from_kafka(found.headers)
    assert (told.key_bytes or len(found.key or b"")) == key_bytes
    assert (found.value is None) == (value is None)
    assert told.value_bytes in {None, value_bytes}
    assert ("own" in dict(found.headers)) == (told.headers_bytes is None)
