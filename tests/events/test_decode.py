"""What decode_batch accepts, and what it makes of it."""

import json
import sys

import pytest
from pydantic import ValidationError

from burnline.events.contract import UsageEvent
from burnline.events.decode import decode_batch, decode_lines
from burnline.events.meters import NAMES
from burnline.events.usage import ID_FIELDS, MAX_DEPTH, MAX_EVENT_BYTES, RareUsage, Usage
from tests.events.examples import (
    ABSENT,
    FULL,
    NOW_MS,
    REQUIRED,
    SKEW_MS,
    accepted,
    decode,
    encoded,
    event,
    raw,
    rejected,
)

OPTIONAL = [name for name in FULL if name not in REQUIRED]


def padded(size: int) -> bytes:
    """A good event of exactly so many bytes."""
    value = encoded(note="")
    return value.replace(b'"note": ""', b'"note": "' + b"x" * (size - len(value)) + b'"')


def nested(levels: int) -> bytes:
    """A good event whose nesting, its own object included, is exactly so deep."""
    return raw("note", "[" * (levels - 1) + "]" * (levels - 1))


def test_every_field_arrives() -> None:
    assert accepted(json.dumps(FULL).encode()) == Usage(**FULL)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_rare_arrives(name: str) -> None:
    counts = {**FULL, "input_tokens": 2_000, "output_tokens": 300, "cache_write_tokens": 10, "input_audio_tokens": 9,
              "input_image_tokens": 9, name: 5}  # fmt: skip
    usage = accepted(json.dumps(counts).encode())
    assert type(usage) is RareUsage
    assert getattr(usage, name) == 5


SAYS_MORE: dict[str, object] = {
    "parent_session_id": "s-0", "parent_run_id": "r-0", "error": True, "reported_cost_usd": "0.42",
    "reported_cost_source": "openrouter", "kind": "cache_hit",
}  # fmt: skip


@pytest.mark.parametrize("name", SAYS_MORE)
def test_what_else_is_rare_arrives(name: str) -> None:
    usage = accepted(json.dumps({**FULL, name: SAYS_MORE[name]}).encode())
    assert type(usage) is RareUsage
    assert getattr(usage, name) == SAYS_MORE[name]


@pytest.mark.parametrize("value", [0, None])
@pytest.mark.parametrize("name", NAMES)
def test_a_rare_field_that_says_nothing_leaves_the_event_plain(name: str, value: int | None) -> None:
    assert accepted(json.dumps({**FULL, name: value}).encode()) == Usage(**FULL)


