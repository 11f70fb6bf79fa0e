"""What the catalogue leaves out: fine-tunes, long requests at other hosts, and what a request costs at a service tier.

Each is written into the providers in the catalogue's own terms, and only where these say nothing: a price that they
state is never touched (`corrections` does that). So it travels with a catalogue, and a newer list that knows better
goes before it.

A service tier is a part of the plain rates by the provider's own words (batch: half). What the list says of a tier it
says from the day on which it began to record tiers, in October 2026; tiers are older than that. So it is held to be
so for as long as the plain price was, and at earlier plain prices the same part of them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from genai_prices.types import (
    ClauseEquals,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
)

Rate = Decimal | TieredPrices
_TOKENS = "_mtok"
_HALF = Decimal("0.5")
_CACHE_READS = frozenset({"cache_read_mtok", "cache_audio_read_mtok", "cache_image_read_mtok"})


class TierRule(NamedTuple):
    """What tokens of some models cost at a service tier: so many times their plain rates.

    `models` are matched from their beginning, and the units of `plain` cost what they do without the tier.
    """

    provider: str
    tier: str
    models: re.Pattern[str]
    factor: Decimal
    source: str
    plain: frozenset[str] = frozenset()

    @property
    def when(self) -> dict[str, str]:
        """As the catalogue says it."""
        return {{"batch": "processing", "fast": "speed"}.get(self.tier, "service_tier"): self.tier}


_AWS = "Amazon Bedrock pricing"
_AWS_TIERED = re.compile(
    r".*(amazon\.nova-(pro|premier|2-lite)|deepseek\.v3|google\.gemma-3|minimax\.|mistral\.(devstral|magistral"
    r"|ministral-3|mistral-large-3|voxtral)|moonshotai?\.|nvidia\.|openai\.|qwen\.|zai\.)"
)
_GEMINI_BEFORE_3_1 = re.compile(r"gemini-(2\.|3-)")
_GEMINI = re.compile(r"gemini-")

TIER_RULES = (
    TierRule(
        "anthropic", "batch", re.compile("claude-"), _HALF, "Claude API pricing: batch costs half, caching included"
    ),
    TierRule(
        "anthropic", "fast", re.compile(r"claude-opus-4-[67]"), Decimal(6),
        "Claude docs, fast mode: six times the rates of Opus 4.6 and 4.7, caching included",
    ),
    TierRule(
        "aws", "batch",
        re.compile(r".*(amazon\.nova-(lite|micro|premier|pro|2)|anthropic\.|google\.|meta\.|mistral\.|nvidia\.|openai\.gpt-oss|qwen\.)"),
        _HALF, f"{_AWS}: batch inference costs half",
    ),
    TierRule("aws", "flex", _AWS_TIERED, _HALF, f"{_AWS}, service tiers: flex costs half"),
    TierRule("aws", "priority", re.compile(r".*openai\.gpt-(5|6)"), Decimal(2), f"{_AWS}: priority of GPT-5 and later"),
    TierRule("aws", "priority", _AWS_TIERED, Decimal("1.75"), f"{_AWS}, service tiers: priority costs 75 % more"),
    TierRule(
        "azure", "batch", re.compile(r"o[134]|gpt-|text-embedding"), _HALF, "Azure OpenAI pricing: batch costs half"
    ),
    TierRule("google", "batch", re.compile("claude-"), _HALF, "Claude on Vertex AI: batch costs half"),
    TierRule(
        "google", "batch", _GEMINI_BEFORE_3_1, _HALF, "Gemini API pricing: batch costs half, caching as ever",
        _CACHE_READS,
    ),
    TierRule("google", "batch", _GEMINI, _HALF, "Gemini API pricing: batch costs half"),
    TierRule("google", "priority", _GEMINI, Decimal("1.8"), "Gemini API pricing: priority costs 80 % more"),
    TierRule("groq", "batch", re.compile(""), _HALF, "Groq docs: batch costs half"),
    TierRule("groq", "flex", re.compile(""), Decimal(1), "Groq docs: flex costs what on-demand does"),
    TierRule("mistral", "batch", re.compile(""), _HALF, "Mistral pricing: batch costs half"),
    TierRule(
        "openai", "batch", re.compile(r"text-embedding-|computer-use|o[34].*-deep-research"), _HALF,
        "OpenAI pricing: batch costs half",
    ),
)  # fmt: skip
"""Of those whose provider, tier and model fit, the first counts."""

FLEX_AS_BATCH = ("google", _GEMINI)
"""Gemini's price list asks for flex what it does for batch, and states the latter for more models."""

