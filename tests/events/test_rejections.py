"""Each way in which an event can be wrong: the reason, the field, and a sentence with the value."""

import gzip
import json
import zlib

import pytest

from burnline.events.decode import Reason, Rejection, decode_batch
from burnline.events.meters import NAMES
from burnline.events.usage import ID_FIELDS, MAX_DEPTH, MAX_EVENT_BYTES
from tests.events.examples import ABSENT, FULL, NOW_MS, REQUIRED, SKEW_MS, decode, encoded, event, raw, rejected

COUNTS = [
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    *NAMES,
]
DAY_MS = 86_400_000


def half_pair(field: str) -> bytes:
    return raw(field, '"\\ud800"')


UNREADABLE_TEXTS = [
    pytest.param(None, "null_value", "", "no value", id="null value"),
    pytest.param(b"", "empty_value", "", "empty", id="empty value"),
    pytest.param(b" \n", "not_json", "", "Expecting value", id="blank"),
    pytest.param(b"not json", "not_json", "", '"not json"', id="words"),
    pytest.param(b'{"event_id": broken', "not_json", "", "at character 13", id="broken"),
    pytest.param(encoded()[:-1], "not_json", "", "at character", id="cut off"),
    pytest.param(encoded() + b"}", "not_json", "", "Extra data", id="more behind"),
    pytest.param(encoded() * 2, "not_json", "", "Extra data", id="two objects"),
    pytest.param(encoded()[:-1] + b",}", "not_json", "", "", id="comma at the end"),
    pytest.param(encoded().replace(b'"', b"'"), "not_json", "", "", id="single quotes"),
    pytest.param(b"\xef\xbb\xbf" * 2 + encoded(), "not_json", "", "two byte order marks", id="two byte order marks"),
    *(
        pytest.param(json.dumps(event()).encode(name), "not_utf8", "", "is UTF-16", id=name)
        for name in ("utf-16", "utf-16-le", "utf-16-be")
    ),
    *(
        pytest.param(json.dumps(event()).encode(name), "not_utf8", "", "is UTF-32", id=name)
        for name in ("utf-32", "utf-32-le", "utf-32-be")
    ),
    *(
        pytest.param(value, "not_json", "", f"the value is {what}", id=what)
        for value, what in (
            (gzip.compress(encoded()), "compressed with gzip"),
            (zlib.compress(encoded()), "compressed with zlib"),
            (b"\x28\xb5\x2f\xfd\x04\0abc", "compressed with zstd"),
            (b"\x03\x00" + bytes(16) + encoded(), "framed by AWS Glue's schema registry"),
            (b"\xc3\x01" + bytes(8) + b"\2a", "framed as a single object of Avro"),
        )
    ),
    pytest.param(encoded() + b"\n" + encoded(), "not_json", "", "the value is 2 lines", id="JSON Lines"),
    pytest.param(encoded() + b"\r\n\r\n" + encoded(), "not_json", "", "the value is 2 lines", id="and an empty line"),
    pytest.param(
        json.dumps(encoded().decode()).encode(), "not_an_object", "", "serialised twice", id="JSON in a string"
    ),
    pytest.param(b"[" + encoded() + b"]", "not_an_object", "", "an array of 1 objects", id="an array of events"),
    pytest.param(
        json.dumps({"schema": None, "payload": event()}).encode(),
        "missing_field",
        "event_id",
        "there is one in 'payload', as Kafka Connect",
        id="Kafka Connect's schemas",
    ),
    pytest.param(
        json.dumps({"before": None, "after": event()}).encode(),
        "missing_field",
        "event_id",
        "there is one in 'after', as Debezium",
        id="a change of Debezium's",
    ),
    pytest.param(b"\0\0\0\0*" + encoded(), "confluent_frame", "", "schema id 42)", id="framed JSON"),
    pytest.param(b"\0\0\1\0\0\2\6abc", "confluent_frame", "", "schema id 65536)", id="framed Avro"),
    pytest.param(b"\0\0\0\0*", "not_json", "", "", id="a frame around nothing"),
    pytest.param(encoded().replace(b"acme", b"ac\xe9me"), "not_utf8", "", "0xe9", id="Latin-1 in a known field"),
    pytest.param(encoded(note="@").replace(b"@", b"\xff"), "not_utf8", "", "0xff", id="not UTF-8 in an unknown field"),
    pytest.param(encoded().replace(b"{", b'{"\xff":1,', 1), "not_utf8", "", "0xff", id="not UTF-8 in a name"),
    pytest.param(raw("note", '"\ud800"'), "not_utf8", "", "0xed", id="surrogate as bytes"),
    pytest.param(encoded(note="@").replace(b"@", b"\xc0\x80"), "not_utf8", "", "0xc0", id="overlong"),
    pytest.param(bytes(range(256)), "not_utf8", "", "", id="all bytes"),
    pytest.param(raw("org_id", '"a\nb"'), "not_json", "", "control character", id="line break in a string"),
    pytest.param(raw("note", '"\\x"'), "not_json", "", "escape", id="unknown escape"),
    pytest.param(half_pair("org_id"), "lone_surrogate", "org_id", "surrogate", id="half pair in an id"),
    pytest.param(half_pair("note"), "lone_surrogate", "note", "surrogate", id="half pair in an unknown field"),
    pytest.param(
        encoded().replace(b"{", b'{"\\udc00":1,', 1), "lone_surrogate", "\\udc00", "surrogate", id="half pair in a name"
    ),
    pytest.param(raw("tags", '{"a": "\\ud800"}'), "lone_surrogate", "tags", "surrogate", id="half pair in a tag"),
    pytest.param(raw("input_tokens", "NaN"), "not_json", "input_tokens", "NaN", id="NaN as a count"),
    pytest.param(raw("input_tokens", "-Infinity"), "not_json", "input_tokens", "-Infinity", id="infinity as a count"),
    pytest.param(raw("note", "[NaN]"), "not_json", "", "NaN", id="NaN deep in an unknown field"),
    pytest.param(raw("input_tokens", "01"), "not_json", "", "", id="leading zero"),
    pytest.param(raw("input_tokens", "+1"), "not_json", "", "", id="plus sign"),
    pytest.param(raw("input_tokens", "0x10"), "not_json", "", "", id="hexadecimal"),
    pytest.param(b"[]", "not_an_object", "", "an array of 0", id="array"),
    pytest.param(b"[" + encoded() + b"]", "not_an_object", "", "an array of 1", id="event in an array"),
    pytest.param(b'"event"', "not_an_object", "", '"event"', id="string"),
    pytest.param(b"17", "not_an_object", "", "17", id="number"),
    pytest.param(b"null", "not_an_object", "", "null", id="JSON null"),
    pytest.param(b"true", "not_an_object", "", "true", id="boolean"),
    pytest.param(b"NaN", "not_json", "", "NaN", id="only NaN"),
    pytest.param(b"9" * 100_000, "not_an_object", "", "999…", id="a very long number"),
    pytest.param(b" " * MAX_EVENT_BYTES + b" ", "too_large", "", "1048577 bytes", id="one byte too many"),
    pytest.param(b"x" * 5_000_000, "too_large", "", "5000000 bytes", id="5 MB of nothing"),
    pytest.param(encoded(note="x" * 5_000_000), "too_large", "", "more than 1048576", id="5 MB event"),
    pytest.param(raw("note", "[" * MAX_DEPTH + "]" * MAX_DEPTH), "too_deep", "", "200", id="one level too deep"),
    pytest.param(raw("note", '{"a":' * 5_000 + "1" + "}" * 5_000), "too_deep", "", "200", id="objects, 5,000 deep"),
    pytest.param(b"[" * 1_000_000, "too_deep", "", "200", id="a million brackets"),
]


