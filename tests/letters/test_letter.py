"""A dead letter as a line that people mend, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.dead_letters import DeadLetterHeaders
from burnline.events.rejection import Reason
from burnline.letters.letter import Letter, Mended, as_line, mended
from burnline.letters.redrive import check
from tests.events.examples import encoded

NOW_MS = 1_760_000_000_000
TOLD = DeadLetterHeaders(
    reason=Reason.MISSING_FIELD, field="model", detail="model is missing", topic="finops.usage", partition=2, offset=7
)


def letter(value: bytes | None, key: bytes | None = b"sess-1") -> Letter:
    return Letter(1, 40, NOW_MS, TOLD, key, value)


def test_a_line_says_all_there_is() -> None:
    assert as_line(letter(b'{"event_id": "e"}')) == {
        "origin": {"topic": "finops.usage", "partition": 2, "offset": 7},
        "reason": "missing_field",
        "field": "model",
        "detail": "model is missing",
        "dead_letter": {"partition": 1, "offset": 40, "at_ms": NOW_MS},
        "key": "sess-1",
        "value": '{"event_id": "e"}',
    }


def test_one_that_was_cut_says_how_long_it_was() -> None:
    cut = letter(b"x")._replace(told=TOLD.model_copy(update={"value_bytes": 9_000_000}))
    assert as_line(cut)["value_bytes"] == 9_000_000


@given(st.binary(max_size=100))
def test_a_value_survives_the_file(value: bytes) -> None:
    line = json.dumps(as_line(letter(value, None)))
    assert mended(line) == Mended("finops.usage/2/7", value)


def test_a_value_may_be_mended_as_an_object() -> None:
    line = as_line(letter(b"[]")) | {"value": {"event_id": "e", "note": "ü"}}
    assert json.loads(mended(json.dumps(line)).value) == {"event_id": "e", "note": "ü"}


ORIGIN = {"topic": "t", "partition": 0, "offset": 0}
WRONG = {
    "no JSON": ("{", "no JSON"),
    "an event itself": ('{"event_id": "e"}', "origin is missing"),
    "a list": ("[]", "origin is missing"),
    "half an origin": (json.dumps({"origin": {"topic": "t"}, "value": ""}), "does not name"),
    "true is no offset": (json.dumps({"origin": ORIGIN | {"offset": True}, "value": ""}), "does not name"),
    "no value": (json.dumps({"origin": ORIGIN}), "no value"),
    "no base64": (json.dumps({"origin": ORIGIN, "value_base64": "?"}), "no base64"),
}


@pytest.mark.parametrize(("line", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_no_line_of_export(line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        mended(line)


def test_each_record_is_held_against_the_workers_rules() -> None:
    good, bad = Mended("t/0/1", encoded()), Mended("t/0/2", b"{}")
    found = check([bad, good], now_ms=NOW_MS * 2, max_clock_skew_ms=0)
    assert [one.mended for one in found] == [bad, good]
    assert found[0].fault.startswith("missing_field: ")
    assert found[1].usage is not None
    assert found[1].fault == ""
