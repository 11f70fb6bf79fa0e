"""The ledger's record: what is written is read back, and what is damaged is never counted on from."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from burnline.ledger import record
from burnline.ledger.identity import ledger_key, record_name
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.record import SessionLedger, UnreadableRecord, check, decode, encode, parse, upgraded
from burnline.ledger.session import Ledger
from burnline.pricing.money import PICO_PER_USD
from tests.ledger.examples import PARTITION, T0, feed, ledger, usage
from tests.ledger.logs import Entry, logs

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "schemas" / "v1" / "session-ledger.json").read_text())
)


def applied(log: list[Entry]) -> PartitionLedger:
    partition = ledger()
    partition.apply([entry.offset for entry in log], [entry.event for entry in log], now_ms=T0)
    return partition


def written(partition: PartitionLedger) -> list[bytes]:
    return [value for _, value in partition.take_changes(T0).ledgers if value is not None]


def content(held: Ledger) -> dict[str, Any]:
    """All that a ledger holds, but for what is worked out anew after a restore."""
    derived = {"models", "recent", "short_pico_usd", "long_pico_usd", "limits_version", "dirty"}
    derived |= {"watch_short_pico_usd", "watch_long_pico_usd"}
    plain = {name: getattr(held, name) for name in Ledger.__slots__ if name not in derived}
    models = {model: sums.values() for model, sums in held.models.items()}
    return {**plain, "models": models, "ids": (held.recent.newer, held.recent.older)}


EXAMPLE = written(applied([Entry(7, usage(input_tokens=50_000, kind="embedding"))]))[0]
"""A ledger with one event and an open anomaly."""


@given(logs())
def test_what_is_written_is_read_back(log: list[Entry]) -> None:
    partition = applied(log)
    values = written(partition)
    for value in values:
        read = decode(value)
        held = partition.get(read.key)
        assert held is not None
        assert content(read) == content(held)
        assert upgraded(value) is value
        assert content(check(value, read.key, PARTITION)) == content(held)


@given(logs())
@settings(max_examples=40)
def test_every_record_keeps_to_its_contract(log: list[Entry]) -> None:
    for value in written(applied(log)):
        SessionLedger.model_validate_json(value)
        SCHEMA.validate(json.loads(value))


@given(logs())
def test_totals_are_the_sums_over_models(log: list[Entry]) -> None:
    for value in written(applied(log)):
        read = parse(value)
        held = decode(value)
        assert read.events == sum(each.events for each in read.by_model.values())
        assert encode(held).startswith(value[: value.index(b'"version"')])


@pytest.mark.parametrize(
    "name", ["anomaly", "version", "last_event_at", 'x"anomaly":{', '","last_event_at":1,"', "é\\"]
)
def test_names_do_not_disturb_what_is_looked_for_in_the_bytes(name: str) -> None:
    partition = ledger()
    feed(partition, usage(session_id=name, model=name, org_id=name, agent_id=name))
    (value,) = written(partition)
    assert check(value, ledger_key(name, name), PARTITION).last_event_at == T0
    restored = ledger()
    restored.restore(None, [(record_name(ledger_key(name, name)).decode(), value)])
    assert restored.open_anomalies == 0
    assert decode(value).models.keys() == {name}


@given(st.integers(0, len(EXAMPLE) - 1))
def test_a_record_that_was_cut_short_is_refused(length: int) -> None:
    with pytest.raises(UnreadableRecord):
        decode(EXAMPLE[:length])


def changed(**fields: object) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(EXAMPLE), **fields})


def without(field: str) -> bytes:
    return msgspec.json.encode({name: value for name, value in msgspec.json.decode(EXAMPLE).items() if name != field})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b"not JSON", id="not-JSON"),
        pytest.param(EXAMPLE.replace(b"acme", b"\xff\xfe"), id="not-UTF-8"),
        pytest.param(changed(version=2), id="a-newer-version"),
        pytest.param(changed(version=0), id="an-older-version-without-upgrade"),
        pytest.param(changed(version="1"), id="version-as-text"),
        pytest.param(changed(version=None), id="no-version"),
        pytest.param(without("version"), id="without-version"),
        pytest.param(without("cost_usd"), id="without-an-amount"),
        pytest.param(without("recent_event_ids"), id="without-ids"),
        pytest.param(changed(events="1"), id="a-count-as-text"),
        pytest.param(changed(events=1.5), id="a-count-that-is-no-integer"),
        pytest.param(changed(slices={"1": 2}), id="slices-of-another-shape"),
        pytest.param(changed(recent_event_ids="AAAA"), id="ids-of-no-whole-word"),
        pytest.param(changed(anomaly={}), id="an-anomaly-without-anything"),
        pytest.param(changed(by_model={"gpt-4o": {}}), id="a-model-without-anything"),
        pytest.param(EXAMPLE.replace(b'"cost_usd":"0.125"', b'"cost_usd":"1e-1"'), id="an-amount-with-exponent"),
        pytest.param(EXAMPLE.replace(b'"cost_usd":"0.125"', b'"cost_usd":0.125'), id="an-amount-as-float"),
    ],
)
def test_damage_is_refused(value: bytes) -> None:
    with pytest.raises(UnreadableRecord):
        decode(value)


def test_the_refusal_shows_how_the_record_begins() -> None:
    with pytest.raises(UnreadableRecord, match=r'"events":1') as refusal:
        decode(changed(version=2))
    assert len(str(refusal.value)) < 400


def test_an_older_version_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(record.UPGRADES, -1, lambda fields: {**fields, "version": 0, "tool_calls": fields["tools"]})
    monkeypatch.setitem(record.UPGRADES, 0, lambda fields: {**fields, "version": 1, "runs": 3})
    old = changed(version=-1, tools=2)
    held = decode(old)
    assert (held.runs, held.tool_calls) == (3, 2)
    assert upgraded(upgraded(old)) == upgraded(old)


def test_an_upgrade_that_lacks_what_it_needs_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(record.UPGRADES, 0, lambda fields: {**fields, "version": 1, "runs": fields["run_count"]})
    with pytest.raises(UnreadableRecord):
        decode(changed(version=0))


def test_unknown_fields_are_left_to_who_knows_them() -> None:
    """A field that a later version adds in a compatible way does not stop this one."""
    assert decode(changed(shoe_size=43)).session_id == "s-1"


def test_amounts_are_exact_text() -> None:
    partition = ledger()
    feed(partition, usage(input_tokens=1, cached_input_tokens=1, model="gpt-4o-mini"))
    (value,) = written(partition)
    read = parse(value)
    assert (read.cost_usd, read.cache_savings_usd) == ("0.000000075", "0.000000075")
    assert decode(value).total("cost_pico_usd") * 1_000_000_000 == 75 * PICO_PER_USD
