"""What the catalogue leaves out: bills by hand, in USD per million tokens, and that it still leaves it out."""

from datetime import UTC, datetime

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelPrice

from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.supplements import FINE_TUNES, LONG_REQUESTS, TIER_RULES, TierRule, supplemented

OURS, THEIRS = RateBook.bundled(), RateBook(Catalogue(providers))
NOW = "2026-11-28"


def card(book: RateBook, provider: str | None, model: str, tier: str = "", day: str = NOW) -> RateCard:
    at_ms = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
    return book.resolve(provider, model, at_ms, service_tier=tier)


def usd(card: RateCard, input_tokens: int = 1) -> tuple[float, float, float]:
    """Input, output and cached input of a request with so many input tokens."""
    tier = card.tier_for(input_tokens)
    assert tier is not None, card.rule
    return tier.input / 10**6, tier.output / 10**6, tier.cached_input / 10**6


SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize(
    ("provider", "model", "tier", "expected"),
    [
        pytest.param("openai", "ft:gpt-4.1-2025-04-14:acme::a", "", (3, 12, 0.75), id="fine-tuned GPT-4.1"),
        pytest.param("openai", "ft:gpt-4.1-mini-2025-04-14:acme:b:a", "", (0.8, 3.2, 0.2), id="and mini"),
        pytest.param(None, "ft:gpt-4.1-mini-2025-04-14:acme:b:a", "", (0.8, 3.2, 0.2), id="without a provider"),
        pytest.param("openai", "ft:gpt-4.1-nano-2025-04-14:a::b:ckpt-step-9", "", (0.2, 0.8, 0.05), id="a checkpoint"),
        pytest.param("openai", "ft:o4-mini-2025-04-16:acme::a", "", (4, 16, 1), id="fine-tuned o4-mini"),
        pytest.param("openai", "ft:davinci-002:acme::a", "", (12, 12, 12), id="fine-tuned davinci-002"),
        pytest.param("openai", "ft:gpt-4o-2024-08-06:a::b", "", (3.75, 15, 1.875), id="fine-tuned GPT-4o, cached"),
        pytest.param("openai", "ft:gpt-4o-2024-08-06:a::b", "batch", (2.225, 12.5, 0.9), id="and its batch"),
        pytest.param("openai", "ft:gpt-4o-mini-2024-07-18:a::b", "", (0.3, 1.2, 0.15), id="fine-tuned mini, cached"),
        pytest.param("openai", "ft:gpt-4o-mini-2024-07-18:a::b", "batch", (0.15, 0.6, 0.075), id="its batch, cached"),
        pytest.param("openai", "ft:gpt-4.1-2025-04-14:acme::a", "batch", (1.5, 6, 0.5), id="batch of a fine-tune"),
        pytest.param("openai", "text-embedding-3-small", "batch", (0.01, 0, 0.01), id="batch of embeddings"),
        pytest.param("openai", "gpt-5-mini", "auto", (0.25, 2, 0.025), id="auto is what a request asks for"),
        pytest.param("anthropic", "claude-opus-4-6", "fast", (30, 150, 3), id="Opus 4.6, fast: six times, cache too"),
        pytest.param("anthropic", "claude-opus-4-8", "fast", (10, 50, 1), id="Opus 4.8, fast: the catalogue's double"),
        pytest.param("anthropic", "claude-opus-4-1", "batch", (7.5, 37.5, 0.75), id="batch of an older Claude"),
        pytest.param("anthropic", "claude-opus-4-6", "standard_only", (5, 25, 0.5), id="standard_only is standard"),
        pytest.param("aws", SONNET, "batch", (1.65, 8.25, 0.165), id="Bedrock, batch"),
        pytest.param("aws", "amazon.nova-pro-v1:0", "flex", (0.4, 1.6, 0.1), id="Bedrock, flex"),
        pytest.param("aws", "amazon.nova-pro-v1:0", "priority", (1.4, 5.6, 0.35), id="Bedrock, priority"),
        pytest.param("google", "gemini-2.5-pro", "flex", (0.625, 5, 0.125), id="Gemini, flex: caching as ever"),
        pytest.param("google", "gemini-2.5-pro", "priority", (2.25, 18, 0.225), id="Gemini, priority: 1.8 times"),
        pytest.param("google", "gemini-3.5-flash", "batch", (0.75, 4.5, 0.075), id="Gemini, batch"),
        pytest.param("google", "claude-opus-4-6", "batch", (2.5, 12.5, 0.25), id="Claude on Vertex AI, batch"),
        pytest.param("groq", "llama-3.3-70b-versatile", "on_demand", (0.59, 0.79, 0.59), id="Groq's name of standard"),
        pytest.param("groq", "llama-3.3-70b-versatile", "flex", (0.59, 0.79, 0.59), id="Groq, flex: no dearer"),
        pytest.param("openrouter", "acme/unheard-of:free", "", (0, 0, 0), id="OpenRouter's :free costs nothing"),
        pytest.param("anthropic", "claude-opus-4-6[1m]", "", (5, 25, 0.5), id="Claude Code's [1m]"),
        pytest.param("aws", f"us.{SONNET}[1m]", "", (3.3, 16.5, 0.33), id="and on Bedrock"),
        pytest.param("anthropic", "claude-sonnet-4-5-20250929-thinking", "", (3, 15, 0.3), id="with thinking"),
        pytest.param("anthropic", "claude-3-7-sonnet-latest:thinking", "", (3, 15, 0.3), id="with thinking, too"),
        pytest.param("aws", "amazon.nova-pro-v1:0", "", (0.8, 3.2, 0.2), id="Nova in the US"),
        pytest.param("aws", "us.amazon.nova-pro-v1:0", "", (0.8, 3.2, 0.2), id="and by its profile"),
        pytest.param("aws", "eu.amazon.nova-pro-v1:0", "", (1.05, 4.2, 0.2625), id="Nova Pro in Europe"),
        pytest.param("aws", "eu.amazon.nova-lite-v1:0", "", (0.078, 0.312, 0.0195), id="Nova Lite in Europe"),
        pytest.param("aws", "eu.amazon.nova-micro-v1:0", "", (0.046, 0.184, 0.0115), id="Nova Micro in Europe"),
        pytest.param("aws", "apac.amazon.nova-pro-v1:0", "", (0.84, 3.36, 0.21), id="Nova Pro in Asia"),
        pytest.param("aws", "bedrock/eu-west-2/meta.llama3-70b-instruct-v1:0", "", (3.445, 4.55, 3.445), id="London"),
        pytest.param("azure", "o3-mini", "batch", (0.55, 2.2, 0.275), id="Azure, batch"),
    ],
)  # fmt: skip
def test_a_bill_by_hand(provider: str | None, model: str, tier: str, expected: tuple[float, float, float]) -> None:
    assert usd(card(OURS, provider, model, tier)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "line", "below", "above"),
    [
        pytest.param("aws", f"global.{SONNET}", "", 200_000, (3, 15, 0.3), (6, 22.5, 0.6), id="Bedrock, global"),
        pytest.param("aws", f"eu.{SONNET}", "", 200_000, (3.3, 16.5, 0.33), (6.6, 24.75, 0.66), id="Bedrock, eu"),
        pytest.param("aws", f"us-gov.{SONNET}", "", 200_000, (3.6, 18, 0.36), (7.2, 27, 0.72), id="Bedrock, GovCloud"),
        pytest.param("aws", f"global.{SONNET}", "batch", 200_000, (1.5, 7.5, 0.15), (3, 11.25, 0.3), id="and batch"),
        pytest.param("google", "claude-sonnet-4@20250514", "", 200_000, (3, 15, 0.3), (6, 22.5, 0.6), id="Vertex AI"),
        pytest.param("anthropic", "claude-sonnet-4-20250514", "", 200_000, (3, 15, 0.3), (6, 22.5, 0.6), id="Claude"),
        pytest.param("aws", "openai.gpt-5.4", "", 272_000, (2.75, 16.5, 0.275), (5.5, 24.75, 0.55), id="GPT, Bedrock"),
    ],
)  # fmt: skip
def test_long_requests_cost_more_at_every_host(
    provider: str, model: str, tier: str, line: int,
    below: tuple[float, float, float], above: tuple[float, float, float],
) -> None:  # fmt: skip
    found = card(OURS, provider, model, tier)
    assert usd(found, line) == pytest.approx(below, abs=1e-9)
    assert usd(found, line + 1) == pytest.approx(above, abs=1e-9)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "day", "expected"),
    [
        pytest.param("openai", "gpt-4o", "batch", "2026-10-14", (1.25, 5), id="the day on which the list begins"),
        pytest.param("openai", "gpt-4o", "batch", "2026-10-13", (1.25, 5), id="the day before"),
        pytest.param("openai", "gpt-5-mini", "flex", "2025-09-01", (0.125, 1), id="a year before"),
        pytest.param("mistral", "mistral-small-latest", "batch", "2026-03-16", (0.075, 0.3), id="the price then"),
        pytest.param("mistral", "mistral-small-latest", "batch", "2026-03-15", (0.05, 0.15), id="half of an older one"),
        pytest.param("google", "gemini-4-argon", "batch", "2026-11-30", (1, 5), id="before a rise to come"),
        pytest.param("google", "gemini-4-argon", "batch", "2026-12-01", (2, 10), id="and after it"),
        pytest.param("google", "gemini-4-argon", "flex", "2026-12-01", (2, 10), id="flex rises with batch"),
    ],
)  # fmt: skip
def test_tiers_are_older_than_the_list_of_them(
    provider: str, model: str, tier: str, day: str, expected: tuple[float, float]
) -> None:
    assert usd(card(OURS, provider, model, tier, day))[:2] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("provider", "model", "tier"),
    [
        pytest.param("openai", "gpt-5-mini", "scale", id="an agreement that no list has"),
        pytest.param("anthropic", "claude-opus-5", "priority", id="a commitment"),
        pytest.param("aws", SONNET, "flex", id="not sold so"),
        pytest.param("google", "gemini-2.5-flash", "provisioned", id="paid by the hour"),
    ],
)
def test_a_tier_without_a_price_stays_unpriced(provider: str, model: str, tier: str) -> None:
    assert not card(OURS, provider, model, tier).priced