LONG_REQUESTS = (
    ("anthropic", re.compile(r"claude-sonnet-4-0"), 200_000),
    ("aws", re.compile(r".*claude-sonnet-4-(5-)?2025"), 200_000),
    ("google", re.compile(r"claude-4-sonnet"), 200_000),
    ("aws", re.compile(r"openai\.gpt-5\.[45]\Z"), 272_000),
)
"""Requests with more input tokens than that cost double, their output half as much again: Claude Sonnet 4 and 4.5 with
a context of a million, and GPT-5.4 and 5.5, wherever they are served."""
_ANSWER = re.compile("output_")


def _tuned(name: str, plain: tuple[str, ...], batch: tuple[str, ...], *, dated: bool = True) -> ModelInfo:
    """A fine-tune of OpenAI's; input, output, and cached input if it has a rate of its own, USD per million tokens."""
    match: MatchLogic = ClauseStartsWith(starts_with=f"{name}-20") if dated else ClauseEquals(equals=name)
    variants = [PriceVariant({"processing": "batch"}, _price(*batch))]
    return ModelInfo(id=name, match=match, prices=_price(*plain), price_variants=variants)


def _price(plain: str, answer: str, cached: str | None = None) -> ModelPrice:
    return ModelPrice(
        input_mtok=Decimal(plain),
        output_mtok=Decimal(answer),
        cache_read_mtok=None if cached is None else Decimal(cached),
    )


FINE_TUNES = (
    _tuned("ft:gpt-4.1", ("3", "12", "0.75"), ("1.5", "6", "0.5")),
    _tuned("ft:gpt-4.1-mini", ("0.8", "3.2", "0.2"), ("0.4", "1.6", "0.1")),
    _tuned("ft:gpt-4.1-nano", ("0.2", "0.8", "0.05"), ("0.1", "0.4", "0.025")),
    _tuned("ft:gpt-4o", ("3.75", "15", "1.875"), ("2.225", "12.5", "0.9")),
    _tuned("ft:gpt-4o-mini", ("0.3", "1.2", "0.15"), ("0.15", "0.6", "0.075")),
    _tuned("ft:o4-mini", ("4", "16", "1"), ("2", "8", "0.5")),
    _tuned("ft:davinci-002", ("12", "12"), ("6", "6"), dated=False),
    _tuned("ft:babbage-002", ("1.6", "1.6"), ("0.8", "0.9"), dated=False),
)
"""OpenAI pricing, fine-tuning. What the catalogue has of these it keeps; rates that it does not state are added."""


FREE_VARIANTS = ModelInfo(id="*:free", match=ClauseRegex(regex=r".:free$"), prices=ModelPrice())
"""OpenRouter's: a model is free under that name, whichever it is. After all that are listed."""


def supplemented(providers: Iterable[Provider]) -> list[Provider]:
    """The providers with what is missing. Asked twice it adds nothing more."""
    return [replace(each, models=_models(each)) for each in providers]


def _models(provider: Provider) -> list[ModelInfo]:
    models = {model.id: model for model in provider.models}
    if provider.id == "openai":
        models.update((tune.id, _filled(models[tune.id], tune) if tune.id in models else tune) for tune in FINE_TUNES)
    if provider.id == "openrouter":
        models.setdefault(FREE_VARIANTS.id, FREE_VARIANTS)
    return [_with_tiers(provider.id, _with_long_requests(provider.id, model)) for model in models.values()]


def _filled(model: ModelInfo, ours: ModelInfo) -> ModelInfo:
    """The model with the rates that it does not state and we do."""
    if not (isinstance(model.prices, ModelPrice) and isinstance(ours.prices, ModelPrice)):
        return model
    own, theirs = model.price_variants or [], ours.price_variants or []
    variants = [
        PriceVariant(each.when, _over(each.prices, *(other.prices for other in theirs)), each.constraint)
        for each in own
    ]
    return replace(model, prices=_over(model.prices, ours.prices), price_variants=variants or theirs)


def _over(price: ModelPrice, *others: ModelPrice) -> ModelPrice:
    added = {unit: rate for other in others for unit, rate in _stated(other).items()}
    return ModelPrice(**{**added, **_stated(price)})


