"""Headers of dead letters: the record's own, untouched, then why and where from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from burnline.events.dead_letters import DeadLetterHeaders, dead_letter_headers
from burnline.events.decode import Reason, Rejection
from tests.events.examples import encoded, rejected

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
