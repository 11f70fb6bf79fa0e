"""OTLP in both encodings, and what is neither."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.dead_letters import DeadLetterHeaders
from burnline.otel.mapping import Rules
from burnline.otel.wire import NotOtlp, is_json, read_logs, read_spans
from burnline.relay.records import Place, Record
from burnline.relay.telemetry import transform
from tests.otel.emitted import Emitter


@pytest.mark.parametrize("read", [read_spans, read_logs])
@pytest.mark.parametrize("value", [b"", b"{}", b' {"resourceSpans": null}'[:0]], ids=["empty", "an object", "nothing"])
def test_an_export_may_be_empty(read: type[list[object]], value: bytes) -> None:
    assert read(value) == []


NEITHER = {
    "text": b"hello",
    "half an object": b'{"resourceSpans": [',
    "a usage event": b'{"event_id": "e"}',
    "the other kind": b'{"resourceMetrics": []}',
    "no UTF-8": b'{"resourceSpans": [{"resource": {"attributes": [{"key": "\xff"}]}}]}',
    "cut off": Emitter().proto() + b"\x0a\xff",
    "a number of more than 64 bits": json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"endTimeUnixNano": "9" * 30}]}]}]}
    ).encode(),
    "a number in words": json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"endTimeUnixNano": "now"}]}]}]}
    ).encode(),
}


@pytest.mark.parametrize("value", NEITHER.values(), ids=NEITHER)
def test_what_is_no_otlp_is_a_dead_letter_with_its_bytes(value: bytes) -> None:
    with pytest.raises(NotOtlp):
        read_spans(value)
    done = transform(Record(Place("otlp_spans", 3, 9), b"k", value, [("h", b"1")]), logs=False, rules=Rules())
    assert done.usage == []
    assert done.letter is not None
    assert (done.letter.key, done.letter.value) == (b"k", value)
    told = DeadLetterHeaders.from_kafka(done.letter.headers)
    assert (told.reason.value, told.topic, told.partition, told.offset) == ("not_otlp", "otlp_spans", 3, 9)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    for read in (read_spans, read_logs):
        try:
            read(value)
        except NotOtlp:
            continue


def test_the_encodings_are_told_apart() -> None:
    emitter = Emitter()
    told = {"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 0, "gen_ai.usage.cost.total": 1.5}
    texts = {"gen_ai.response.model": "m", "team.id": True}
    emitter.span("x", {**told, **texts, "gen_ai.response.id": [1, 2], "gen_ai.input.messages": "Hi"}, failed=True)
    assert is_json(emitter.json())
    assert not is_json(emitter.proto())
    (span,) = read_spans(emitter.proto())
    assert read_spans(emitter.json()) == [span]
    assert span.attributes == {**told, "gen_ai.response.model": "m", "burnline.team_id": True}
    assert span.is_error
