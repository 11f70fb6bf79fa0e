"""What the SDK sends is what the contract accepts, told by the same rules in two ways."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from burnline.events.contract import UsageEvent
from burnline.publisher.encoding import encode, event_id_of
from tests.events.examples import FULL, REQUIRED, accepted

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 10**13), st.floats(), st.text(max_size=3), st.binary(max_size=3),
    st.sampled_from(["", "\ud800", "a\x00", "a\u2028", "x" * 257, "llm", "run", [], {}, {"a": 1}, {1: "a"}]),
)  # fmt: skip


def _by_contract(event: dict[str, Any]) -> UsageEvent | None:
    try:
        return UsageEvent.model_validate(event)
    except ValidationError:
        return None


def _sent(event: dict[str, Any]) -> UsageEvent | None:
    try:
        value = encode(event).value
    except ValueError:
        return None
    return UsageEvent.model_validate_json(value)


@given(st.dictionaries(st.sampled_from(sorted(FULL)), ODD, max_size=3))
def test_it_takes_what_the_contract_takes_and_sends_the_same(changes: dict[str, Any]) -> None:
    event = {**FULL, **changes}
    assert _sent(event) == _by_contract(event)


@pytest.mark.parametrize("event", [FULL, REQUIRED], ids=["all fields", "the required"])
def test_the_worker_reads_what_was_sent(event: dict[str, Any]) -> None:
    value, key, event_id = encode(event)
    usage = accepted(value)
    assert (usage.session_id.encode(), usage.event_id) == (key, event_id)
    assert usage == accepted(json.dumps(event).encode())


def test_defaults_and_what_is_unknown_cost_no_bytes() -> None:
    written = {**REQUIRED, "kind": "llm", "cached_input_tokens": 0, "provider": None, "unknown": "kept out"}
    assert json.loads(encode(written).value) == REQUIRED


@pytest.mark.parametrize(
    ("event", "event_id"),
    [({"event_id": "e1"}, "e1"), ({"event_id": 7}, ""), ({}, ""), (None, ""), ("e1", "")],
    ids=repr,
)
def test_what_breaks_the_contract_is_called_by_its_id_if_it_has_one(event: object, event_id: str) -> None:
    assert event_id_of(event) == event_id
