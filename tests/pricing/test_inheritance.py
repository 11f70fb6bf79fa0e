"""What an override inherits from the card that it replaces."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard, Tier, meter_rates
from burnline.pricing.explain import MILLION
from burnline.pricing.inheritance import (
    PARTS,
    Change,
    Inherit,
    changes,
    dropped,
    rate_field,
    replaced_card,
    with_inherited,
    with_inherited_terms,
)
from burnline.pricing.money import usd_text
from burnline.pricing.valuation import ValuationRate

NOW_MS = 1_780_000_000_000
BASE = Tier(0, input=2_500_000, output=10_000_000, cached_input=1_250_000, cache_write=2_500_000, reasoning=12_000_000)


def card(*tiers: Tier, source: str = "catalogue") -> RateCard:
    return RateCard("p", "m", source, "exact id", 0, 1, tiers)


def rates(stated: dict[str, str], base: Tier | None = BASE, how: Inherit = Inherit.PROPORTIONAL) -> dict[str, str]:
    named = {rate_field(part): text for part, text in stated.items()}
    found = with_inherited(named, card(base) if base else card(source="none"), how)
    return {field.removesuffix("_usd_per_million_tokens"): text for field, text in found.items()}


def override(found: dict[str, str], since_ms: int = 0, provider: str = "p") -> ValuationRate:
    fields = {rate_field(part): text for part, text in found.items()}
    return ValuationRate.model_validate({"provider": provider, "model": "m", "effective_from": since_ms, **fields})


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param(
            Inherit.PROPORTIONAL,
            {"input": "1.25", "output": "20", "cached_input": "0.625", "reasoning": "24"},
            id="in-proportion",
        ),
        pytest.param(
            Inherit.UNCHANGED,
            {"input": "1.25", "output": "20", "cached_input": "1.25", "cache_write": "2.5", "reasoning": "12"},
            id="unchanged",
        ),
    ],
)
def test_parts_follow_their_whole(how: Inherit, expected: dict[str, str]) -> None:
    assert rates({"input": "1.25", "output": "20"}, how=how) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param(
            {"output": "9"},
            {"input": "2.5", "output": "9", "cached_input": "1.25", "reasoning": "10.8"},
            id="input-stays",
        ),
        pytest.param(
            {"input": "5"},
            {"input": "5", "output": "10", "cached_input": "2.5", "reasoning": "12"},
            id="output-stays",
        ),
        pytest.param(
            {"cached_input": "0.1"},
            {"input": "2.5", "output": "10", "cached_input": "0.1", "reasoning": "12"},
            id="a-part-alone",
        ),
    ],
)
def test_what_is_not_named_stays(stated: dict[str, str], expected: dict[str, str]) -> None:
    assert rates(stated) == expected


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        pytest.param(Tier(0, 0, 0, 0, 0, 0), None, id="free-as-its-whole-was"),
        pytest.param(Tier(0, 0, 0, 3_000_000, 0, 0), "3", id="a-part-of-a-free-whole-stays"),
        pytest.param(Tier(0, 4_000_000, 0, 0, 0, 0), "0", id="a-free-part-stays-free"),
        pytest.param(Tier(0, 3_000_000, 0, 1_000_000, 0, 0), "0.333333", id="rounded-to-a-whole-pico-per-token"),
    ],
)
def test_zeros_and_thirds(base: Tier, expected: str | None) -> None:
    assert rates({"input": "1", "output": "1"}, base).get("cached_input") == expected


LONG = Tier(
    200_000, input=5_000_000, output=15_000_000, cached_input=2_500_000, cache_write=5_000_000, reasoning=18_000_000
)
HOURLY = "cache_write_1h_usd_per_million_tokens"
SEARCHES = "usd_per_thousand_web_searches"
METERED = meter_rates({"cache_write_1h_tokens": 5_000_000, "web_searches": 10 * 10**9})
TERMED = replace(BASE, per_request=12_000_000_000, meters=METERED)


@pytest.mark.parametrize(
    ("how", "hour", "line"),
    [
        pytest.param(Inherit.PROPORTIONAL, "2.5", ("2.5", "30", "1.25", "2.5", "36"), id="in-proportion"),
        pytest.param(Inherit.UNCHANGED, "5", ("5", "15", "2.5", "5", "18"), id="unchanged"),
    ],
)
def test_terms_follow_the_base_rates(how: Inherit, hour: str, line: tuple[str, ...]) -> None:
    """Input at half of what it was, output at twice."""
    base = {rate_field("input"): "1.25", rate_field("output"): "20"}
    assert with_inherited_terms(base, {}, card(TERMED, LONG), how) == {
        "meters": {HOURLY: hour, SEARCHES: "10"},
        "usd_per_request": "0.012",
        "above": [{"above_input_tokens": 200_000, **dict(zip(map(rate_field, PARTS), line, strict=True))}],
    }


def test_terms_that_are_stated_are_not_inherited() -> None:
    base = {rate_field("input"): "1.25", rate_field("output"): "20"}
    stated: dict[str, object] = {"usd_per_request": "0", "above": [{"above_input_tokens": 9}], "service_tiers": None}
    found = with_inherited_terms(base, stated, card(TERMED, LONG), Inherit.UNCHANGED)
    assert (found["usd_per_request"], found["above"]) == ("0", [{"above_input_tokens": 9}])
    assert "service_tiers" not in found
    assert with_inherited_terms(base, {}, card(), Inherit.UNCHANGED) == {}
    hourly = {"meters": {HOURLY: "3"}}
    assert with_inherited_terms(base, hourly, card(TERMED), Inherit.UNCHANGED)["meters"] == hourly["meters"]


def test_gemini_at_its_own_list_price_by_hand_costs_what_it_did() -> None:
    """With its rates for long requests, which a rate of input and output alone would end."""
    old = RateBook.bundled().resolve("google", "gemini-2.5-pro", NOW_MS)
    base = with_inherited({rate_field("input"): "1.25", rate_field("output"): "10"}, old, Inherit.PROPORTIONAL)
    terms = with_inherited_terms(base, {}, old, Inherit.PROPORTIONAL)
    new = ValuationRate.model_validate({"provider": "google", "model": "m", "effective_from": 0, **base, **terms})
    assert new.tiers() == old.tiers


def test_nothing_is_inherited_where_there_is_no_rate() -> None:
    assert rates({"input": "1", "output": "2"}, base=None) == {"input": "1", "output": "2"}
    with pytest.raises(ValueError, match=r"output_usd_per_million_tokens has to be stated: p/m has no rate to inherit"):
        rates({"input": "1"}, base=None)


amounts = st.integers(0, 1_000)
tiers = st.builds(lambda *parts: Tier(0, *(part * 1_000 for part in parts)), *[amounts] * 5)


@given(base=tiers, plain=amounts, answer=amounts)
def test_parts_keep_their_share_to_a_pico_usd_per_token(base: Tier, plain: int, answer: int) -> None:
    stated = {"input": usd_text(plain * 1_000 * MILLION), "output": usd_text(answer * 1_000 * MILLION)}
    new = override(rates(stated, base)).tiers()[0]
    for part, whole in (("cached_input", "input"), ("cache_write", "input"), ("reasoning", "output")):
        before, after = getattr(base, whole), getattr(new, whole)
        if before:
            assert abs(getattr(new, part) - Fraction(getattr(base, part) * after, before)) <= Fraction(1, 2)


@given(base=tiers, how=st.sampled_from(Inherit), plain=amounts)
def test_the_same_again_changes_nothing(base: Tier, how: Inherit, plain: int) -> None:
    stated = {"input": usd_text(plain * 1_000 * MILLION)}
    once = override(rates(stated, base, how)).tiers()[0]
    assert override(rates(stated, once, how)).tiers()[0] == once


def test_changes_say_where_each_rate_comes_from() -> None:
    stated = {rate_field("input"): "1"}
    new = override(rates({"input": "1"}))
    after = card(new.tiers()[0], source="valuation-rates")
    assert changes(stated, after, card(BASE)) == [
        Change("input", "2.5", "1", "stated"),
        Change("output", "10", "10", "inherited"),
        Change("cached_input", "1.25", "0.5", "inherited"),
        Change("cache_write", "2.5", "1", "inherited"),
        Change("reasoning", "12", "12", "inherited"),
    ]
    both = {rate_field("input"): "1", rate_field("output"): "1"}
    assert changes(both, after, card())[2] == Change("cached_input", None, "0.5", "as input")


def test_what_the_new_card_cannot_say_is_named() -> None:
    long = Tier(200_000, input=5_000_000, output=15_000_000, cached_input=2_500_000, cache_write=0, reasoning=0)
    base = Tier(0, 1, 1, 1, 1, 1, per_request=12_000_000_000, meters=meter_rates({"cache_write_1h_tokens": 10_000_000}))
    assert dropped(card(BASE), card(base, long)) == [
        "the tier above 200,000 input tokens: input 5, output 15, cached input 2.5 USD per million tokens",
        "cache write 1h at 10 USD per million tokens: they cost what others do",
        "the fee of 0.012 USD per request",
    ]
    assert dropped(card(BASE), card(BASE)) == dropped(card(BASE), card()) == []


class TestReplaced:
    """Which card a rate replaces."""

    book = RateBook.bundled()

    def test_the_one_in_force_at_its_time(self) -> None:
        book = self.book.with_overrides([override({"input": "7", "output": "7"}, since_ms=NOW_MS)])
        assert not replaced_card(book, "p", "m", NOW_MS - 1, NOW_MS).priced
        assert replaced_card(book, "p", "m", NOW_MS, NOW_MS).tiers[0].input == 7_000_000

    def test_a_rate_for_any_provider(self) -> None:
        assert replaced_card(self.book, "*", "gpt-4o", NOW_MS, NOW_MS).provider == "openai"

    def test_always_is_the_catalogues_of_today(self) -> None:
        today = replaced_card(self.book, "deepseek", "deepseek-chat", 0, NOW_MS)
        assert today.valid_from_ms > 0
        assert today == self.book.resolve("deepseek", "deepseek-chat", NOW_MS)

    def test_always_is_another_override_for_always(self) -> None:
        book = self.book.with_overrides([override({"input": "7", "output": "7"}, provider="deepseek")])
        assert replaced_card(book, "deepseek", "m", 0, NOW_MS).tiers[0].input == 7_000_000
