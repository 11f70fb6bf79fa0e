"""The wire contract of valuation rates: what is taken, what is refused, and the key."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.card import Tier
from burnline.pricing.money import pico_from_text
from burnline.pricing.valuation import ValuationRate, ValuationRateError, rate_key

AT_MS = 1_760_000_000_000
KEY = f"openai/gpt-4o@{AT_MS}"


def fields(**changed: Any) -> dict[str, Any]:
    base = {
        "provider": "openai",
        "model": "gpt-4o",
        "effective_from": AT_MS,
        "input_usd_per_million_tokens": "2",
        "output_usd_per_million_tokens": "8",
    }
    return {name: value for name, value in (base | changed).items() if value is not ...}


def parse(**changed: Any) -> ValuationRate:
    return ValuationRate.parse(KEY, json.dumps(fields(**changed)))


@pytest.mark.parametrize(
    ("optional", "tier"),
    [
        pytest.param({}, Tier(0, 2_000_000, 8_000_000, 2_000_000, 2_000_000, 8_000_000), id="parts as their wholes"),
        pytest.param(
            {
                "cached_input_usd_per_million_tokens": "0.2",
                "cache_write_usd_per_million_tokens": "2.5",
                "reasoning_usd_per_million_tokens": "9.000001",
            },
            Tier(0, 2_000_000, 8_000_000, 200_000, 2_500_000, 9_000_001),
            id="all stated",
        ),
        pytest.param(
            {"cached_input_usd_per_million_tokens": "0"},
            Tier(0, 2_000_000, 8_000_000, 0, 2_000_000, 8_000_000),
            id="zero is stated too",
        ),
        pytest.param(
            {"cached_input_usd_per_million_tokens": None, "note": None},
            Tier(0, 2_000_000, 8_000_000, 2_000_000, 2_000_000, 8_000_000),
            id="null is absent",
        ),
    ],
)
def test_rates_become_integers(optional: dict[str, Any], tier: Tier) -> None:
    assert parse(**optional).tiers() == (tier,)


@pytest.mark.parametrize(
    ("written", "pico"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("0.000001", 1, id="finest"),
        pytest.param("1000000", 10**12, id="dearest"),
        pytest.param("2.500000000", 2_500_000, id="zeros at the end"),
        pytest.param(3, 3_000_000, id="whole number"),
        pytest.param(0.1, 100_000, id="number with decimals"),
        pytest.param(1e2, 100_000_000, id="number as a float"),
    ],
)
def test_rates_within_bounds(written: object, pico: int) -> None:
    assert parse(input_usd_per_million_tokens=written).tiers()[0].input == pico


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        pytest.param({"input_usd_per_million_tokens": "0.0000001"}, "at most 6 decimals", id="too fine"),
        pytest.param({"input_usd_per_million_tokens": 0.12345678}, "at most 6 decimals", id="number too fine"),
        pytest.param({"input_usd_per_million_tokens": "1000000.000001"}, "between 0 and", id="too dear"),
        pytest.param({"input_usd_per_million_tokens": "-0.1"}, "between 0 and", id="negative"),
        pytest.param({"input_usd_per_million_tokens": "1e1"}, "not an amount", id="exponent"),
        pytest.param({"input_usd_per_million_tokens": True}, "not an amount", id="bool"),
        pytest.param({"input_usd_per_million_tokens": float("nan")}, "not an amount", id="NaN"),
        pytest.param({"input_usd_per_million_tokens": None}, "input_usd_per_million_tokens", id="null"),
        pytest.param({"output_usd_per_million_tokens": ...}, "must state input_usd.* and output_usd", id="none"),
        pytest.param({"cached_usd": "1"}, "cached_usd", id="misspelt"),
        pytest.param({"provider": "a/b"}, "provider.*slash", id="slash in the provider"),
        pytest.param({"provider": ""}, "provider", id="no provider"),
        pytest.param({"provider": "x" * 257}, "provider", id="long provider"),
        pytest.param({"model": "a*b*c*d*e*"}, "at most 4 stars", id="five stars"),
        pytest.param({"model": " "}, "model.*name a model", id="blanks"),
        pytest.param({"multiplier": "0.5"}, "multiplier and input_usd.* exclude", id="rates and a multiplier"),
        pytest.param({"same_as": "openai/gpt-4o"}, "same_as and input_usd.* exclude", id="rates and an alias"),
        pytest.param({"multiplier": "1000.1"}, "between 0 and 1000", id="multiplier of more than a thousand"),
        pytest.param({"multiplier": "0.1234567"}, "at most 6 decimals", id="multiplier too fine"),
        pytest.param({"multiplier": "-1"}, "between 0 and 1000", id="negative multiplier"),
        pytest.param({"same_as": "gpt-4o"}, "same_as.*a slash and one model", id="alias without provider"),
        pytest.param({"same_as": "openai/gpt-*"}, "same_as.*a slash and one model", id="alias to a pattern"),
        pytest.param({"usd_per_request": "1000.000001"}, "between 0 and 1000", id="dear request"),
        pytest.param({"above": [{"above_input_tokens": 0}]}, "above.0.above_input_tokens", id="line at 0"),
        pytest.param(
            {"above": [{"above_input_tokens": 9}, {"above_input_tokens": 9}]}, r"\[9, 9\]", id="the same line twice"
        ),
        pytest.param(
            {"above": [{"above_input_tokens": 9}, {"above_input_tokens": 8}]}, r"\[9, 8\]", id="lines descend"
        ),
        pytest.param({"above": [{"above_input_tokens": 1}] * 8}, "at most 7", id="eight lines"),
        pytest.param({"above": [{"above_input_tokens": 1, "input": "1"}]}, 'above.0."input"', id="misspelt, above"),
        pytest.param({"service_tiers": {"Standard": "1"}}, "must not name 'standard'", id="standard is no tier"),
        pytest.param({"service_tiers": {"flex": "1", "FLEX": "2"}}, "each service tier once", id="a tier twice"),
        pytest.param({"org_id": ""}, "org_id", id="empty organisation"),
        pytest.param({"meters": {"audio": "1"}}, "must not name 'audio': known are cache_write_1h_usd", id="no meter"),
        pytest.param({"model": "a\nb"}, "control characters", id="line break in the model"),
        pytest.param({"effective_from": 1_760_000_000}, "seconds are not", id="seconds"),
        pytest.param({"effective_from": 10**13}, "effective_from", id="year 2286"),
        pytest.param({"effective_from": -1}, "effective_from", id="before the epoch"),
        pytest.param({"effective_from": str(AT_MS)}, "effective_from", id="time as text"),
        pytest.param({"effective_from": True}, "effective_from", id="time as bool"),
        pytest.param({"note": "x" * 1025}, "note", id="long note"),
    ],
)
def test_what_is_refused_is_named(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ValuationRateError, match=named) as refused:
        parse(**changed)
    assert KEY in str(refused.value)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{", "not JSON", id="cut"),
        pytest.param(b"\xff", "not JSON", id="not UTF-8"),
        pytest.param(b"[]", "no JSON object", id="array"),
        pytest.param(b"[" * 100_000, "not JSON", id="deep"),
        pytest.param(
            b'{"input_usd_per_million_tokens": 1e999999999}', "not an amount", id="a number that fills the memory"
        ),
    ],
)
def test_what_is_no_rate_is_refused(value: bytes, named: str) -> None:
    with pytest.raises(ValuationRateError, match=named):
        ValuationRate.parse(b"key", value)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(None, id="no key"),
        pytest.param(b"openai/gpt-4o@0", id="another time"),
        pytest.param(b"OpenAI/gpt-4o@1760000000000", id="provider in upper case"),
        pytest.param(b"\xff", id="not UTF-8"),
    ],
)
def test_a_record_stands_under_its_own_key(key: bytes | None) -> None:
    with pytest.raises(ValuationRateError, match="make the key"):
        ValuationRate.parse(key, json.dumps(fields()))
    assert ValuationRate.parse(KEY.encode(), json.dumps(fields())).key() == KEY


def test_names_are_trimmed_and_the_provider_is_lower_case() -> None:
    rate = ValuationRate.model_validate(fields(provider=" OpenAI ", model=" GPT-4o "))
    assert (rate.provider, rate.model) == ("openai", "GPT-4o")
    assert rate.key() == rate_key("OpenAI", " GPT-4o", AT_MS) == f"openai/GPT-4o@{AT_MS}"


def test_keys_stay_apart_when_models_hold_slashes_and_ats() -> None:
    assert rate_key("openrouter", "openai/gpt-4o", 0) == "openrouter/openai/gpt-4o@0"
    assert rate_key("google", "claude@20250514", 0) == "google/claude@20250514@0"


RATE_TEXT = st.integers(0, 10**12).map(lambda pico: f"{pico // 10**6}.{pico % 10**6:06d}")


@given(RATE_TEXT, RATE_TEXT, st.none() | RATE_TEXT, st.sampled_from([0, AT_MS, 10**12, 10**13 - 1]))
def test_what_is_written_is_read_again_and_fits_the_schema(
    plain: str, answer: str, cached: str | None, at_ms: int
) -> None:
    rate = ValuationRate(
        provider="*",
        model="m",
        effective_from=at_ms,
        input_usd_per_million_tokens=plain,
        output_usd_per_million_tokens=answer,
        cached_input_usd_per_million_tokens=cached,
    )
    written = rate.model_dump_json(exclude_none=True)
    assert ValuationRate.parse(rate.key(), written) == rate
    jsonschema.validate(json.loads(written), ValuationRate.model_json_schema())
    assert rate.tiers()[0].input * 10**6 == pico_from_text(plain)
