"""Explanations: exact text, and steps that sum to the charge."""

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.card import charge
from burnline.pricing.explain import describe, explain_charge, step_text
from tests.pricing.cards import BASE, LONG, card


def test_a_card_is_described_in_usd_per_million_tokens() -> None:
    dated = replace(card(BASE, replace(LONG, per_request=5_000_000_000)), valid_from_ms=1_760_000_000_000)
    assert describe(dated) == {
        "provider": "anthropic",
        "model": "claude",
        "priced": True,
        "source": "catalogue",
        "rule": "exact id",
        "valid_from": "2025-10-09T08:53:20Z",
        "valid_until": None,
        "tiers": [
            {
                "above_input_tokens": 0,
                "input_usd_per_million_tokens": "3",
                "output_usd_per_million_tokens": "15",
                "cached_input_usd_per_million_tokens": "0.3",
                "cache_write_usd_per_million_tokens": "3.75",
                "reasoning_usd_per_million_tokens": "16",
            },
            {
                "above_input_tokens": 200_000,
                "input_usd_per_million_tokens": "6",
                "output_usd_per_million_tokens": "22.5",
                "cached_input_usd_per_million_tokens": "0.6",
                "cache_write_usd_per_million_tokens": "7.5",
                "reasoning_usd_per_million_tokens": "24",
                "usd_per_request": "0.005",
            },
        ],
    }


def test_an_unpriced_card_is_described_without_tiers() -> None:
    described = describe(replace(card(), source="none", rule="nobody lists it"))
    assert (described["priced"], described["rule"], described["tiers"]) == (False, "nobody lists it", [])


@pytest.mark.parametrize(
    ("counts", "lines"),
    [
        pytest.param((0, 0, 0, 0, 0), [], id="nothing"),
        pytest.param(
            (1_200, 0, 0, 0, 0), ["1,200 uncached input tokens × 3 USD per million tokens = 0.0036 USD"], id="input"
        ),
        pytest.param(
            (100, 10, 60, 30, 4),
            [
                "10 uncached input tokens × 3 USD per million tokens = 0.00003 USD",
                "60 cached input tokens × 0.3 USD per million tokens = 0.000018 USD",
                "30 cache write tokens × 3.75 USD per million tokens = 0.0001125 USD",
                "6 answer output tokens × 15 USD per million tokens = 0.00009 USD",
                "4 reasoning tokens × 16 USD per million tokens = 0.000064 USD",
                "1 request fee × 0.012 USD per request = 0.012 USD",
            ],
            id="every part",
        ),
    ],
)
def test_steps_read_well(counts: tuple[int, int, int, int, int], lines: list[str]) -> None:
    fee = 12_000_000_000 if len(lines) > 1 else 0
    assert [step_text(step) for step in explain_charge(card(replace(BASE, per_request=fee)), *counts)] == lines


def test_unpriced_steps_have_no_amount() -> None:
    steps = explain_charge(card(), 10, 5, 4, 0, 0)
    assert [step_text(step) for step in steps] == [
        "6 uncached input tokens: unpriced",
        "4 cached input tokens: unpriced",
        "5 answer output tokens: unpriced",
    ]
    assert [step.amount_usd for step in steps] == ["", "", ""]


@given(
    st.integers(0, 400_000),
    st.integers(0, 10**9),
    st.tuples(*[st.fractions(0, 1)] * 3),
    st.sampled_from([0, 12_000_000_000]),
)
def test_steps_sum_to_the_charge_to_the_last_digit(
    input_tokens: int, output_tokens: int, shares: tuple[float, float, float], fee: int
) -> None:
    cached = int(input_tokens * shares[0])
    written = int((input_tokens - cached) * shares[1])
    counts = (input_tokens, output_tokens, cached, written, int(output_tokens * shares[2]))
    tiered = card(BASE, replace(LONG, per_request=fee))
    steps = explain_charge(tiered, *counts)
    cost = charge(tiered, *counts).cost_pico_usd
    assert sum(step.amount_pico_usd for step in steps) == cost
    assert sum(step.quantity for step in steps if step.per != "request") == input_tokens + output_tokens
    with localcontext(prec=60):
        assert sum(Decimal(step.amount_usd) for step in steps) == Decimal(cost).scaleb(-12)
        for step in steps:
            per = 1 if step.per == "request" else 10**6
            assert step.quantity * Decimal(step.rate_usd) / per == Decimal(step.amount_usd)
