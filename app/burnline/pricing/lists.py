"""Price lists of others, read as rates: LiteLLM's, models.dev's and genai-prices' formats.

What a list says per token is taken: input, output, cached input, cache writes (for an hour, too), reasoning, and other
rates above a line of input tokens. Entries without a rate for tokens, and what a rate cannot say, are passed over; a
rate finer than 10^-12 USD per token is rounded half to even.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, NamedTuple

from burnline.events.meters import METERS, NAMES
from burnline.pricing.card import Tier
from burnline.pricing.money import PICO_PER_USD, usd_text

_MILLION = 10**6
_HOUR = NAMES.index("cache_write_1h_tokens")
_HOURLY = METERS[_HOUR].rate_field
_FINEST = Decimal("0.000001")


class PriceListError(ValueError):
    """A text that is no price list of a known format, or holds an entry that cannot be read; the message names it."""


class Listed(NamedTuple):
    """A model of a list. `rates` are fields of a `ValuationRate`; output is not among them if the list does not say."""

    provider: str
    model: str
    rates: dict[str, Any]


def read_price_list(text: str | bytes) -> list[Listed]:
    """Read a list; its format is told by its shape.

    Raises:
        PriceListError: It is not JSON, of no known format, or an amount in it is none.
    """
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise PriceListError(f"the list is not JSON: {error}") from error
    read = _format_of(found)
    listed = {(each.provider, each.model.lower()): each for each in read(found)}  # the last of several counts
    if not listed:
        raise PriceListError("the list holds no model with a rate for tokens")
    return list(listed.values())


def _format_of(found: Any) -> Callable[[Any], Iterator[Listed]]:
    if isinstance(found, list) and all(isinstance(each, dict) and "models" in each for each in found):
        return _genai_prices
    if isinstance(found, dict) and found:
        entries = [each for each in found.values() if isinstance(each, dict)]
        if any(isinstance(each.get("models"), dict) for each in entries):
            return _models_dev
        if any("litellm_provider" in each for each in entries):
            return _litellm
    raise PriceListError("the list is in no known format: wanted is LiteLLM's, models.dev's or genai-prices'")


_LITELLM = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "reasoning": "output_cost_per_reasoning_token",
}
_ABOVE = re.compile(r"input_cost_per_token_above_([0-9]+)k_tokens")


def _litellm(found: Mapping[str, Any]) -> Iterator[Listed]:
    for name, entry in found.items():
        if name == "sample_spec" or not isinstance(entry, dict) or not entry.get("litellm_provider"):
            continue
        provider = str(entry["litellm_provider"])
        lines = sorted(int(line[1]) for field in entry if (line := _ABOVE.fullmatch(field)))
        stated: list[tuple[int, dict[str, Any]]] = [(0, {part: entry.get(field) for part, field in _LITELLM.items()})]
        for thousands in lines:
            above = {part: entry.get(f"{field}_above_{thousands}k_tokens") for part, field in _LITELLM.items()}
            stated.append((thousands * 1000, above))
        prefix, slash, rest = name.partition("/")
        model = rest if slash and prefix == provider else name
        yield from _listed(provider, model, stated, _MILLION, name)


_MODELS_DEV = {
    "input": "input",
    "output": "output",
    "cached_input": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "reasoning",
}
_CONTEXT = re.compile(r"context_over_([0-9]+)k")


def _models_dev(found: Mapping[str, Any]) -> Iterator[Listed]:
    for provider, entry in found.items():
        models = entry.get("models") if isinstance(entry, dict) else None
        for model, of_model in models.items() if isinstance(models, dict) else ():
            cost = of_model.get("cost") if isinstance(of_model, dict) else None
            if not isinstance(cost, dict):
                continue
            lines = sorted((int(line[1]) * 1000, field) for field in cost if (line := _CONTEXT.fullmatch(field)))
            above = [(line, cost[field]) for line, field in lines if isinstance(cost[field], dict)]
            stated = [
                (line, {part: each.get(field) for part, field in _MODELS_DEV.items()})
                for line, each in [(0, cost), *above]
            ]
            yield from _listed(provider, model, stated, 1, f"{provider}/{model}")


_GENAI_PRICES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
}


def _genai_prices(found: list[Mapping[str, Any]]) -> Iterator[Listed]:
    for provider in found:
        for model in provider["models"]:
            prices = model.get("prices") or {}
            if isinstance(prices, list):  # dated: what holds without a condition, or the newest from a day on
                plain = [each for each in prices if not (each.get("constraint") or {}).get("start_time")]
                prices = (plain or prices)[-1].get("prices") or {}
            lines = sorted(
                {
                    tier["start"]
                    for field in _GENAI_PRICES.values()
                    if isinstance(prices.get(field), dict)
                    for tier in prices[field].get("tiers", ())
                }
            )
            stated = [
                (line, {part: _at(prices.get(field), line) for part, field in _GENAI_PRICES.items()})
                for line in (0, *lines)
            ]
            name = f"{provider.get('id')}/{model.get('id')}"
            yield from _listed(str(provider.get("id")), str(model.get("id")), stated, 1, name)


def _at(price: Any, line: int) -> Any:
    if not isinstance(price, dict):
        return price
    reached = [tier["price"] for tier in price.get("tiers", ()) if 0 < tier["start"] <= line]
    return reached[-1] if reached else price.get("base")


def _listed(
    provider: str, model: str, stated: list[tuple[int, dict[str, Any]]], per: int, name: str
) -> Iterator[Listed]:
    """The rates of an entry, `per` so many tokens of a million; nothing if it has none for input."""
    base, *above = ((line, _amounts(rates, per, name)) for line, rates in stated)
    if "input_usd_per_million_tokens" not in base[1]:
        return
    rates: dict[str, Any] = dict(base[1])
    if above:
        rates["above"] = [{"above_input_tokens": line, **amounts} for line, amounts in above if amounts]
    yield Listed(provider.strip().lower(), model.strip(), rates)


def _amounts(rates: Mapping[str, Any], per: int, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{part}_usd_per_million_tokens": _usd(amount, per, name)
        for part, amount in rates.items()
        if amount is not None
    }
    for_an_hour = found.pop(_HOURLY, None)
    return found if for_an_hour is None else {**found, "meters": {_HOURLY: for_an_hour}}


def _usd(amount: Any, per: int, name: str) -> str:
    try:
        usd = Decimal(str(amount)) * per
    except InvalidOperation:
        usd = Decimal("nan")
    if isinstance(amount, bool) or not usd.is_finite() or usd < 0:
        raise PriceListError(f"{name}: {amount!r:.40} is no price in USD")
    return usd_text(int(usd.quantize(_FINEST, ROUND_HALF_EVEN).scaleb(6)) * PICO_PER_USD // _MILLION)


def tier_rates(tier: Tier) -> tuple[int, ...]:
    """What tells two tiers apart, as far as lists say it; hourly writes written out."""
    for_an_hour = tier.meter_rate(_HOUR) or 0
    base = (tier.above_input_tokens, tier.input, tier.output, tier.cached_input, tier.cache_write, tier.reasoning)
    return (*base, for_an_hour)