def test_absent_fields_have_their_defaults() -> None:
    usage = accepted(encoded())
    assert usage == Usage(**REQUIRED)
    assert usage.kind == "llm"
    assert (usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (0, 0, 0)
    assert (usage.provider, usage.tool_name, usage.run_id, usage.team_id, usage.project_code) == (None,) * 5
    assert usage.tags is None


@pytest.mark.parametrize("names", [[name] for name in OPTIONAL] + [OPTIONAL], ids=lambda names: "+".join(names)[:30])
def test_null_is_as_good_as_absent(names: list[str]) -> None:
    assert accepted(encoded(**dict.fromkeys(names))) == Usage(**REQUIRED)


def test_an_empty_provider_is_none() -> None:
    assert accepted(encoded(provider="")) == Usage(**REQUIRED)
    assert accepted(encoded(provider="", error=True)).provider is None


def test_null_leaves_the_other_fields() -> None:
    full = {**FULL, "cache_write_tokens": None}
    assert accepted(json.dumps(full).encode()) == Usage(**{**FULL, "cache_write_tokens": 0})


@pytest.mark.parametrize("kind", ["llm", "embedding", "tool_call", "run"])
def test_kinds(kind: str) -> None:
    assert accepted(encoded(kind=kind)).kind == kind


ACCEPTED_TEXTS = [
    pytest.param(b" \r\n\t" + encoded() + b"\n", id="whitespace around"),
    pytest.param(json.dumps(event(), indent=2).encode(), id="whitespace inside"),
    pytest.param(encoded(note=None, other={"a": [1, 2.5, True, "x"]}), id="unknown fields"),
    pytest.param(raw("note", "1e999"), id="unknown number beyond a float"),
    pytest.param(raw("note", "9" * 5_000), id="unknown number beyond an int of the library"),
    pytest.param(raw("note", '"\\ud83d\\ude00\\u0000\\n"'), id="unknown text with escapes"),
    pytest.param(encoded(note="x\x7f"), id="DEL in an unknown field"),
    pytest.param(encoded().replace(b'"model"', b'"\\u006dodel"'), id="escaped name"),
    pytest.param(encoded().replace(b'"acme"', b'"\\u0061cme"'), id="escaped value"),
    pytest.param(raw("input_tokens", "1000").replace(b"{", b'{"input_tokens": -1, ', 1), id="bad, then good"),
    pytest.param(raw("input_tokens", "1000").replace(b"{", b'{"input_tokens": 7, ', 1), id="good twice"),
]


@pytest.mark.parametrize("value", ACCEPTED_TEXTS)
def test_what_text_may_look_like(value: bytes) -> None:
    assert accepted(value) == Usage(**REQUIRED)


def test_minus_zero_is_zero() -> None:
    assert accepted(raw("output_tokens", "-0")).output_tokens == 0


@pytest.mark.parametrize("field", ID_FIELDS)
@pytest.mark.parametrize(
    "text",
    ["x", "ö" * 256, "😀" * 256, 'quote " and \\ backslash', "日本語", "a b/c@d:e", "\u200e", "\U0010ffff"],
    ids=["one", "256 of 2 bytes", "256 of 4 bytes", "escapes", "CJK", "punctuation", "direction mark", "last"],
)
def test_ids_are_text(field: str, text: str) -> None:
    for ensure_ascii in (True, False):
        value = json.dumps(event(**{field: text}), ensure_ascii=ensure_ascii).encode()
        assert getattr(accepted(value), field) == text


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens"])
@pytest.mark.parametrize("count", [0, 1, 10**9 - 1, 10**9])
def test_counts_within_bounds(field: str, count: int) -> None:
    assert getattr(accepted(encoded(**{field: count})), field) == count


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": 10, "cached_input_tokens": 10},
        {"input_tokens": 10, "cache_write_tokens": 10},
        {"input_tokens": 10, "cached_input_tokens": 4, "cache_write_tokens": 6},
        {"output_tokens": 10, "reasoning_tokens": 10},
        {"input_tokens": 10**9, "cached_input_tokens": 10**9, "output_tokens": 10**9, "reasoning_tokens": 10**9},
        {"input_tokens": 0, "output_tokens": 0, "cached_input_tokens": None, "reasoning_tokens": 0},
    ],
    ids=str,
)
def test_parts_may_be_all_of_the_total(counts: dict[str, int | None]) -> None:
    usage = accepted(encoded(**counts))
    assert {name: getattr(usage, name) for name in counts} == {name: count or 0 for name, count in counts.items()}


@pytest.mark.parametrize("now_ms", [10**12, NOW_MS, 10**13 - 1])
@pytest.mark.parametrize("skew_ms", [0, 1, SKEW_MS])
def test_the_newest_time_is_now_and_the_skew(now_ms: int, skew_ms: int) -> None:
    values = [encoded(occurred_at=now_ms + skew_ms + late) for late in (-1, 0, 1)]
    usages, rejections = decode_batch(values, now_ms=now_ms, max_clock_skew_ms=skew_ms)
    inside = [10**12 <= now_ms + skew_ms + late < 10**13 and late <= 0 for late in (-1, 0, 1)]
    assert [usage is not None for usage in usages] == inside
    assert [rejection.index for rejection in rejections] == [i for i, good in enumerate(inside) if not good]


def test_the_oldest_time() -> None:
    assert accepted(encoded(occurred_at=10**12)).occurred_at == 10**12


@pytest.mark.parametrize(
    "tags",
    [{}, {"": ""}, {f"k{i}": "v" for i in range(64)}, {"ä" * 256: "ö" * 256}, {"line": "one\ntwo\u0000"}],
    ids=["none", "empty", "64", "256 characters", "control characters"],
)
def test_tags(tags: dict[str, str]) -> None:
    assert accepted(encoded(tags=tags)).tags == tags


@pytest.mark.parametrize("size", [511, 512, 513, MAX_EVENT_BYTES - 1, MAX_EVENT_BYTES])
def test_sizes(size: int) -> None:
    value = padded(size)
    assert len(value) == size
    assert accepted(value) == Usage(**REQUIRED)


