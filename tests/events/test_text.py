"""Nesting, and how values are shown in sentences."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.events.text import is_deeper_than, shown


def depth_of(value: object) -> int:
    """Levels of arrays and objects in a parsed JSON value."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


bracketed = st.text('[]{}"\\ä', max_size=4)
nested = st.recursive(
    bracketed, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(bracketed, inner, max_size=2), max_leaves=20
)


@given(nested, st.booleans())
@settings(deadline=None)
def test_depth_is_counted_outside_of_strings(value: object, ascii_only: bool) -> None:  # noqa: FBT001  # drawn
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    depth = depth_of(value)
    assert not is_deeper_than(text, depth)
    assert depth == 0 or is_deeper_than(text, depth - 1)


@given(st.binary(max_size=50))
@settings(deadline=None)
def test_depth_of_anything_is_an_answer(value: bytes) -> None:
    assert isinstance(is_deeper_than(value, 2), bool)


def test_an_open_string_of_a_megabyte() -> None:
    assert not is_deeper_than(b"[" * 10 + b'"' + b"\\[" * 500_000, 10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12.5, "-12.5"),
        (10**79, "1" + "0" * 79),
        (10**80, "1" + "0" * 79 + "…"),
        ("", '""'),
        ("x" * 80, '"' + "x" * 80 + '"'),
        ("x" * 81, '"' + "x" * 80 + '… (81 characters)"'),
        ("é日", '"é日"'),
        ("a\tb\x1b\u202e\ud800", '"a\\tb\\x1b\\u202e\\ud800"'),
        ([], "an array of 0"),
        ([1, 2], "an array of 2"),
        ({"a": 1}, "an object with 1 fields"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text
