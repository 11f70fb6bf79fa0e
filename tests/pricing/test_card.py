"""Charges: each token once, exactly, by the tier that the whole request reached."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.card import ANY_PROVIDER, Charge, RateCard, Tier, charge, charge_fields
from tests.pricing.cards import BASE, LONG, LONGER, card

COUNT = st.integers(0, 10**9)
RATE = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("counts", "cost"),
    [
        pytest.param((0, 0, 0, 0, 0), 0, id="nothing"),
        pytest.param((1, 0, 0, 0, 0), 3_000_000, id="input"),
        pytest.param((0, 1, 0, 0, 0), 15_000_000, id="output"),
        pytest.param((1, 0, 1, 0, 0), 300_000, id="cached instead of input"),
        pytest.param((1, 0, 0, 1, 0), 3_750_000, id="cache write instead of input"),
        pytest.param((0, 1, 0, 0, 1), 16_000_000, id="reasoning instead of output"),
        pytest.param((10, 10, 3, 2, 4), 5 * 3_000_000 + 900_000 + 7_500_000 + 90_000_000 + 64_000_000, id="all"),
    ],
)
def test_each_token_is_priced_once(counts: tuple[int, int, int, int, int], cost: int) -> None:
    assert charge(card(BASE), *counts).cost_pico_usd == cost


@pytest.mark.parametrize(
    ("input_tokens", "tier"),
    [
        pytest.param(0, BASE, id="no input"),
        pytest.param(199_999, BASE, id="below the first line"),
        pytest.param(200_000, BASE, id="on the first line"),
        pytest.param(200_001, LONG, id="above the first line"),
        pytest.param(272_000, LONG, id="on the second line"),
        pytest.param(272_001, LONGER, id="above the second line"),
        pytest.param(10**9, LONGER, id="far above"),
    ],
)
def test_the_tier_reached_prices_the_whole_request(input_tokens: int, tier: Tier) -> None:
    tiered = card(BASE, LONG, LONGER)
    assert tiered.tier_for(input_tokens) == tier
    assert charge(tiered, input_tokens, 7, 0, 0, 0).cost_pico_usd == input_tokens * tier.input + 7 * tier.output


def test_cached_tokens_count_towards_the_tier() -> None:
    assert charge(card(BASE, LONG), 200_001, 0, 200_001, 0, 0).cost_pico_usd == 200_001 * LONG.cached_input


@pytest.mark.parametrize(
    ("cached_rate", "saved"),
    [
        pytest.param(0, 30_000_000, id="cached free"),
        pytest.param(300_000, 27_000_000, id="cached cheaper"),
        pytest.param(3_000_000, 0, id="cached as dear"),
        pytest.param(3_000_001, 0, id="cached dearer"),
    ],
)
def test_savings_are_what_caching_spared_and_never_negative(cached_rate: int, saved: int) -> None:
    rates = card(replace(BASE, cached_input=cached_rate))
    assert charge(rates, 20, 0, 10, 0, 0).cache_savings_pico_usd == saved


def test_unpriced_is_loud() -> None:
    unpriced = card()
    assert not unpriced.priced
    assert unpriced.tier_for(5) is None
    assert charge(unpriced, 100, 20, 50, 0, 5) == Charge(0, 0, 120)


def test_free_is_priced() -> None:
    free = card(Tier(0, 0, 0, 0, 0, 0))
    assert free.priced
    assert charge(free, 100, 20, 50, 0, 5) == Charge(0, 0, 0)


@pytest.mark.parametrize(
    ("counts", "fees"),
    [
        pytest.param((0, 0), 0, id="no tokens, no request"),
        pytest.param((1, 0), 1, id="input"),
        pytest.param((0, 1), 1, id="output"),
        pytest.param((5, 5), 1, id="both"),
    ],
)
def test_a_request_fee_is_asked_once_per_request(counts: tuple[int, int], fees: int) -> None:
    fee = 12_000_000_000
    with_fee = card(replace(BASE, per_request=fee))
    assert charge(with_fee, *counts, 0, 0, 0).cost_pico_usd - charge(card(BASE), *counts, 0, 0, 0).cost_pico_usd == (
        fees * fee
    )


@pytest.mark.parametrize("tiers", [pytest.param((BASE,), id="flat"), pytest.param((BASE, LONG), id="tiered")])
@pytest.mark.parametrize(
    ("full", "overfull"),
    [
        pytest.param((10, 10, 6, 4, 0), (10, 10, 6, 5, 0), id="cached and written within the input"),
        pytest.param((10, 10, 0, 0, 10), (10, 10, 0, 0, 11), id="reasoning within the output"),
    ],
)
def test_a_part_larger_than_its_whole_is_no_charge(
    tiers: tuple[Tier, ...], full: tuple[int, int, int, int, int], overfull: tuple[int, int, int, int, int]
) -> None:
    assert charge(card(*tiers), *full).cost_pico_usd > 0
    with pytest.raises(ValueError, match="must fit into"):
        charge(card(*tiers), *overfull)


@pytest.mark.parametrize(
    ("counts", "parts"),
    [
        pytest.param((0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0), id="nothing"),
        pytest.param((2, 1, 0, 0, 0), (6_000_000, 0, 0, 15_000_000, 0, 7), id="plain"),
        pytest.param(
            (10, 10, 3, 2, 4), (15_000_000, 900_000, 7_500_000, 90_000_000, 64_000_000, 7), id="fresh input and answer"
        ),
        pytest.param((5, 5, 5, 0, 5), (0, 1_500_000, 0, 0, 80_000_000, 7), id="all cached, all reasoning"),
    ],
)
def test_each_part_has_its_cost(counts: tuple[int, int, int, int, int], parts: tuple[int, ...]) -> None:
    charged = charge(card(replace(BASE, per_request=7)), *counts)
    assert charged[3:] == parts
    assert charged.cost_pico_usd == sum(parts)


@given(
    rates=st.lists(st.tuples(RATE, RATE, RATE, RATE, RATE, st.sampled_from((0, 12_000))), max_size=2),
    fresh=COUNT,
    cached=st.sampled_from((0, 1, 10**6)),
    written=st.sampled_from((0, 1, 10**6)),
    answer=COUNT,
    reasoning=st.sampled_from((0, 1, 10**6)),
)
def test_parts_sum_to_the_cost(
    rates: list[tuple[int, int, int, int, int, int]], fresh: int, cached: int, written: int, answer: int, reasoning: int
) -> None:
    of = card(*(Tier(1_000 * number, *each) for number, each in enumerate(rates)))
    counts = (fresh + cached + written, answer + reasoning, cached, written, reasoning)
    charged = charge(of, *counts)
    assert sum(charged[3:]) == charged.cost_pico_usd
    assert min(charged) >= 0
    assert charge_fields(of, *counts) == tuple(charged)


@pytest.mark.parametrize(("provider", "named"), [("anthropic", "anthropic"), (ANY_PROVIDER, ""), ("", "")])
def test_a_card_for_any_provider_names_none(provider: str, named: str) -> None:
    assert replace(card(BASE), provider=provider).named_provider == named


@given(
    rates=st.tuples(RATE, RATE, RATE, RATE, RATE),
    dearer=st.tuples(RATE, RATE, RATE, RATE, RATE),
    line=st.integers(1, 10**6),
    input_tokens=COUNT,
    output_tokens=COUNT,
    shares=st.tuples(*[st.fractions(0, 1)] * 3),
)
def test_charges_are_exact_to_the_last_digit(
    rates: tuple[int, int, int, int, int],
    dearer: tuple[int, int, int, int, int],
    line: int,
    input_tokens: int,
    output_tokens: int,
    shares: tuple[Fraction, Fraction, Fraction],
) -> None:
    """Against Decimal arithmetic on USD per million tokens, as a price list states them."""
    cached = int(input_tokens * shares[0])
    written = int((input_tokens - cached) * shares[1])
    reasoning = int(output_tokens * shares[2])
    tiered = RateCard("p", "m", "catalogue", "", 0, 1, (Tier(0, *rates), Tier(line, *dearer)))
    with localcontext(prec=80):
        plain, answer, cached_rate, write_rate, reasoning_rate = (
            Decimal(rate) / 10**6 for rate in (dearer if input_tokens > line else rates)
        )
        usd = (
            (input_tokens - cached - written) * plain
            + cached * cached_rate
            + written * write_rate
            + (output_tokens - reasoning) * answer
            + reasoning * reasoning_rate
        ) / 10**6
        saved = max(cached * (plain - cached_rate) / 10**6, Decimal(0))
        result = charge(tiered, input_tokens, output_tokens, cached, written, reasoning)
        assert Decimal(result.cost_pico_usd).scaleb(-12) == usd
        assert Decimal(result.cache_savings_pico_usd).scaleb(-12) == saved
    assert result.unpriced_tokens == 0


@given(rates=st.tuples(RATE, RATE, RATE, RATE, RATE), counts=st.tuples(COUNT, COUNT))
def test_the_short_way_agrees_with_the_long_one(rates: tuple[int, int, int, int, int], counts: tuple[int, int]) -> None:
    flat, tiered = card(Tier(0, *rates)), card(Tier(0, *rates), Tier(0, *rates))
    assert flat.flat is not None
    assert tiered.flat is None
    assert charge(flat, *counts, 0, 0, 0) == charge(tiered, *counts, 0, 0, 0)