@pytest.mark.parametrize(
    "rule", [pytest.param(each, id=f"{each.provider} {each.tier} {at}") for at, each in enumerate(TIER_RULES)]
)
def test_the_catalogue_still_lacks_what_a_rule_adds(rule: TierRule) -> None:
    """Fails once the catalogue states the tier for all of its models: then the rule goes."""
    concerned = [
        entry.id
        for provider, entry in OURS.catalogue.models()
        if provider == rule.provider and rule.models.match(entry.id)
    ]
    assert any(
        card(OURS, rule.provider, model, rule.tier).priced and not card(THEIRS, rule.provider, model, rule.tier).priced
        for model in concerned
    )


@pytest.mark.parametrize("tune", [pytest.param(each, id=each.id) for each in FINE_TUNES])
def test_the_catalogue_still_lacks_each_fine_tune_or_its_cached_rate(tune: object) -> None:
    ours = next(each for each in FINE_TUNES if each is tune)
    assert isinstance(ours.prices, ModelPrice)
    theirs = card(THEIRS, "openai", f"{ours.id}-2024-08-06")
    assert not theirs.priced or theirs.tiers[0].cached_input != card(OURS, "openai", ours.id).tiers[0].cached_input


@pytest.mark.parametrize("host", [pytest.param(each, id=f"{each[0]} {each[1].pattern}") for each in LONG_REQUESTS])
def test_the_catalogue_still_lacks_each_line_of_long_requests(host: object) -> None:
    provider, models, _ = next(each for each in LONG_REQUESTS if each is host)
    concerned = [entry for name, entry in THEIRS.catalogue.models() if name == provider and models.match(entry.id)]
    assert concerned
    assert all(len(price.value.tiers) == 1 for entry in concerned for price in entry.prices)


def test_asked_twice_nothing_is_added_twice() -> None:
    once = supplemented(providers)
    assert supplemented(once) == once


def test_what_the_catalogue_states_is_left_as_it_is() -> None:
    """Every tier that the catalogue prices costs the same with us, but for fine-tunes, which get cached rates."""
    for provider, entry in THEIRS.catalogue.models():
        for stated in entry.variants:
            (tier,) = stated.when.values()
            theirs, ours = card(THEIRS, provider, entry.id, tier), card(OURS, provider, entry.id, tier)
            if theirs.priced and not entry.id.startswith("ft:"):
                assert ours.tiers == theirs.tiers, (provider, entry.id, tier)