@pytest.mark.parametrize("levels", [2, 100, MAX_DEPTH - 1, MAX_DEPTH])
def test_depths(levels: int) -> None:
    assert accepted(nested(levels)) == Usage(**REQUIRED)


def test_many_shallow_brackets_are_not_deep() -> None:
    assert accepted(raw("note", "[" + "[],{}," * 1_000 + '"]]][[[[\\"[["' + "]")) == Usage(**REQUIRED)


def test_an_empty_batch() -> None:
    assert decode() == ([], [])


def test_results_are_aligned_with_the_batch() -> None:
    values = [encoded(event_id="a"), None, b"", encoded(event_id="b"), b"{", encoded(event_id="c"), encoded(org_id=1)]
    usages, rejections = decode(*values)
    assert [usage and usage.event_id for usage in usages] == ["a", None, None, "b", None, "c", None]
    assert [rejection.index for rejection in rejections] == [1, 2, 4, 6]


def test_a_caller_deep_in_the_stack_gets_the_same_answer() -> None:
    """The C decoder's recursion counts against the interpreter's limit, and so against what the caller has used."""
    deep, flat = nested(MAX_DEPTH), encoded()

    def from_depth(levels: int) -> object:
        return decode(deep, flat) if levels == 0 else from_depth(levels - 1)

    assert from_depth(sys.getrecursionlimit() // 2) == decode(deep, flat)


def test_an_accepted_event_can_be_changed_by_nobody() -> None:
    usage = accepted(encoded())
    with pytest.raises(AttributeError):
        usage.input_tokens = 5  # type: ignore[misc]  # that it cannot be done is the point


def test_the_struct_has_the_fields_and_defaults_of_the_model() -> None:
    assert set(RareUsage.__struct_fields__) == UsageEvent.model_fields.keys()
    model = UsageEvent.model_validate(REQUIRED)
    for struct in (Usage(**REQUIRED), RareUsage(**REQUIRED)):
        assert {name: getattr(struct, name) for name in RareUsage.__struct_fields__} == model.model_dump()


def test_what_the_model_writes_is_accepted() -> None:
    for fields in (REQUIRED, FULL):
        model = UsageEvent.model_validate(fields)
        for value in (model.model_dump_json(), model.model_dump_json(exclude_none=True)):
            assert accepted(value.encode()) == Usage(**fields)


def test_the_model_refuses_a_half_pair_before_it_is_written() -> None:
    with pytest.raises(ValidationError):
        UsageEvent.model_validate(event(org_id="\ud800"))


def test_absent_is_absent() -> None:
    assert rejected(encoded(org_id=ABSENT)).field == "org_id"


def test_a_byte_order_mark_at_the_head_is_passed_over() -> None:
    assert accepted(b"\xef\xbb\xbf" + encoded()) == accepted(encoded())


PLAIN = [json.dumps({**REQUIRED, "event_id": f"e-{number}"}).encode() for number in range(3)]


@pytest.mark.parametrize("end", [b"\n", b""], ids=["ended", "open"])
def test_plain_lines_are_decoded_at_once(end: bytes) -> None:
    usages, _ = decode_batch(PLAIN, now_ms=NOW_MS, max_clock_skew_ms=0)
    assert decode_lines(b"\n".join(PLAIN) + end, newest_ms=NOW_MS) == usages


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"nonsense",
        PLAIN[0] + PLAIN[1],
        PLAIN[0] + b" " + PLAIN[1],
        encoded(input_tokens=None),
        encoded(cached_input_tokens=2_000_000),
        encoded(reasoning_tokens=1_000_000),
        encoded(kind=None),
        encoded(occurred_at=NOW_MS + 1),
        encoded(agent_id="\u00e9"),
        encoded(agent_id='say "hi"'),
        encoded(web_searches=1),
        padded(513),
    ],
    ids=[
        "empty", "no-field", "no-object", "no-json", "two-on-one", "two-apart", "null-count", "cached-above-input",
        "reasoning-above-output", "null-kind", "from-ahead", "not-ascii", "escapes", "rare", "long",
    ],
)  # fmt: skip
def test_lines_of_which_one_is_not_plain_are_left_to_a_closer_look(line: bytes) -> None:
    assert decode_lines(b"\n".join([PLAIN[0], line, PLAIN[1]]) + b"\n", newest_ms=NOW_MS) is None