@pytest.mark.parametrize(("value", "reason", "field", "detail"), UNREADABLE_TEXTS)
def test_values_that_hold_no_event(value: bytes | None, reason: str, field: str, detail: str) -> None:
    rejection = rejected(value)
    assert (rejection.reason, rejection.field) == (reason, field)
    assert detail in rejection.detail


@pytest.mark.parametrize("field", list(REQUIRED))
def test_required_fields(field: str) -> None:
    assert rejected(encoded(**{field: ABSENT})) == Rejection(0, Reason.MISSING_FIELD, field, f"{field} is missing")
    assert rejected(encoded(**{field: None}))[1:3] == (Reason.WRONG_TYPE, field)


@pytest.mark.parametrize("field", COUNTS)
@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("true", "wrong_type", "must be an integer, not true"),
        ("false", "wrong_type", "must be an integer, not false"),
        ("1.0", "wrong_type", "must be an integer, not 1.0"),
        ("0.5", "wrong_type", "must be an integer, not 0.5"),
        ("1e3", "wrong_type", "must be an integer, not 1000.0"),
        ("1e999", "wrong_type", "must be an integer, not inf"),
        ("-0.0", "wrong_type", "must be an integer, not -0.0"),
        ('"12"', "wrong_type", 'must be an integer, not "12"'),
        ('""', "wrong_type", 'must be an integer, not ""'),
        ("[1]", "wrong_type", "must be an integer, not an array of 1"),
        ("{}", "wrong_type", "must be an integer, not an object with 0 fields"),
        ("-1", "out_of_range", "must be from 0 to 1000000000, not -1"),
        ("1000000001", "out_of_range", "must be from 0 to 1000000000, not 1000000001"),
        ("1000000000000000000000000000000", "out_of_range", "not 1000000000000000000000000000000"),
        ("-1000000000000000000000000000000", "out_of_range", "not -1000000000000000000000000000000"),
        ("9" * 5_000, "out_of_range", "not " + "9" * 80 + "…"),
    ],
    ids=lambda text: text[:24],
)
def test_counts(field: str, text: str, reason: str, said: str) -> None:
    rejection = rejected(raw(field, text))
    assert (rejection.reason, rejection.field) == (reason, field)
    assert said in rejection.detail


