"""Files of usage events: which lines are wrong and why, which are sent, and with which key."""

import io
import json
from typing import Any

import pytest

from burnline.events.rejection import Reason
from burnline.publisher.jsonl import NAMED_LINES, FileChangedError, Line, check_lines, good_lines, lines_as_they_are

NOW_MS = 1_763_000_000_000
SKEW_MS = 300_000


def line(**fields: Any) -> bytes:
    event = {
        "event_id": "e1",
        "occurred_at": NOW_MS,
        "org_id": "acme",
        "agent_id": "coder",
        "session_id": "s1",
        "model": "gpt-4o",
        "input_tokens": 10,
        "output_tokens": 1,
    }
    return json.dumps({**event, **fields}).encode()


def file(*lines: bytes, end: bytes = b"\n") -> io.BytesIO:
    return io.BytesIO(b"\n".join(lines) + end)


def test_all_good() -> None:
    check = check_lines(file(line(), line(event_id="e2")), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert (check.good, check.wrong, check.blank, check.named) == (2, 0, 0, [])


def test_a_byte_order_mark_and_line_ends_of_windows_are_passed_over() -> None:
    lines = io.BytesIO(b"\xef\xbb\xbf" + line() + b"\r\n" + line(event_id="e2") + b"\r\n")
    check = check_lines(lines, now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert (check.good, check.wrong) == (2, 0)
    lines.seek(0)
    sent = good_lines(lines, now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert [one.value for one in sent] == [line(), line(event_id="e2")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_told_once_and_what_to_do(encoding: str) -> None:
    text = (line() + b"\r\n" + line() + b"\r\n").decode().encode(encoding)
    check = check_lines(io.BytesIO(text), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    ((number, reason, _, detail),) = check.named
    assert (number, reason, check.wrong) == (1, Reason.NOT_UTF8, 1)
    assert "the file is UTF-16; save it as UTF-8" in detail


@pytest.mark.parametrize(
    ("bad", "reason", "field", "said"),
    [
        pytest.param(line(input_tokens=-1), Reason.OUT_OF_RANGE, "input_tokens", "-1", id="negative count"),
        pytest.param(line(input_tokens=1.5), Reason.WRONG_TYPE, "input_tokens", "1.5", id="fractional count"),
        pytest.param(line(session_id=""), Reason.TOO_SHORT, "session_id", "session_id", id="empty id"),
        pytest.param(line(occurred_at=NOW_MS // 1000), Reason.TIME_UNIT, "occurred_at", "seconds", id="seconds"),
        pytest.param(
            line(cached_input_tokens=11), Reason.SUBSET_EXCEEDS_TOTAL, "cached_input_tokens", "11", id="cached"
        ),
        pytest.param(b"{", Reason.NOT_JSON, "", "", id="not JSON"),
        pytest.param(b"[1]", Reason.NOT_AN_OBJECT, "", "", id="not an object"),
    ],
)
def test_a_wrong_line_is_named_with_number_field_and_value(bad: bytes, reason: Reason, field: str, said: str) -> None:
    check = check_lines(file(line(), b"", bad, line()), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    (wrong,) = check.named
    assert (wrong.line, wrong.reason, wrong.field) == (3, reason, field)
    assert said in wrong.detail
    assert (check.good, check.wrong, check.blank, check.lines) == (2, 1, 1, 4)


@pytest.mark.parametrize(
    ("ahead_ms", "wrong"),
    [pytest.param(SKEW_MS, 0, id="at the bound"), pytest.param(SKEW_MS + 1, 1, id="one past it")],
)
def test_events_from_the_future(ahead_ms: int, wrong: int) -> None:
    lines = file(line(occurred_at=NOW_MS + ahead_ms))
    assert check_lines(lines, now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS).wrong == wrong


@pytest.mark.parametrize("count", [NAMED_LINES, NAMED_LINES + 1, 5_000])
def test_every_wrong_line_counts_and_the_first_are_named(count: int) -> None:
    check = check_lines(file(*[b"{}"] * count), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert check.wrong == count
    assert [wrong.line for wrong in check.named] == list(range(1, NAMED_LINES + 1))


def test_wrong_lines_far_apart_keep_their_numbers() -> None:
    lines = [line()] * 4_500
    lines[1_999] = lines[2_000] = lines[4_499] = b"nothing"
    check = check_lines(file(*lines), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert [wrong.line for wrong in check.named] == [2_000, 2_001, 4_500]


def test_every_byte_is_reported_for_the_bar() -> None:
    read: list[int] = []
    lines = file(*[line()] * 2_500)
    check_lines(lines, now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS, on_bytes=read.append)
    assert sum(read) == len(lines.getvalue())


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"], ids=["no line feed", "line feed", "both"])
def test_what_is_sent_is_the_line_itself_keyed_by_session(end: bytes) -> None:
    written = line(session_id="ä", note="unknown fields stay")
    sent = list(good_lines(file(written, end=end), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS))
    assert sent == [Line(1, written, "ä".encode())]
    assert sent[0].name == "line 1"


def test_blank_lines_are_left_out_but_counted_in_the_numbers() -> None:
    sent = good_lines(file(b"", b" \t", line(), b""), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert [one.number for one in sent] == [3]


def test_a_file_that_changes_after_its_check_is_refused() -> None:
    sent = good_lines(file(line(), b"{}"), now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert next(sent).number == 1
    with pytest.raises(FileChangedError, match="Line 2"):
        next(sent)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        pytest.param(line(session_id="s9", input_tokens=-1), b"s9", id="wrong event with a session"),
        pytest.param(b'{"session_id": "s9"}', b"s9", id="hardly an event"),
        pytest.param(b'{"session_id": 9}', None, id="session id of another type"),
        pytest.param(b"{}", None, id="no session id"),
        pytest.param(b'{"session_id": "\\ud800"}', None, id="half of a surrogate pair"),
        pytest.param(b'{"session_id": "s9', None, id="not JSON"),
        pytest.param(b"[]", None, id="not an object"),
        pytest.param(b"\xff\xfe", None, id="not UTF-8"),
        pytest.param(b"[" * 100_000, None, id="very deep"),
        pytest.param(b'{"a":' * 100_000, None, id="very deep object"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"{}\r", None, id="carriage return kept"),
    ],
)
def test_as_they_are_lines_keep_every_byte(written: bytes, key: bytes | None) -> None:
    assert list(lines_as_they_are(file(written))) == [Line(1, written, key)]


def test_as_they_are_counts_blank_lines_but_nothing_after_the_last_line_feed() -> None:
    assert [one.value for one in lines_as_they_are(io.BytesIO(b"a\n\nb\n"))] == [b"a", b"", b"b"]
