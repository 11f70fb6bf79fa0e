"""A card and a charge, explained for people: exact decimal text, and steps that sum to the total."""

from typing import NamedTuple

from burnline.events.meters import METERS, NONE_USED, own_units
from burnline.events.usage import END_TIME_MS
from burnline.pricing.card import BEGINNING_MS, FOREVER_MS, RateCard, Tier
from burnline.pricing.dated import utc_text
from burnline.pricing.money import usd_text

MILLION = 1_000_000


class Step(NamedTuple):
    """One disjoint part of a charge: `quantity` × `rate_usd` per `per` = `amount_usd`.

    `per` is "million tokens", "thousand", "request" or "event"; an unpriced part has neither rate nor amount (""), and
    `amount_pico_usd` 0.
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
    meters: tuple[int, ...] = NONE_USED,
) -> list[Step]:
    """The arithmetic behind `charge`: each token in one part only, parts without tokens left out.

    The amounts sum to the charge's cost, exactly.
    """
    tier = card.tier_for(input_tokens)
    tokens = {
        "input": input_tokens - cached_input_tokens - cache_write_tokens,
        "cached_input": cached_input_tokens,
        "cache_write": cache_write_tokens,
        "output": output_tokens - reasoning_tokens,
        "reasoning": reasoning_tokens,
    }
    own = own_units(meters)
    for meter, units in zip(METERS, own, strict=True):
        if meter.is_tokens:
            tokens[meter.part] -= units
    steps: list[Step] = []
    for part, left in tokens.items():
        if left:
            steps.append(_step(_PART_WORDS[part], left, None if tier is None else getattr(tier, part)))
        steps += _meter_steps(tier, part, own)
    if any(tokens.values()) or any(meter.is_tokens and units for meter, units in zip(METERS, own, strict=True)):
        steps += _fee(tier)
    return steps + _meter_steps(tier, "request", own)


_PART_WORDS = {
    "input": "uncached input",
    "cached_input": "cached input",
    "cache_write": "cache write",
    "output": "answer output",
    "reasoning": "reasoning",
}


def _meter_steps(tier: Tier | None, part: str, own: list[int]) -> list[Step]:
    steps: list[Step] = []
    for at, (meter, units) in enumerate(zip(METERS, own, strict=True)):
        if meter.part == part and units:
            rate = None if tier is None else tier.meter_rate(at)
            steps.append(_step(meter.words, units, rate, meter.per))
    return steps


def _fee(tier: Tier | None) -> list[Step]:
    if tier is None or not tier.per_request:
        return []
    fee = usd_text(tier.per_request)
    return [Step("request fee", 1, fee, "request", fee, tier.per_request)]


def step_text(step: Step) -> str:
    """One step as a line: `1,200 uncached input tokens × 2.5 USD per million tokens = 0.003 USD`."""
    if step.per == "event":
        return f"{step.part}: {step.amount_usd} USD"
    what = f"{step.quantity:,} {step.part}{' tokens' if step.per == 'million tokens' else ''}"
    return (
        f"{what} × {step.rate_usd} USD per {step.per} = {step.amount_usd} USD" if step.rate_usd else f"{what}: unpriced"
    )


def _step(part: str, units: int, rate: int | None, per: int = MILLION) -> Step:
    each = "million tokens" if per == MILLION else "thousand"
    if rate is None:
        return Step(part, units, "", each, "", 0)
    amount = units * rate
    return Step(part, units, usd_text(rate * per), each, usd_text(amount), amount)


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
    shown |= {
        meter.rate_field: usd_text(rate * meter.per)
        for meter, rate in zip(METERS, tier.meters, strict=True)
        if rate is not None
    }
    if tier.per_request:
        shown["usd_per_request"] = usd_text(tier.per_request)
    return shown


def _time(at_ms: int, unbounded_ms: int) -> str | None:
    return None if at_ms == unbounded_ms or at_ms >= END_TIME_MS else utc_text(at_ms)
