"""What each format gives, and what is refused."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from burnline.registry.avro import avro_reader
from burnline.registry.formats import Reader, Unfit, plain
from burnline.registry.json import json_reader
from burnline.registry.protobuf import indexes, protobuf_reader
from burnline.registry.protoc import descriptor_of, is_text
from tests.ledger.examples import T0
from tests.registry.written import AVRO, PROTO, PROTO_DESCRIPTOR, PROTO_INDEXES, avro, protobuf

EVENT: dict[str, Any] = {
    "event_id": "e1", "occurred_at": T0, "org_id": "acme", "agent_id": "coder", "session_id": "s1", "model": "gpt-4o",
    "input_tokens": 2000, "output_tokens": 300, "cached_input_tokens": 0,
}  # fmt: skip


def record_of(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "R", "fields": list(fields)})


def test_avro_times_decimals_and_enums_are_as_json_has_them() -> None:
    written = avro(EVENT | {"kind": "llm", "team_id": None, "reported_cost_usd": Decimal("0.041000")})
    assert avro_reader(AVRO, [])(written) == EVENT | {"kind": "llm", "reported_cost_usd": "0.041000"}


def test_avro_by_a_schema_that_refers_to_another() -> None:
    inner = json.dumps({"type": "record", "name": "acme.Who", "fields": [{"name": "org_id", "type": "string"}]})
    outer = record_of({"name": "who", "type": "acme.Who"})
    payload = avro({"org_id": "acme"}, inner)
    assert avro_reader(outer, [inner])(payload) == {"who": {"org_id": "acme"}}


@pytest.mark.parametrize("given", [EVENT, EVENT | {"team_id": "", "project_code": "p", "tags": {"a": "b"}}])
def test_protobuf_gives_what_is_set_and_counts_that_are_0(given: dict[str, Any]) -> None:
    assert protobuf_reader(PROTO_DESCRIPTOR, {})(protobuf(given)) == given


def test_protobuf_by_its_text() -> None:
    assert (is_text(PROTO), is_text(PROTO_DESCRIPTOR)) == (True, False)
    assert protobuf_reader(descriptor_of(PROTO, {}), {})(protobuf(EVENT)) == EVENT


def test_protobuf_that_imports_a_file() -> None:
    who = 'syntax = "proto3"; package acme; message Who { string org_id = 1; }'
    outer = 'syntax = "proto3"; import "acme/who.proto"; message Usage { acme.Who who = 1; }'
    reader = protobuf_reader(descriptor_of(outer, {"acme/who.proto": who}), {"acme/who.proto": descriptor_of(who, {})})
    assert reader(b"\0\x0a\x06\x0a\x04acme") == {"who": {"org_id": "acme"}}


def test_json() -> None:
    assert json_reader(json.dumps(EVENT).encode()) == EVENT


@pytest.mark.parametrize(
    ("payload", "path", "rest"),
    [
        (b"\0abc", (0,), b"abc"),
        (PROTO_INDEXES + b"abc", (1, 0), b"abc"),
        (b"\x02\x80\x01abc", (64,), b"abc"),
    ],
    ids=["the first message", "an inner one", "an index of two bytes"],
)
def test_which_message_it_is(payload: bytes, path: tuple[int, ...], rest: bytes) -> None:
    assert indexes(payload) == (path, rest)


AVRO_READER, PROTO_READER = avro_reader(AVRO, []), protobuf_reader(PROTO_DESCRIPTOR, {})


@pytest.mark.parametrize(
    ("reader", "payload", "said"),
    [
        pytest.param(AVRO_READER, b"", "no Avro of this schema", id="Avro: nothing"),
        pytest.param(AVRO_READER, b"\xff" * 20, "no Avro of this schema", id="Avro: noise"),
        pytest.param(AVRO_READER, avro(EVENT | {"kind": "llm"}) + b"!", "1 bytes are left over", id="Avro: too long"),
        pytest.param(avro_reader('"string"', []), b"\x02a", "an event is a record, not str", id="Avro: a text"),
        pytest.param(
            avro_reader(record_of({"name": "x", "type": "bytes"}), []), b"\x02a", "x is of a kind", id="bytes"
        ),
        pytest.param(PROTO_READER, b"", "are cut off", id="Protobuf: nothing"),
        pytest.param(PROTO_READER, b"\xff" * 20, "are cut off", id="Protobuf: an index without an end"),
        pytest.param(PROTO_READER, b"\x01", "-1 indexes", id="Protobuf: fewer than none"),
        pytest.param(PROTO_READER, b"\x02\x08", "has no message 4 at acme", id="Protobuf: no such message"),
        pytest.param(PROTO_READER, PROTO_INDEXES + b"\xff", "no Protobuf of this schema", id="Protobuf: noise"),
        pytest.param(json_reader, b"[]", "an event is a JSON object", id="JSON: an array"),
    ],
)
def test_a_value_that_is_none_of_its_schema(reader: Reader, payload: bytes, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        reader(payload)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda: avro_reader("{", []), "no schema of Avro's", id="Avro: no JSON"),
        pytest.param(lambda: avro_reader(record_of({"name": "a", "type": "B"}), []), "no schema", id="Avro: missing"),
        pytest.param(lambda: protobuf_reader("?", {}), "no descriptor", id="Protobuf: no base64"),
        pytest.param(lambda: descriptor_of("message {", {}), "the compiler refuses it", id="Protobuf: no text of its"),
        pytest.param(lambda: descriptor_of(PROTO, {"../x": ""}), "leads out of its folder", id="Protobuf: a way out"),
        pytest.param(
            lambda: protobuf_reader(descriptor_of('import "a"; message M { }', {"a": ""}), {}),
            "imports a, which is not among its references", id="Protobuf: an import that is missing",
        ),
    ],
)  # fmt: skip
def test_a_schema_that_is_none(make: Any, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        make()


def test_a_local_time_is_refused() -> None:
    with pytest.raises(Unfit, match="at is a local time"):
        plain({"at": datetime(2026, 1, 1)})  # noqa: DTZ001  # which is the point
