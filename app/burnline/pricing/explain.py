"""A card and a charge, explained for people: exact decimal text, and steps that sum to the total."""

from typing import NamedTuple

from burnline.events.usage import END_TIME_MS
from burnline.pricing.card import BEGINNING_MS, FOREVER_MS, RateCard, Tier
from burnline.pricing.dated import utc_text
from burnline.pricing.money import usd_text

MILLION = 1_000_000


class Step(NamedTuple):
    """One disjoint part of a charge: `quantity` × `rate_usd` per `per` = `amount_usd`.

    `per` is "million tokens" or "request"; an unpriced part has neither rate nor amount (""), and `amount_pico_usd` 0.
    """

    part: str
    quantity: int
    rate_usd: str
    per: str
    amount_usd: str
    amount_pico_usd: int


def describe(card: RateCard) -> dict[str, object]:
    """A card as a JSON object: ids, rule, validity (ISO 8601 or null), and per tier USD per million tokens."""
    return {
        "provider": card.provider,
        "model": card.model,
        "priced": card.priced,
        "source": card.source,
        "rule": card.rule,
        "valid_from": _time(card.valid_from_ms, BEGINNING_MS),
        "valid_until": _time(card.valid_until_ms, FOREVER_MS),
        "tiers": [_tier(tier) for tier in card.tiers],
    }


def explain_charge(
    card: RateCard,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int,
    cache_write_tokens: int,
    reasoning_tokens: int,
    cache_write_1h_tokens: int = 0,
) -> list[Step]:
    """The arithmetic behind `charge`: each token in one part only, parts without tokens left out.

    The amounts sum to the charge's cost, exactly.
    """
    tier = card.tier_for(input_tokens)
    rates = _rates(tier) if tier else (None,) * 6
    parts = {
        "uncached input": input_tokens - cached_input_tokens - cache_write_tokens,
        "cached input": cached_input_tokens,
        "cache write": cache_write_tokens - cache_write_1h_tokens,
        "one-hour cache write": cache_write_1h_tokens,
        "answer output": output_tokens - reasoning_tokens,
        "reasoning": reasoning_tokens,
    }
    steps = [_step(part, tokens, rate) for (part, tokens), rate in zip(parts.items(), rates, strict=True) if tokens]
    if steps and tier and tier.per_request:
        fee = usd_text(tier.per_request)
        steps.append(Step("request fee", 1, fee, "request", fee, tier.per_request))
    return steps


def _rates(tier: Tier) -> tuple[int, ...]:
    for_an_hour = tier.cache_write if tier.cache_write_1h is None else tier.cache_write_1h
    return tier.input, tier.cached_input, tier.cache_write, for_an_hour, tier.output, tier.reasoning


def step_text(step: Step) -> str:
    """One step as a line: `1,200 uncached input tokens × 2.5 USD per million tokens = 0.003 USD`."""
    what = f"{step.quantity:,} {step.part}{'' if step.per == 'request' else ' tokens'}"
    return (
        f"{what} × {step.rate_usd} USD per {step.per} = {step.amount_usd} USD" if step.rate_usd else f"{what}: unpriced"
    )


def _step(part: str, tokens: int, rate: int | None) -> Step:
    if rate is None:
        return Step(part, tokens, "", "million tokens", "", 0)
    amount = tokens * rate
    return Step(part, tokens, usd_text(rate * MILLION), "million tokens", usd_text(amount), amount)


def _tier(tier: Tier) -> dict[str, object]:
    rates = {
        "input": tier.input,
        "output": tier.output,
        "cached_input": tier.cached_input,
        "cache_write": tier.cache_write,
        "reasoning": tier.reasoning,
    }
    shown: dict[str, object] = {"above_input_tokens": tier.above_input_tokens}
    shown |= {f"{name}_usd_per_million_tokens": usd_text(rate * MILLION) for name, rate in rates.items()}
    if tier.cache_write_1h is not None:
        shown["cache_write_1h_usd_per_million_tokens"] = usd_text(tier.cache_write_1h * MILLION)
    if tier.per_request:
        shown["usd_per_request"] = usd_text(tier.per_request)
    return shown


def _time(at_ms: int, unbounded_ms: int) -> str | None:
    return None if at_ms == unbounded_ms or at_ms >= END_TIME_MS else utc_text(at_ms)
