"""Our integer charges against the catalogue library's own Decimal arithmetic, to the last digit."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, ModelPrice, PriceCalculation, StartDateConstraint, TieredPrices
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.pricing.book import RateBook
from burnline.pricing.card import FOREVER_MS, RateCard, charge
from burnline.pricing.catalogue import Catalogue

BOOK = RateBook(Catalogue(providers))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RATE_UNITS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "output_reasoning_mtok")
Counts = tuple[int, int, int, int, int]


def entries(model: ModelInfo) -> list[ModelPrice]:
    return [model.prices] if isinstance(model.prices, ModelPrice) else [each.prices for each in model.prices]


def stated(price: ModelPrice, units: tuple[str, ...] = RATE_UNITS) -> list[Decimal | TieredPrices]:
    return [value for unit, value in vars(price).items() if unit in units and value is not None]


def reachable(provider_id: str, model: ModelInfo) -> bool:
    provider = next(each for each in providers if each.id == provider_id)
    return provider.find_model(model.id, all_providers=providers) is not None


MODELS = {f"{each.id}/{model.id}": (each.id, model) for each in providers for model in each.models}
PRICEABLE = [(provider_id, model) for provider_id, model in MODELS.values() if reachable(provider_id, model)]
LINES = sorted(
    {
        tier.start
        for _, model in MODELS.values()
        for price in entries(model)
        for value in stated(price)
        if isinstance(value, TieredPrices)
        for tier in value.tiers
    }
)


def theirs(provider_id: str | None, name: str, at_ms: int, counts: Counts) -> PriceCalculation:
    usage = Usage(
        input_tokens=counts[0],
        output_tokens=counts[1],
        cache_read_tokens=counts[2],
        cache_write_tokens=counts[3],
        output_reasoning_tokens=counts[4],
    )
    return calc_price(
        usage, name, provider_id=provider_id, genai_request_timestamp=EPOCH + timedelta(milliseconds=at_ms)
    )


def assert_agrees(provider_id: str | None, name: str, at_ms: int, counts: Counts) -> RateCard:
    card = BOOK.resolve(provider_id, name, at_ms)
    price = theirs(provider_id, name, at_ms, counts)
    ours = charge(card, *counts)
    assert (card.provider, card.model) == (price.provider.id, price.model.id)
    assert card.valid_from_ms <= at_ms < card.valid_until_ms
    if not card.priced:
        assert "no rate for tokens" in card.rule
        assert price.total_price == 0
        assert ours.unpriced_tokens == counts[0] + counts[1]
    elif "rounded" in card.rule:
        assert abs(Decimal(ours.cost_pico_usd) - price.total_price.scaleb(12)) <= Decimal("0.5") * sum(counts)
    else:
        assert Decimal(ours.cost_pico_usd).scaleb(-12) == price.total_price
    return card


@st.composite
def counts_of_an_event(draw: st.DrawFn) -> Counts:
    lines = st.sampled_from([line + offset for line in LINES for offset in (-1, 0, 1)])
    whole = draw(st.one_of(st.integers(1, 2_000), st.integers(1, 10**9), lines))
    output = draw(st.integers(0, 10**6))
    cached = draw(st.one_of(st.just(0), st.integers(0, whole)))
    written = draw(st.one_of(st.just(0), st.integers(0, whole - cached)))
    return whole, output, cached, written, draw(st.one_of(st.just(0), st.integers(0, output)))


def ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000


TIMES = st.integers(ms(datetime(2023, 1, 1, tzinfo=UTC)), ms(datetime(2028, 1, 1, tzinfo=UTC)))
SPELLING = st.sampled_from([str.lower, str.upper, str])


@settings(max_examples=500)
@given(st.sampled_from(PRICEABLE), TIMES, counts_of_an_event(), SPELLING)
def test_any_model_at_any_time_for_any_counts(
    which: tuple[str, ModelInfo], at_ms: int, counts: Counts, spelled: Callable[[str], str]
) -> None:
    provider_id, model = which
    assert_agrees(provider_id, spelled(model.id), at_ms, counts)


@pytest.mark.parametrize("provider_id", [pytest.param(each.id, id=each.id) for each in providers])
def test_every_model_on_both_sides_of_each_of_its_lines_and_dates(provider_id: str) -> None:
    """Every reachable model, in the intervals around each of its dates, at their first and last milliseconds."""
    for model in (model for owner, model in PRICEABLE if owner == provider_id):
        tiers = [line + more for line in lines_of(model) for more in (0, 1)] or [1_000]
        for at_ms in (0, *(at_ms + days * 86_400_000 for at_ms in starts_of(model) for days in (-1, 0))):
            for _ in range(5):
                card = BOOK.resolve(provider_id, model.id, at_ms)
                last_ms = min(card.valid_until_ms, at_ms + 10**9) - 1
                for tokens in tiers:
                    counts = (tokens, 777, tokens // 3, tokens // 5, 77)
                    assert_agrees(provider_id, model.id, at_ms, counts)
                    assert assert_agrees(provider_id, model.id, last_ms, counts) == card
                if card.valid_until_ms == FOREVER_MS:
                    break
                at_ms = card.valid_until_ms  # a walk from interval to interval


def starts_of(model: ModelInfo) -> list[int]:
    if isinstance(model.prices, ModelPrice):
        return []
    dates = [each.constraint.start_date for each in model.prices if isinstance(each.constraint, StartDateConstraint)]
    return [ms(datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in dates]


def lines_of(model: ModelInfo) -> list[int]:
    tiered = [value for price in entries(model) for value in stated(price) if isinstance(value, TieredPrices)]
    return sorted({tier.start for value in tiered for tier in value.tiers})


ALIASES = [
    ("openai", "gpt-4o-2024-08-06"),
    ("openai", "gpt-5.2-20251211"),
    ("azure", "gpt-5"),
    ("azure", "claude-sonnet-4-5"),
    ("aws", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
    ("aws.bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
    ("google", "claude-sonnet-4@20250514"),
    ("gcp.vertex_ai", "gemini-2.5-pro"),
    ("gcp.gemini", "gemini-2.5-flash"),
    ("anthropic", "claude-3-7-sonnet-latest"),
    ("mistral_ai", "mistral-large-latest"),
    ("xai", "grok-4"),
    ("perplexity", "sonar"),
    ("deepseek", "deepseek-chat"),
    ("together-ai", "openai/gpt-oss-120b"),
    ("litellm", "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0"),
    ("litellm", "gpt-4o"),
    (None, "gpt-4o"),
    (None, "claude-sonnet-4-20250514"),
    (None, "gemini-2.5-pro"),
    (None, "o3-mini"),
    (None, "@cf/baai/bge-m3"),
]


@pytest.mark.parametrize(("provider_id", "name"), [pytest.param(*each, id=f"{each[0]} {each[1]}") for each in ALIASES])
def test_names_as_they_occur(provider_id: str | None, name: str) -> None:
    assert_agrees(provider_id, name, 1_795_000_000_000, (210_000, 4_000, 1_000, 2_000, 500))


OTHER_PRODUCT = re.compile("-distill-|-qwen|-fast|:free|-instruct|-32768")


def test_every_claimed_name_without_a_provider() -> None:
    """The catalogue prices a name without a provider where a provider claims it; there we agree.

    We do not where the catalogue takes the name of another product for a version of one that it knows.
    """
    agreed, refused = 0, set()
    for name in {model.id for _, model in PRICEABLE}:
        try:
            theirs(None, name, 0, (1, 1, 0, 0, 0))
        except LookupError:
            continue
        card = BOOK.resolve(None, name, 0)
        if card.priced or "no rate for tokens" in card.rule:
            assert_agrees(None, name, 0, (1_000, 100, 10, 20, 30))
            agreed += 1
        else:
            refused.add(name)
    assert agreed > 400
    assert all(OTHER_PRODUCT.search(name.lower()) for name in refused), refused


def test_an_exact_id_never_contradicts_the_catalogues_rules() -> None:
    for provider in providers:
        for model in provider.models:
            assert provider.find_model(model.id, all_providers=providers) in (model, None)


def test_only_rates_that_went_through_binary_fractions_are_rounded() -> None:
    """Where the catalogue gains a rate finer than 10^-12 USD per token at a maker of models, somebody should look."""
    rounded = {
        provider_id
        for provider_id, model in MODELS.values()
        for price in entries(model)
        for value in stated(price)
        for rate in ([value] if isinstance(value, Decimal) else [value.base, *(tier.price for tier in value.tiers)])
        if rate.scaleb(6) % 1
    }
    assert rounded <= {"openrouter", "huggingface_together"}


def test_daily_hours_end_the_card() -> None:
    """deepseek-chat costs more from 00:30 to 16:30 UTC: the card ends there and can be kept until then."""
    noon = ms(datetime(2025, 6, 1, 12, tzinfo=UTC))
    day = BOOK.resolve("deepseek", "deepseek-chat", noon)
    assert day.valid_from_ms == noon - (11 * 60 + 30) * 60_000
    assert day.valid_until_ms == noon + (4 * 60 + 30) * 60_000
    night = BOOK.resolve("deepseek", "deepseek-chat", day.valid_until_ms)
    assert night.tiers != day.tiers
    assert night.valid_until_ms - night.valid_from_ms == 8 * 3_600_000


def test_conditions_are_of_known_kinds() -> None:
    kinds = {
        type(each.constraint).__name__
        for _, model in MODELS.values()
        if not isinstance(model.prices, ModelPrice)
        for each in model.prices
    }
    assert kinds == {"NoneType", "StartDateConstraint", "TimeOfDateConstraint"}