def _with_long_requests(provider: str, model: ModelInfo) -> ModelInfo:
    line = next((line for host, models, line in LONG_REQUESTS if host == provider and models.match(model.id)), None)
    price = model.prices
    if line is None or not isinstance(price, ModelPrice):
        return model
    rates = _stated(price)
    if any(isinstance(rate, TieredPrices) for rate in rates.values()):
        return model
    for unit, rate in _token_rates(rates):
        more = Decimal("1.5") if _ANSWER.match(unit) else Decimal(2)
        rates[unit] = TieredPrices(base=_base(rate), tiers=[Tier(start=line, price=_base(rate) * more)])
    return replace(model, prices=ModelPrice(**rates))


def _base(rate: Rate) -> Decimal:
    return rate.base if isinstance(rate, TieredPrices) else rate


class _Dated(NamedTuple):
    since: date | None
    price: ModelPrice


def _with_tiers(provider: str, model: ModelInfo) -> ModelInfo:
    plain = _plain_prices(model)
    if not plain:
        return model
    found = list(_aged(model.price_variants or (), plain))
    for rule in TIER_RULES:
        if rule.provider == provider and rule.models.match(model.id) and not _of_tier(found, rule.tier):
            found += [_variant(rule.when, each, rule.factor, rule.plain) for each in reversed(plain)]
    host, gemini = FLEX_AS_BATCH
    if provider == host and gemini.match(model.id) and not _of_tier(found, "flex"):
        found += [
            PriceVariant({"service_tier": "flex"}, each.prices, each.constraint) for each in _of_tier(found, "batch")
        ]
    return replace(model, price_variants=found or None)


def _plain_prices(model: ModelInfo) -> list[_Dated]:
    """The prices without a tier, the oldest first; none where they change by the hour or ask nothing for tokens."""
    if isinstance(model.prices, ModelPrice):
        found = [_Dated(None, model.prices)]
    else:
        found = [
            _Dated(
                each.constraint.start_date if isinstance(each.constraint, StartDateConstraint) else None, each.prices
            )
            for each in model.prices
            if each.constraint is None or isinstance(each.constraint, StartDateConstraint)
        ]
        if len(found) < len(model.prices):
            return []
    return found if all(any(_token_rates(_stated(each.price))) for each in found) else []


def _of_tier(stated: Sequence[PriceVariant], tier: str) -> list[PriceVariant]:
    return [each for each in stated if list(each.when.values()) == [tier]]


def _aged(stated: Sequence[PriceVariant], plain: Sequence[_Dated]) -> Iterator[PriceVariant]:
    """What is stated of tiers; the oldest statement of each says it of the time before, too."""
    oldest = {tuple(each.when.items()): each for each in stated}  # the newest stand first
    for variant in stated:
        since = variant.constraint.start_date if isinstance(variant.constraint, StartDateConstraint) else None
        before = [each for each in plain if since is not None and (each.since is None or each.since <= since)]
        if not before or oldest[tuple(variant.when.items())] is not variant:
            yield variant
            continue
        *earlier, current = before
        yield PriceVariant(variant.when, variant.prices, _from(current.since))
        part = _part(variant.prices, current.price)
        if part is not None:
            silent = frozenset(_stated(current.price)) - frozenset(_stated(variant.prices))
            yield from (_variant(variant.when, each, part, silent) for each in reversed(earlier))


def _part(variant: ModelPrice, plain: ModelPrice) -> Decimal | None:
    """How many times the plain rates a tier asks; None if that differs between input and output."""
    rates, of = _stated(variant), _stated(plain)
    parts = {
        _base(rates[unit]) / _base(of[unit]) for unit in ("input_mtok", "output_mtok") if unit in rates and unit in of
    }
    return parts.pop() if len(parts) == 1 else None


def _variant(when: Mapping[str, str], plain: _Dated, factor: Decimal, kept: frozenset[str]) -> PriceVariant:
    rates = {unit: _times(rate, factor) for unit, rate in _token_rates(_stated(plain.price)) if unit not in kept}
    return PriceVariant(dict(when), ModelPrice(**rates), _from(plain.since))


def _from(since: date | None) -> StartDateConstraint | None:
    return None if since is None else StartDateConstraint(since)


def _times(rate: Rate, factor: Decimal) -> Rate:
    if isinstance(rate, Decimal):
        return rate * factor
    return TieredPrices(
        base=rate.base * factor, tiers=[Tier(start=each.start, price=each.price * factor) for each in rate.tiers]
    )


def _stated(price: ModelPrice) -> dict[str, Rate]:
    return {unit: rate for unit, rate in vars(price).items() if rate is not None}


def _token_rates(rates: Mapping[str, Rate]) -> list[tuple[str, Rate]]:
    return [(unit, rate) for unit, rate in rates.items() if unit.endswith(_TOKENS)]
