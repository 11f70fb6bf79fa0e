"""Price lists of others: LiteLLM's, models.dev's and genai-prices' formats, read as rates."""

import json
from typing import Any

import pytest

from burnline.pricing.lists import Listed, PriceListError, read_price_list

LITELLM = {
    "sample_spec": {"litellm_provider": "openai", "input_cost_per_token": 1},
    "gemini/gemini-2.5-pro": {
        "litellm_provider": "gemini",
        "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 1.25e-07,
        "input_cost_per_token_above_200k_tokens": 2.5e-06,
        "output_cost_per_token_above_200k_tokens": 1.5e-05,
    },
    "claude-opus-5": {
        "litellm_provider": "anthropic",
        "input_cost_per_token": 5e-06,
        "output_cost_per_token": 2.5e-05,
        "cache_creation_input_token_cost": 6.25e-06,
        "cache_creation_input_token_cost_above_1hr": 1e-05,
    },
    "dall-e-3": {"litellm_provider": "openai", "output_cost_per_image": 0.04},
}
MODELS_DEV = {
    "google": {
        "id": "google",
        "models": {
            "gemini-2.5-pro": {
                "cost": {
                    "input": 1.25,
                    "output": 10,
                    "cache_read": 0.125,
                    "context_over_200k": {"input": 2.5, "output": 15},
                }
            },
            "imagen": {"name": "no cost"},
        },
    },
    "anthropic": {"models": {"claude-opus-5": {"cost": {"input": 5, "output": 25, "cache_write": 6.25}}}},
}
GENAI_PRICES = [
    {
        "id": "google",
        "models": [
            {
                "id": "gemini-2.5-pro",
                "prices": {
                    "input_mtok": {"base": 1.25, "tiers": [{"start": 200000, "price": 2.5}]},
                    "output_mtok": {"base": 10, "tiers": [{"start": 200000, "price": 15}]},
                    "cache_read_mtok": 0.125,
                },
            }
        ],
    },
    {
        "id": "anthropic",
        "models": [
            {
                "id": "claude-opus-5",
                "prices": [
                    {"prices": {"input_mtok": 9, "output_mtok": 45}},
                    {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 5, "output_mtok": 25}},
                ],
            }
        ],
    },
]


def usd(**rates: str) -> dict[str, Any]:
    return {f"{part}_usd_per_million_tokens": amount for part, amount in rates.items()}


LONG = {"above_input_tokens": 200_000, **usd(input="2.5", output="15")}
GEMINI = {**usd(input="1.25", output="10", cached_input="0.125"), "above": [LONG]}


@pytest.mark.parametrize(
    ("found", "listed"),
    [
        pytest.param(
            LITELLM,
            [
                Listed("gemini", "gemini-2.5-pro", GEMINI),
                Listed(
                    "anthropic",
                    "claude-opus-5",
                    usd(input="5", output="25", cache_write="6.25") | {"meters": usd(cache_write_1h="10")},
                ),
            ],
            id="LiteLLM",
        ),
        pytest.param(
            MODELS_DEV,
            [
                Listed("google", "gemini-2.5-pro", GEMINI),
                Listed("anthropic", "claude-opus-5", usd(input="5", output="25", cache_write="6.25")),
            ],
            id="models.dev",
        ),
        pytest.param(
            GENAI_PRICES,
            [
                Listed(
                    "google",
                    "gemini-2.5-pro",
                    {**GEMINI, "above": [{**LONG, **usd(cached_input="0.125")}]},
                ),
                Listed("anthropic", "claude-opus-5", usd(input="5", output="25")),
            ],
            id="genai-prices, the newest of dated prices",
        ),
    ],
)
def test_formats(found: object, listed: list[Listed]) -> None:
    assert read_price_list(json.dumps(found)) == listed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("{", "not JSON", id="no JSON"),
        pytest.param("[]", "no model with a rate", id="empty"),
        pytest.param("{}", "no known format", id="an empty object"),
        pytest.param('{"a": {"b": 1}}', "no known format", id="something else"),
        pytest.param('{"m": {"litellm_provider": "x", "input_cost_per_token": "dear"}}', "m: 'dear'", id="no price"),
        pytest.param('{"m": {"litellm_provider": "x", "input_cost_per_token": -1}}', "m: -1", id="negative"),
        pytest.param('{"m": {"litellm_provider": "x", "input_cost_per_token": true}}', "m: True", id="true"),
        pytest.param('{"m": {"litellm_provider": "x", "input_cost_per_token": NaN}}', "m: nan", id="NaN"),
        pytest.param('{"m": {"litellm_provider": "x"}}', "no model with a rate", id="nothing for tokens"),
    ],
)
def test_what_is_no_list_is_said(text: str, told: str) -> None:
    with pytest.raises(PriceListError, match=told):
        read_price_list(text)


@pytest.mark.parametrize(
    ("per_token", "per_million"),
    [
        pytest.param("1e-12", "0.000001", id="the finest"),
        pytest.param("1.5e-12", "0.000002", id="half, to the even"),
        pytest.param("2.5e-12", "0.000002", id="half, to the even below"),
        pytest.param("1.8000000000000002e-07", "0.18", id="went through binary fractions"),
    ],
)
def test_rates_are_rounded_to_pico_usd_per_token(per_token: str, per_million: str) -> None:
    text = f'{{"m": {{"litellm_provider": "x", "input_cost_per_token": {per_token}}}}}'
    assert read_price_list(text) == [Listed("x", "m", usd(input=per_million))]
