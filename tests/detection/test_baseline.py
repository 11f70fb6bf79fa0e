"""Baselines: the wire contract, refusals, and the lookup order."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from burnline.detection.baseline import (
    Baseline,
    BaselineError,
    Baselines,
    EffectiveBaseline,
    baseline_key,
    default_baseline,
)
from burnline.detection.lifecycle import watch_levels
from burnline.detection.rule import BurnRule, thresholds
from burnline.settings import Settings
from tests.detection.rules import BASELINE, USD

RECORD = {"org_id": "acme", "agent_id": "agent-7", "usd_per_hour": "2.50"}


def parse(key: bytes | str | None = b"acme/agent-7", **changes: object) -> Baseline:
    """Parse the record with some fields changed."""
    return Baseline.parse(key, json.dumps({**RECORD, **changes}))


def test_a_record_reads_and_writes() -> None:
    baseline = parse(multiplier="7.10", source="finance", updated_at=1_700_000_000_000)
    assert baseline.model_dump(mode="json") == {
        "org_id": "acme",
        "agent_id": "agent-7",
        "usd_per_hour": "2.5",
        "multiplier": "7.1",
        "source": "finance",
        "updated_at": 1_700_000_000_000,
    }
    assert Baseline.parse(baseline.key(), baseline.model_dump_json()) == baseline


def test_what_need_not_be_said() -> None:
    baseline = parse()
    assert (baseline.multiplier, baseline.source, baseline.updated_at) == (None, "manual", None)


@pytest.mark.parametrize(
    ("field", "raw", "text"),
    [
        pytest.param("usd_per_hour", '"0"', "0", id="zero-is-allowed"),
        pytest.param("usd_per_hour", '"0.000000000001"', "0.000000000001", id="twelve-decimals"),
        pytest.param("usd_per_hour", '"1000000000"', "1000000000", id="greatest"),
        pytest.param("usd_per_hour", "3", "3", id="json-integer"),
        pytest.param("usd_per_hour", "0.1", "0.1", id="json-number-by-its-digits"),
        pytest.param("usd_per_hour", "123456789.123456789012", "123456789.123456789012", id="more-digits-than-a-float"),
        pytest.param("usd_per_hour", "0.00000001", "0.00000001", id="small-json-number"),
        pytest.param("multiplier", '"0.000001"', "0.000001", id="least-multiplier"),
        pytest.param("multiplier", '"1000000"', "1000000", id="greatest-multiplier"),
        pytest.param("multiplier", "2.5", "2.5", id="multiplier-as-json-number"),
    ],
)
def test_amounts_that_are_taken(field: str, raw: str, text: str) -> None:
    value = json.dumps({**RECORD, field: "@"}).replace('"@"', raw)
    assert getattr(Baseline.parse(b"acme/agent-7", value), field) == text


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        pytest.param("usd_per_hour", '"-0.000000000001"', id="negative"),
        pytest.param("usd_per_hour", '"1000000000.000000000001"', id="above-the-greatest"),
        pytest.param("usd_per_hour", '"0.0000000000001"', id="thirteen-decimals"),
        pytest.param("usd_per_hour", '"1e3"', id="exponent"),
        pytest.param("usd_per_hour", "1e3000000", id="huge-exponent"),
        pytest.param("usd_per_hour", "1e-3000000", id="tiny-exponent"),
        pytest.param("usd_per_hour", "1" * 4000, id="four-thousand-digits"),
        pytest.param("usd_per_hour", '"abc"', id="word"),
        pytest.param("usd_per_hour", '""', id="empty"),
        pytest.param("usd_per_hour", '" 1"', id="space"),
        pytest.param("usd_per_hour", '"١"', id="other-digits"),
        pytest.param("usd_per_hour", "true", id="bool"),
        pytest.param("usd_per_hour", "null", id="null"),
        pytest.param("usd_per_hour", "NaN", id="nan"),
        pytest.param("usd_per_hour", "Infinity", id="infinity"),
        pytest.param("usd_per_hour", "[1]", id="list"),
        pytest.param("multiplier", '"0"', id="multiplier-of-zero"),
        pytest.param("multiplier", '"-5"', id="negative-multiplier"),
        pytest.param("multiplier", '"0.0000001"', id="seven-decimals"),
        pytest.param("multiplier", '"1000000.000001"', id="multiplier-above-the-greatest"),
        pytest.param("org_id", '""', id="empty-org"),
        pytest.param("agent_id", "7", id="number-for-an-id"),
        pytest.param("agent_id", "7.5", id="fraction-for-an-id"),
        pytest.param("agent_id", json.dumps("a" * 257), id="id-of-257-characters"),
        pytest.param("agent_id", r'"agent\u001b[2J"', id="control-character-in-an-id"),
        pytest.param("agent_id", r'"\ud800"', id="half-a-surrogate-pair"),
        pytest.param("source", '""', id="empty-source"),
        pytest.param("updated_at", "1.5", id="time-with-a-fraction"),
        pytest.param("updated_at", '"2024-01-01"', id="time-as-text"),
        pytest.param("updated_at", "-1", id="negative-time"),
    ],
)
def test_a_refusal_names_key_field_and_value(field: str, raw: str) -> None:
    value = json.dumps({**RECORD, field: "@"}).replace('"@"', raw)
    with pytest.raises(BaselineError, match=r'^baseline "acme/agent-7": ') as caught:
        Baseline.parse(b"acme/agent-7", value)
    assert f"{field}=" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut-short"),
        pytest.param(b"\xff\xfe\xfa", id="not-utf-8"),
        pytest.param(b"[" * 100_000, id="deep-nesting"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[1, 2]", id="list"),
        pytest.param(b'{"usd_per_hour": ' + b"1" * 5000 + b"}", id="more-digits-than-python-reads"),
    ],
)
def test_what_is_no_json_object_is_refused(value: bytes) -> None:
    with pytest.raises(BaselineError, match="value is no"):
        Baseline.parse(b"acme/agent-7", value)


@pytest.mark.parametrize("field", ["org_id", "agent_id", "usd_per_hour"])
def test_a_missing_field_is_named(field: str) -> None:
    fields = {name: value for name, value in RECORD.items() if name != field}
    with pytest.raises(BaselineError, match=f"{field}: Field required"):
        Baseline.parse(b"acme/agent-7", json.dumps(fields))


def test_every_mistake_is_told() -> None:
    with pytest.raises(BaselineError, match=r'org_id="": .*; usd_per_hour="x": .*; multiplier="0": '):
        parse(org_id="", usd_per_hour="x", multiplier="0")


def test_a_float_is_refused_in_code_too() -> None:
    with pytest.raises(ValidationError, match="plain decimal text"):
        Baseline.model_validate({**RECORD, "usd_per_hour": 2.5})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("multiplyer", '"multiplyer"="5": Extra inputs', id="misspelt"),
        pytest.param("\x1b[2J", r'"\x1b[2J"="5": Extra inputs', id="made-to-disturb-a-terminal"),
    ],
)
def test_an_unknown_field_is_refused(name: str, told: str) -> None:
    with pytest.raises(BaselineError) as caught:
        Baseline.parse(b"acme/agent-7", json.dumps({**RECORD, name: "5"}))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(None, id="no-key"),
        pytest.param(b"", id="empty-key"),
        pytest.param(b"acme/agent-8", id="other-agent"),
        pytest.param(b"agent-7/acme", id="turned-round"),
        pytest.param(b"acme/agent-7 ", id="trailing-space"),
        pytest.param(b"\xff", id="not-utf-8"),
    ],
)
def test_key_and_fields_must_agree(key: bytes | None) -> None:
    with pytest.raises(BaselineError, match='org_id and agent_id make the key "acme/agent-7"'):
        parse(key)


@pytest.mark.parametrize("key", ["acme/agent-7", b"acme/agent-7"], ids=["text", "bytes"])
def test_a_key_is_text_or_bytes(key: str | bytes) -> None:
    assert parse(key).key() == "acme/agent-7"


@pytest.mark.parametrize(
    ("org_id", "agent_id", "key"),
    [
        pytest.param("acme", "agent-7", "acme/agent-7", id="plain"),
        pytest.param("*", "agent-7", "*/agent-7", id="any-org"),
        pytest.param("acme", "team/agent-7", "acme/team/agent-7", id="slash-in-the-agent"),
        pytest.param("acme/team", "agent-7", "acme%2Fteam/agent-7", id="slash-in-the-org"),
        pytest.param("100%", "agent-7", "100%25/agent-7", id="percent-in-the-org"),
    ],
)
def test_keys(org_id: str, agent_id: str, key: str) -> None:
    assert baseline_key(org_id, agent_id) == key


names = st.text("a/%25F", min_size=1, max_size=5)


@given(st.tuples(names, names), st.tuples(names, names))
def test_no_two_agents_share_a_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (baseline_key(*one) == baseline_key(*other)) == (one == other)


def snapshot(*pairs: tuple[str, str]) -> Baselines:
    """Baselines of 1, 2, 3… USD per hour for these orgs and agents."""
    made = [
        Baseline(org_id=org, agent_id=agent, usd_per_hour=str(number)) for number, (org, agent) in enumerate(pairs, 1)
    ]
    return Baselines(BASELINE, {baseline.key(): baseline for baseline in made})


LADDER = (("acme", "agent-7"), ("*", "agent-7"), ("acme", "*"), ("*", "*"))


@pytest.mark.parametrize("missing", range(5))
def test_lookup_takes_the_nearest_rung_that_is_there(missing: int) -> None:
    left = LADDER[missing:]
    found = snapshot(*left).lookup("acme", "agent-7")
    assert found.source == ("/".join(left[0]) if left else "default")
    assert found.usd_per_hour_pico == USD


@pytest.mark.parametrize(
    ("org_id", "agent_id", "source"),
    [
        pytest.param("acme", "agent-7", "acme/agent-7", id="org-and-agent"),
        pytest.param("globex", "agent-7", "*/agent-7", id="any-org-and-agent"),
        pytest.param("acme", "agent-8", "acme/*", id="org"),
        pytest.param("globex", "agent-8", "*/*", id="any"),
    ],
)
def test_lookup_among_all(org_id: str, agent_id: str, source: str) -> None:
    assert snapshot(*LADDER).lookup(org_id, agent_id).source == source


def test_an_own_multiplier_goes_before_the_default_one() -> None:
    own = Baseline(org_id="acme", agent_id="*", usd_per_hour="0.5", multiplier="2.5")
    lent = Baseline(org_id="*", agent_id="*", usd_per_hour="0.25")
    baselines = Baselines(BASELINE, {own.key(): own, lent.key(): lent})
    assert baselines.lookup("acme", "a") == EffectiveBaseline(USD // 2, Decimal("2.5"), "acme/*")
    assert baselines.lookup("globex", "a") == EffectiveBaseline(USD // 4, Decimal(5), "*/*")


def test_a_snapshot_does_not_follow_its_source() -> None:
    own = Baseline(org_id="acme", agent_id="*", usd_per_hour="0.5")
    entries = {own.key(): own}
    baselines = Baselines(BASELINE, entries)
    entries.clear()
    assert baselines.lookup("acme", "a").source == "acme/*"


def test_default_from_settings() -> None:
    assert default_baseline(Settings()) == BASELINE
    exact = Settings(baseline_usd_per_hour=Decimal("0.000000000001"), anomaly_multiplier=Decimal("1.5"))
    assert default_baseline(exact) == EffectiveBaseline(1, Decimal("1.5"), "default")


@pytest.mark.parametrize("learned", ["off", "suggest", "auto"])
def test_where_learned_rules_speak_no_line_is_ever_crossed_but_ones_own(learned: str) -> None:
    settings = Settings(learned=learned)
    own = Baseline(org_id="acme", agent_id="agent-7", usd_per_hour="2")
    baselines = Baselines(default_baseline(settings), {own.key(): own})
    assert baselines.lookup("acme", "agent-7").usd_per_hour_pico == 2 * USD
    found = baselines.lookup("acme", "other")
    levels = watch_levels(None, thresholds(BurnRule.from_settings(settings), found))
    a_million_usd_in_a_minute = 10**6 * USD
    assert (found.source == "learned") is (learned == "auto")
    assert all(level > a_million_usd_in_a_minute for level in levels) is (learned == "auto")
