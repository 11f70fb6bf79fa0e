"""CloudEvents with usage events in them: what their envelope says, what it cannot, and what is refused."""

import base64
import json
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from burnline.events.cloudevents import event_id, in_one_piece, is_cloudevent
from burnline.events.usage import MAX_ID_CHARACTERS, Usage
from tests.events.examples import NOW_MS, REQUIRED, accepted, encoded, event, rejected

TIME = "2025-10-09T08:53:19Z"
ENVELOPE: dict[str, Any] = {"specversion": "1.0", "id": "7", "source": "/agents/a", "type": "usage", "time": TIME}
DATA = {name: value for name, value in REQUIRED.items() if name != "event_id"}
EXPECTED = Usage(**{**REQUIRED, "event_id": "/agents/a 7"})


def wrapped(data: object = DATA, **changes: Any) -> bytes:
    """A structured CloudEvent; a change to None leaves an attribute out."""
    envelope = ENVELOPE | changes
    return json.dumps({name: value for name, value in envelope.items() if value is not None} | {"data": data}).encode()


def test_source_and_id_say_which_event_it_is() -> None:
    assert accepted(wrapped()) == accepted(wrapped({**DATA, "event_id": None})) == EXPECTED
    assert accepted(wrapped({**DATA, "event_id": "its-own"})).event_id == "its-own"


@pytest.mark.parametrize("length", [MAX_ID_CHARACTERS, MAX_ID_CHARACTERS + 1])
def test_an_id_that_is_too_long_for_one_is_hashed(length: int) -> None:
    name = event_id("s", "i" * (length - 2))
    assert name.startswith("ce:") == (length > MAX_ID_CHARACTERS)
    assert len(name) <= MAX_ID_CHARACTERS


def test_source_and_id_are_told_apart() -> None:
    assert event_id("a#b", "c") != event_id("a", "b#c")


@pytest.mark.parametrize("absent", [{}, {"occurred_at": None}], ids=["absent", "null"])
def test_time_stands_for_a_missing_time(absent: dict[str, Any]) -> None:
    data = {name: value for name, value in DATA.items() if name != "occurred_at"} | absent
    assert accepted(wrapped(data)).occurred_at == NOW_MS - 1_000
    assert accepted(wrapped(DATA, time="2001-01-01T00:00:00Z")).occurred_at == REQUIRED["occurred_at"]


@pytest.mark.parametrize("time", ["2025-10-09T10:53:19+02:00", "2025-10-09T08:53:19.000000000Z"])
def test_a_time_is_one_of_rfc_3339(time: str) -> None:
    data = {name: value for name, value in DATA.items() if name != "occurred_at"}
    assert accepted(wrapped(data, time=time)).occurred_at == NOW_MS - 1_000


def test_subject_stands_for_a_missing_session() -> None:
    data = {name: value for name, value in DATA.items() if name != "session_id"}
    assert accepted(wrapped(data, subject="s9")).session_id == "s9"
    assert accepted(wrapped(DATA, subject="s9")).session_id == "sess-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"datacontenttype": "application/json"},
        {"datacontenttype": "application/vnd.acme+json; charset=utf-8"},
        {"traceparent": "00-1-2-01", "model": "an extension's"},
    ],
    ids=["json", "its-own-json", "extensions"],
)
def test_what_else_an_envelope_may_say(changes: dict[str, Any]) -> None:
    assert accepted(wrapped(**changes)) == EXPECTED


def test_data_may_be_in_base64() -> None:
    text = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert accepted(json.dumps({**ENVELOPE, "data_base64": text}).encode()) == EXPECTED


def test_a_client_of_the_cloudevents_package() -> None:
    at = {name: value for name, value in ENVELOPE.items() if name != "time"}
    value = JSONFormat().write(CloudEvent(attributes=at, data=DATA))
    assert accepted(value) == EXPECTED


REFUSED = [
    ("version", wrapped(specversion="0.3"), "cloudevent", "specversion"),
    ("no-source", wrapped(source=None), "cloudevent", "source"),
    ("empty-id", wrapped(id=""), "cloudevent", "id"),
    ("number-as-id", wrapped(id=7), "cloudevent", "id"),
    ("no-type", wrapped(type=None), "cloudevent", "type"),
    ("text-as-data", wrapped("usage"), "cloudevent", "data"),
    ("no-data", wrapped(None), "cloudevent", "data"),
    ("avro", wrapped(datacontenttype="avro/binary"), "cloudevent", "datacontenttype"),
    ("no-base64", json.dumps({**ENVELOPE, "data_base64": "?"}).encode(), "cloudevent", "data_base64"),
    ("local-time", wrapped({**DATA, "occurred_at": None}, time="2025-10-09T08:53:19"), "cloudevent", "time"),
    ("no-time", wrapped({**DATA, "occurred_at": None}, time=None), "wrong_type", "occurred_at"),
    ("its-data-is-wrong", wrapped({**DATA, "model": ""}), "too_short", "model"),
    ("batch", json.dumps([ENVELOPE | {"data": DATA}] * 2).encode(), "cloudevents_batch", ""),
    ("array-of-others", json.dumps([event()]).encode(), "not_an_object", ""),
]


@pytest.mark.parametrize(
    ("value", "reason", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_refused(value: bytes, reason: str, field: str) -> None:
    rejection = rejected(value)
    assert (rejection.reason, rejection.field) == (reason, field)


def test_a_usage_event_that_has_a_specversion_is_none_the_less_one() -> None:
    assert not is_cloudevent(event(specversion="1.0"))
    assert accepted(encoded(specversion="1.0", id="x", source="y", type="z")).event_id == "e-1"


HEADERS: list[tuple[str, bytes | None]] = [
    ("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"/agents/a"), ("ce_type", b"usage"),
    ("content-type", b"application/json"),
]  # fmt: skip


@pytest.mark.parametrize("case", [str, str.upper, str.title], ids=["lower", "upper", "title"])
def test_binary_mode_has_its_envelope_in_headers_of_any_case(case: Any) -> None:
    piece = in_one_piece(json.dumps(DATA).encode(), [(case(name), told) for name, told in HEADERS])
    assert piece is not None
    assert accepted(piece) == EXPECTED


@pytest.mark.parametrize(
    "headers",
    [[], [("traceparent", b"00-1-2-01")], [("content-type", b"application/CloudEvents+json"), *HEADERS[:4]]],
    ids=["none", "others", "structured"],
)
def test_without_such_headers_a_value_stays_as_it_is(headers: list[tuple[str, bytes | None]]) -> None:
    assert in_one_piece(encoded(), headers) == encoded()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"no json", "not_json"),
        (b"", "empty_value"),
        (b'{}, "id": "8"', "not_json"),
        (b"\0\0\0\0*{}", "confluent_frame"),
    ],
    ids=["words", "nothing", "more-than-data", "framed"],
)
def test_data_of_binary_mode_is_as_strict_as_any(value: bytes, reason: str) -> None:
    assert rejected(in_one_piece(value, HEADERS)).reason == reason


def test_a_whole_usage_event_needs_no_envelope() -> None:
    assert in_one_piece(encoded(), [("ce_specversion", b"0.3")]) == encoded()


def test_a_tombstone_stays_one() -> None:
    assert in_one_piece(None, HEADERS) is None
