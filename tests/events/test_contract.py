"""One contract, told three times: fast decoder, pydantic model and JSON Schema accept the same events."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from burnline.events.contract import UsageEvent
from burnline.events.decode import Reason
from burnline.events.meters import NAMES, misfit
from burnline.events.usage import ID_FIELDS, KINDS
from tests.events.examples import ABSENT, FULL, NOW_MS, REQUIRED, SKEW_MS, decode, encoded

SCHEMA = Draft202012Validator(UsageEvent.model_json_schema())
COUNTS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    *NAMES,
)
NEWEST_MS = NOW_MS + SKEW_MS

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
texts = st.text(max_size=8) | st.text(
    st.characters(categories=["Cc", "Cf", "Cs", "Co", "Lo", "So", "Zs", "Zl"]), max_size=4
)
ids = texts | st.integers(254, 258).flatmap(lambda size: st.text("aé😀\x7f", min_size=size, max_size=size))
counts = st.integers(0, 20) | st.sampled_from([10**9 - 1, 10**9, 10**9 + 1, 10**30, -1, 5.0, True, "5"])
times = st.integers(NEWEST_MS - 1, NEWEST_MS + 1) | st.sampled_from(
    [10**12 - 1, 10**12, 10**13 - 1, 10**13, NOW_MS // 1_000, NOW_MS * 1_000, NOW_MS * 10**6, float(NOW_MS)]
)
tags = st.dictionaries(texts, texts | anything, max_size=4) | st.integers(63, 66).map(
    lambda size: {str(number): "v" for number in range(size)}
)
USUAL: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(ID_FIELDS, ids),
    **dict.fromkeys(COUNTS, counts),
    "occurred_at": times,
    "kind": st.sampled_from([*KINDS, "chat", ""]),
    "tags": tags,
    "error": st.booleans(),
    "reported_cost_usd": st.sampled_from(["0.42", "7", "1000000", "1.", "1\n", "-1", "0." + "1" * 30, "0." + "1" * 31]),
}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Good events with up to four fields made different, most of them near what is just allowed or just not."""
    event: dict[str, Any] = {name: value for name, value in FULL.items() if name in REQUIRED or draw(st.booleans())}
    for name in draw(st.lists(st.sampled_from([*USUAL, "note"]), max_size=4, unique=True)):
        event[name] = draw(USUAL.get(name, anything) | st.just(ABSENT) | st.none() | anything)
    return {name: value for name, value in event.items() if value is not ABSENT}


texts_of_events = st.builds(
    lambda event, ascii_only, indent: json.dumps(event, ensure_ascii=ascii_only, indent=indent),
    events(),
    st.booleans(),
    st.sampled_from([None, 1]),
)


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def refuse(name: str) -> None:
    """What JSON does not know, though the standard library does."""
    raise ValueError(name)


def model_accepts(value: bytes) -> bool:
    """Strictly one JSON text in UTF-8 (nothing the standard library lets pass besides), and the pydantic model."""
    try:
        parsed = json.loads(value.decode(), parse_constant=refuse)
        json.dumps(parsed, ensure_ascii=False).encode()  # no half surrogate pairs
        event = UsageEvent.model_validate(parsed)
    except ValueError:  # those of JSON, UTF-8 and pydantic are ValueErrors
        return False
    return event.occurred_at <= NEWEST_MS


def sayable_by_a_schema(event: dict[str, Any]) -> bool:
    """Whether none of the rules is at stake that a JSON Schema cannot express: sums, the clock, 1.0 for 1, UTF-8."""
    number = {name: event.get(name) or 0 for name in (*COUNTS, "occurred_at")}
    return (
        not any(isinstance(value, float) for value in number.values())
        and number["cached_input_tokens"] + number["cache_write_tokens"] <= number["input_tokens"]
        and number["reasoning_tokens"] <= number["output_tokens"]
        and misfit(
            tuple(number[name] for name in NAMES),
            number["input_tokens"] - number["cached_input_tokens"] - number["cache_write_tokens"],
            number["cached_input_tokens"],
            number["cache_write_tokens"],
            number["output_tokens"] - number["reasoning_tokens"],
        )
        is None
        and number["occurred_at"] <= NEWEST_MS
        and not any("\ud800" <= character <= "\udfff" for character in json.dumps(event, ensure_ascii=False))
    )


@given(texts_of_events)
@settings(deadline=None, max_examples=500)
def test_the_decoder_accepts_what_the_model_accepts(text: str) -> None:
    usages, rejections = decode(as_bytes(text))
    assert (usages[0] is not None) == model_accepts(as_bytes(text)), rejections
    if usages[0] is not None:
        model = UsageEvent.model_validate_json(text)
        assert {name: getattr(usages[0], name) for name in UsageEvent.model_fields} == model.model_dump()


@given(events())
@settings(deadline=None, max_examples=500)
def test_the_schema_accepts_what_the_decoder_accepts(event: dict[str, Any]) -> None:
    accepted = decode(as_bytes(json.dumps(event)))[1] == []
    valid = SCHEMA.is_valid(event)
    if accepted:
        assert valid
    elif valid:
        assert not sayable_by_a_schema(event)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The bytes of an event with a few of them changed, put in or left out."""
    value = bytearray(as_bytes(draw(texts_of_events)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(value) - 1, 0)))
        piece = draw(
            st.sampled_from([b"", b'"', b"\\", b"\\u", b"\xff", b"\xc2", b"\n", b"0", b"-", b",", b"[", b"NaN"])
        )
        value[at : at + draw(st.integers(0, 2))] = piece
    return bytes(value)


@given(damaged() | st.binary(max_size=40))
@settings(deadline=None, max_examples=500)
def test_damaged_bytes(value: bytes) -> None:
    usages, rejections = decode(value)
    assert (usages[0] is not None) == model_accepts(value), rejections
    assert all(rejection.reason is not Reason.UNREADABLE for rejection in rejections)


@given(st.lists(st.one_of(st.none(), st.just(encoded()), texts_of_events.map(as_bytes), damaged()), max_size=6))
@settings(deadline=None)
def test_a_batch_is_its_values_one_by_one(values: list[bytes | None]) -> None:
    usages, rejections = decode(*values)
    alone = [decode(value) for value in values]
    assert usages == [one[0][0] for one in alone]
    assert rejections == [rejection._replace(index=index) for index, one in enumerate(alone) for rejection in one[1]]


@given(events())
@settings(deadline=None)
def test_what_the_model_writes_is_accepted(event: dict[str, Any]) -> None:
    try:
        model = UsageEvent.model_validate(event)
    except ValidationError:
        return
    usages, rejections = decode(model.model_dump_json().encode())
    assert usages[0] is not None or rejections[0].reason is Reason.IN_THE_FUTURE
