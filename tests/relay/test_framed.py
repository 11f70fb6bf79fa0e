"""A record with a framed value into a plain one."""

import json
from collections import Counter
from uuid import UUID

import pytest

from burnline.events.dead_letters import DeadLetterHeaders
from burnline.events.decode import decode_batch
from burnline.registry.formats import Fields, Reader, Unfit
from burnline.registry.json import json_reader
from burnline.relay.framed import unframed
from burnline.relay.records import NotYet, Place, Record
from tests.ledger.examples import T0
from tests.registry.test_readers import EVENT
from tests.registry.written import framed

PLACE = Place("usage-framed", 3, 9)
SOURCE = ("burnline-source", b"usage-framed/3/9")
Headers = list[tuple[str, bytes | None]]


def record(value: bytes | None, headers: Headers | None = None, key: bytes | None = b"k") -> Record:
    return Record(PLACE, key, value, headers or [])


def known(schema: int | UUID) -> Reader:
    """A registry with one schema, in JSON."""
    if schema != 7:
        raise Unfit("the registry does not know it")
    return json_reader


@pytest.mark.parametrize(
    ("event", "headers", "key"),
    [
        pytest.param(EVENT, [], b"s1", id="an event"),
        pytest.param({"specversion": "1.0", "data": EVENT}, [], b"s1", id="a CloudEvent"),
        pytest.param({"specversion": "1.0", "subject": "s2", "data": {}}, [], b"s2", id="a CloudEvent's subject"),
        pytest.param({"event_id": "1"}, [("ce_subject", b"s3")], b"s3", id="that of a CloudEvent of headers"),
        pytest.param({"event_id": "1"}, [], b"k", id="no session: the record's own key"),
    ],
)
def test_the_key_is_the_session(event: Fields, headers: Headers, key: bytes) -> None:
    done = unframed(record(framed(7, json.dumps(event).encode()), headers), known)
    [usage] = done.usage
    assert (json.loads(usage.value or b""), usage.key) == (event, key)
    assert usage.headers == [*headers, SOURCE]
    assert (done.letter, done.outcomes) == (None, Counter(published=1))


def test_a_worker_takes_it() -> None:
    [usage] = unframed(record(framed(7, json.dumps(EVENT).encode())), known).usage
    (event,), refused = decode_batch([usage.value], now_ms=T0, max_clock_skew_ms=0)
    assert refused == []
    assert event is not None
    assert event.input_tokens == EVENT["input_tokens"]


def test_headers_about_the_framed_value_stay_behind() -> None:
    headers: Headers = [("Content-Type", b"application/avro"), ("__key_schema_id", b"x"), ("trace", b"1")]
    [usage] = unframed(record(framed(7, b"{}"), headers), known).usage
    assert usage.headers == [("trace", b"1"), SOURCE]


@pytest.mark.parametrize("value", [b"{}", None, b"", b"\0\0"], ids=["JSON", "null", "empty", "cut"])
def test_what_is_not_framed_passes_as_it_is(value: bytes | None) -> None:
    done = unframed(record(value, [("h", b"1")]), known)
    [usage] = done.usage
    assert (usage.key, usage.value, usage.headers) == (b"k", value, [("h", b"1"), SOURCE])
    assert done.outcomes == Counter(plain=1)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (framed(8, b"{}"), "schema id 8: the registry does not know it"),
        (framed(7, b"[]"), "schema id 7: no JSON object"),
    ],
    ids=["no such schema", "none of its schema"],
)
def test_what_cannot_be_read_is_put_aside(value: bytes, detail: str) -> None:
    done = unframed(record(value, [("h", b"1")]), known)
    assert done.usage == []
    assert done.letter is not None
    told = DeadLetterHeaders.from_kafka(done.letter.headers)
    assert (done.letter.key, done.letter.value, done.letter.headers[0]) == (b"k", value, ("h", b"1"))
    assert (told.reason.value, told.topic, told.partition, told.offset) == ("registry_schema", "usage-framed", 3, 9)
    assert told.detail.startswith(detail)


def test_a_registry_that_is_away_is_no_fault_of_the_record() -> None:
    def away(_schema: int | UUID) -> Reader:
        raise NotYet("http://registry: refused")

    with pytest.raises(NotYet):
        unframed(record(framed(7, b"{}")), away)