@pytest.mark.parametrize("field", ID_FIELDS)
@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        ("x" * 257, "too_long", "at most 256 characters, not 257"),
        ("é" * 257, "too_long", "at most 256 characters, not 257"),
        ("x" * 300, "too_long", "at most 256 characters, not 300"),
        (7, "wrong_type", "must be a string, not 7"),
        (True, "wrong_type", "must be a string, not true"),
        (["a"], "wrong_type", "must be a string, not an array of 1"),
        ({"a": 1}, "wrong_type", "must be a string, not an object with 1 fields"),
        ("a\u0000b", "control_character", '"a\\x00b"'),
        ("a\nb", "control_character", '"a\\nb"'),
        ("\u001b[31m", "control_character", '"\\x1b[31m"'),
        ("\u001f", "control_character", "control characters"),
        ("a\u007f", "control_character", '"a\\x7f"'),
        ("\u0080", "control_character", "control characters"),
        ("a\u009b", "control_character", "control characters"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_ids(field: str, value: object, reason: str, said: str) -> None:
    for ensure_ascii in (True, False):
        rejection = rejected(json.dumps(event(**{field: value}), ensure_ascii=ensure_ascii).encode())
        assert (rejection.reason, rejection.field) == (reason, field)
        assert rejection.detail.startswith(f"{field} m")
        assert said in rejection.detail


@pytest.mark.parametrize("field", [name for name in ID_FIELDS if name != "provider"])
def test_empty_ids(field: str) -> None:
    rejection = rejected(encoded(**{field: ""}))
    assert (rejection.reason, rejection.field) == (Reason.TOO_SHORT, field)
    assert "at least one character" in rejection.detail


@pytest.mark.parametrize("value", ["-1", "1e3", "1.", ".5", "1000000", " 1", "1\n", "", "0.42 USD", "0." + "1" * 31])
def test_reported_costs(value: str) -> None:
    rejection = rejected(encoded(reported_cost_usd=value))
    assert (rejection.reason, rejection.field) == (Reason.WRONG_TYPE, "reported_cost_usd")
    assert rejection.detail.startswith('reported_cost_usd must be decimal text in USD below a million, such as "0.41"')


def test_a_reported_cost_is_text_and_an_error_true_or_false() -> None:
    assert rejected(encoded(reported_cost_usd=0.5)).detail == "reported_cost_usd must be a string, not 0.5"
    assert rejected(encoded(error="yes")).detail == 'error must be true or false, not "yes"'


@pytest.mark.parametrize("text", [" ", "~", "\u00a0"], ids=["space", "tilde", "no-break space"])
def test_neighbours_of_the_control_characters_are_fine(text: str) -> None:
    assert decode(json.dumps(event(org_id=text), ensure_ascii=False).encode())[1] == []


@pytest.mark.parametrize("kind", ["chat", "", "LLM", "llm ", "x" * 500], ids=lambda kind: repr(kind)[:10])
def test_unknown_kinds(kind: str) -> None:
    rejection = rejected(encoded(kind=kind))
    assert (rejection.reason, rejection.field) == (Reason.UNKNOWN_KIND, "kind")
    assert rejection.detail.startswith(
        f'kind must be one of llm, embedding, tool_call, run, cache_hit, not "{kind[:80]}'
    )


def test_a_kind_that_is_no_string() -> None:
    assert rejected(encoded(kind=3)) == Rejection(0, Reason.WRONG_TYPE, "kind", "kind must be a string, not 3")


@pytest.mark.parametrize(
    ("counts", "field", "said"),
    [
        ({"input_tokens": 10, "cached_input_tokens": 11}, "cached_input_tokens", "11 + cache_write_tokens 0 exceed"),
        ({"input_tokens": 10, "cache_write_tokens": 11}, "cached_input_tokens", "cache_write_tokens 11 exceed"),
        (
            {"input_tokens": 10, "cached_input_tokens": 5, "cache_write_tokens": 6},
            "cached_input_tokens",
            "cached_input_tokens 5 + cache_write_tokens 6 exceed input_tokens 10",
        ),
        (
            {"output_tokens": 10, "reasoning_tokens": 11},
            "reasoning_tokens",
            "reasoning_tokens 11 exceed output_tokens 10",
        ),
        ({"input_tokens": 0, "cached_input_tokens": 1, "kind": None}, "cached_input_tokens", "exceed input_tokens 0"),
        (
            {"output_tokens": 0, "reasoning_tokens": 1, "cache_write_tokens": None},
            "reasoning_tokens",
            "reasoning_tokens 1 exceed output_tokens 0",
        ),
        (
            {"input_tokens": 10, "cached_input_tokens": 4, "cache_write_tokens": 1, "input_audio_tokens": 6},
            "input_audio_tokens",
            "input_audio_tokens 6 exceed input_tokens (neither cached nor written to a cache) 5",
        ),
        (
            {"input_tokens": 10, "input_audio_tokens": 6, "input_image_tokens": 5},
            "input_audio_tokens",
            "input_audio_tokens 6 + input_image_tokens 5 exceed input_tokens (neither",
        ),
        (
            {"input_tokens": 10, "cached_input_tokens": 4, "input_audio_tokens": 8, "cached_input_audio_tokens": 1},
            "input_audio_tokens",
            "input_audio_tokens 8 (1 cached) exceed input_tokens (neither cached nor written to a cache) 6",
        ),
        (
            {"input_tokens": 10, "cached_input_tokens": 4, "input_audio_tokens": 5, "cached_input_audio_tokens": 5},
            "cached_input_audio_tokens",
            "cached_input_audio_tokens 5 exceed cached_input_tokens 4",
        ),
        (
            {"input_tokens": 10, "cached_input_tokens": 4, "cached_input_audio_tokens": 1},
            "cached_input_audio_tokens",
            "cached_input_audio_tokens 1 exceed input_audio_tokens 0",
        ),
        (
            {"output_tokens": 10, "reasoning_tokens": 4, "output_audio_tokens": 7},
            "output_audio_tokens",
            "output_audio_tokens 7 exceed output_tokens (without reasoning) 6",
        ),
        ({"cache_write_1h_tokens": 3}, "cache_write_1h_tokens", "cache_write_1h_tokens 3 exceed cache_write_tokens"),
    ],
    ids=str,
)
def test_parts_beyond_their_total(counts: dict[str, object], field: str, said: str) -> None:
    rejection = rejected(encoded(**counts))
    assert (rejection.reason, rejection.field) == (Reason.SUBSET_EXCEEDS_TOTAL, field)
    assert said in rejection.detail


@pytest.mark.parametrize(
    ("time", "reason", "said"),
    [
        (NOW_MS // 1_000, "time_unit", "1760000000 seems to be in seconds"),
        (NOW_MS * 1_000, "time_unit", "1760000000000000 seems to be in microseconds"),
        (NOW_MS * 1_000_000, "time_unit", "1760000000000000000 seems to be in nanoseconds"),
        (10**9, "time_unit", "seconds"),
        (10**10 - 1, "time_unit", "seconds"),
        (10**15, "time_unit", "microseconds"),
        (10**16 - 1, "time_unit", "microseconds"),
        (10**18, "time_unit", "nanoseconds"),
        (10**19 - 1, "time_unit", "nanoseconds"),
        (10**9 - 1, "out_of_range", "not 999999999"),
        (10**10, "out_of_range", "not 10000000000"),
        (10**12 - 1, "out_of_range", "not 999999999999"),
        (10**13, "out_of_range", "not 10000000000000"),
        (10**15 - 1, "out_of_range", "not 999999999999999"),
        (10**16, "out_of_range", "not 10000000000000000"),
        (10**19, "out_of_range", "not 10000000000000000000"),
        (10**30, "out_of_range", "not 1000000000000000000000000000000"),
        (0, "out_of_range", "not 0"),
        (-1, "out_of_range", "not -1"),
        (-NOW_MS, "out_of_range", "not -1760000000000"),
        (NOW_MS / 1_000 + 0.5, "wrong_type", "must be an integer, not 1760000000.5"),
        (float(NOW_MS), "wrong_type", "must be an integer, not 1760000000000.0"),
        ("2025-10-09T08:53:20Z", "wrong_type", 'must be an integer, not "2025-10-09T08:53:20Z"'),
        (True, "wrong_type", "must be an integer, not true"),
        (NOW_MS + SKEW_MS + 1, "in_the_future", "300001 ms ahead"),
        (NOW_MS + DAY_MS, "in_the_future", "86400000 ms ahead"),
        (10**13 - 1, "in_the_future", "ms ahead"),
    ],
)
def test_times(time: object, reason: str, said: str) -> None:
    rejection = rejected(encoded(occurred_at=time))
    assert (rejection.reason, rejection.field) == (reason, "occurred_at")
    assert said in rejection.detail


@pytest.mark.parametrize(
    ("tags", "reason", "said"),
    [
        ({f"k{i}": "v" for i in range(65)}, "too_long", "at most 64 entries, not 65"),
        ({"k" * 257: "v"}, "too_long", "the key"),
        ({"k": "v" * 257}, "too_long", '"k" of tags may have at most 256 characters, not 257'),
        ({"k": 1}, "wrong_type", '"k" of tags must be a string, not 1'),
        ({"k": None}, "wrong_type", '"k" of tags must be a string, not null'),
        ({"k": {}}, "wrong_type", '"k" of tags must be a string, not an object with 0 fields'),
        (["k"], "wrong_type", "tags must be an object of strings, not an array of 1"),
        ("k=v", "wrong_type", 'tags must be an object of strings, not "k=v"'),
    ],
    ids=["65 entries", "long key", "long value", "number", "null", "object", "array", "string"],
)
def test_tags(tags: object, reason: str, said: str) -> None:
    rejection = rejected(encoded(tags=tags))
    assert (rejection.reason, rejection.field) == (reason, "tags")
    assert said in rejection.detail


def test_further_mistakes_are_named_too() -> None:
    rejection = rejected(encoded(event_id=ABSENT, org_id="", input_tokens=-1, tags={"a": 1, "b": 2}))
    assert rejection[1:3] == (Reason.MISSING_FIELD, "event_id")
    assert rejection.detail == "event_id is missing; also wrong: org_id, input_tokens, tags"


@pytest.mark.parametrize("field", [*FULL, "note"])
def test_a_sentence_stays_short_and_printable(field: str) -> None:
    for text in ("\u001b]0;x\u0007" * 100, "\ud800" * 1_000, "😀" * 500):
        rejections = decode(json.dumps({**FULL, field: text}).encode())[1]
        for rejection in rejections:
            assert len(rejection.detail.encode()) < 1_000
            assert rejection.detail.isprintable()
            assert rejection.field.isprintable()


def test_every_reason_has_a_label_of_its_own() -> None:
    assert all(reason.value == reason.name.lower() for reason in Reason)


def test_a_bad_event_costs_its_neighbours_nothing() -> None:
    bad = [case.values[0] for case in UNREADABLE_TEXTS]
    values: list[bytes | None] = []
    for index, value in enumerate(bad):
        values += [encoded(event_id=f"e-{index}"), value]  # type: ignore[list-item]  # the cases hold bytes or None
    usages, rejections = decode_batch(values, now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)
    assert [usage and usage.event_id for usage in usages[::2]] == [f"e-{index}" for index in range(len(bad))]
    assert usages[1::2] == [None] * len(bad)
    assert [rejection.index for rejection in rejections] == list(range(1, len(values), 2))
