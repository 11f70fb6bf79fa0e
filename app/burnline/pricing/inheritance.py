"""What an override does not name, it inherits from the card that it replaces.

Without that, a rate for input and output alone would price cached input as plain input: several times what it cost.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from burnline.events.meters import METERS
from burnline.pricing.book import RateBook
from burnline.pricing.card import ANY_PROVIDER, RateCard, Tier
from burnline.pricing.explain import MILLION
from burnline.pricing.money import pico_from_text, usd_text

_WHOLES = {"cached_input": "input", "cache_write": "input", "reasoning": "output"}
"""Of which rate each part is a part."""
PARTS = ("input", "output", *_WHOLES)
"""The rates of an override, as fields of `Tier`."""
TERMS = ("meters", "usd_per_request", "above", "service_tiers")
"""What an override can say beyond them, as fields of `ValuationRate`."""


class Inherit(StrEnum):
    """How a part is taken over: as the same part of its whole (input or output), or as the same amount."""

    PROPORTIONAL = "proportional"
    UNCHANGED = "unchanged"


class Change(NamedTuple):
    """One rate before and after, in USD per million tokens; None where there was none."""

    part: str
    before: str | None
    after: str
    origin: str
    """`stated`, `inherited`, or `as input`/`as output` where there was nothing to inherit."""


def rate_field(part: str) -> str:
    """The name of a part in a `ValuationRate`."""
    return f"{part}_usd_per_million_tokens"


def replaced_card(
    book: RateBook, provider: str, model: str, effective_from: int, now_ms: int, org_id: str | None = None
) -> RateCard:
    """The card that a rate from a time on (0: always) would go before; unpriced for a pattern.

    Of the catalogue's dated prices a rate for always replaces the one of today.
    """
    asked = None if provider.strip() == ANY_PROVIDER else provider
    card = book.resolve(asked, model, effective_from, org_id=org_id or "")
    if "*" in model:
        return replace(card, tiers=(), source="none")
    if effective_from or card.source == "valuation-rates":
        return card
    return book.resolve(asked, model, now_ms, org_id=org_id or "")


def with_inherited(stated: Mapping[str, str | None], card: RateCard, how: Inherit) -> dict[str, str]:
    """All rates of an override: those that are stated, and the others by the base tier of the card it replaces.

    Input and output that are not stated stay as they are. A part that cost what its whole did goes on doing so. Where
    the card has no rate nothing is inherited, and a part that is not stated costs what its whole does.

    Args:
        stated: Field of `ValuationRate` -> USD per million tokens as plain decimal text; None or absent: not stated.
        card: What it replaces (`replaced_card`).
        how: How parts are taken over.

    Returns:
        Field -> USD per million tokens. A part that costs what its whole does may be absent.

    Raises:
        ValueError: Input or output is not stated, and the card has none; the message names the field.
    """
    base = card.tiers[0] if card.tiers else None
    rates: dict[str, str] = {}
    for whole in ("input", "output"):
        field = rate_field(whole)
        text = stated.get(field)
        if text is None and base is None:
            raise ValueError(f"{field} has to be stated: {card.provider or '?'}/{card.model} has no rate to inherit")
        rates[field] = text if text is not None else _text(getattr(base, whole))
    for part, whole in _WHOLES.items():
        text = stated.get(rate_field(part))
        if text is None and base is not None:
            text = _inherited(base, part, whole, rates[rate_field(whole)], how)
        if text is not None:
            rates[rate_field(part)] = text
    return rates


def _inherited(base: Tier, part: str, whole: str, new_whole: str, how: Inherit) -> str | None:
    old_part, old_whole = getattr(base, part), getattr(base, whole)
    if how is Inherit.UNCHANGED:
        return _text(old_part)
    if old_part == old_whole:
        return None
    if not old_whole:
        return _text(old_part)
    return _text(round(Fraction(old_part * pico_from_text(new_whole), old_whole * MILLION)))


def with_inherited_terms(
    rates: Mapping[str, str], terms: Mapping[str, object], card: RateCard, how: Inherit
) -> dict[str, object]:
    """What an override says beyond its base rates: what is stated, and the rest by the card it replaces.

    Rates of long requests and of rare meters' tokens keep their proportion to the base rates, or stay unchanged; fees
    stay.

    Args:
        rates: The base rates, of `with_inherited`.
        terms: Stated fields of `ValuationRate` among `TERMS`.
        card: What it replaces.
        how: How rates are taken over.
    """
    found: dict[str, object] = {name: value for name, value in terms.items() if value is not None}
    if not card.tiers:
        return found
    base = card.tiers[0]
    if "meters" not in found and any(rate is not None for rate in base.meters):
        found["meters"] = _meters(base, base, rates, how)
    if base.per_request and "usd_per_request" not in found:
        found["usd_per_request"] = usd_text(base.per_request)
    if len(card.tiers) > 1 and "above" not in found:
        found["above"] = [_above(tier, base, rates, how) for tier in card.tiers[1:]]
    return found


def _above(tier: Tier, base: Tier, rates: Mapping[str, str], how: Inherit) -> dict[str, object]:
    stated: dict[str, object] = {"above_input_tokens": tier.above_input_tokens}
    for part in PARTS:
        whole = _WHOLES.get(part, part)
        stated[rate_field(part)] = _scaled(getattr(tier, part), getattr(base, whole), rates[rate_field(whole)], how)
    meters = _meters(tier, base, rates, how)
    return {**stated, "meters": meters} if meters else stated


def _meters(tier: Tier, base: Tier, rates: Mapping[str, str], how: Inherit) -> dict[str, str]:
    """The rates of a tier's meters: of tokens in proportion to what their part is a part of, and fees."""
    found = {}
    for at, meter in enumerate(METERS):
        rate = tier.meters[at]
        if rate is None:
            continue
        whole = _WHOLES.get(meter.part, meter.part)
        found[meter.rate_field] = (
            _scaled(rate, getattr(base, whole), rates[rate_field(whole)], how)
            if meter.is_tokens
            else usd_text(rate * meter.per)
        )
    return found


def _scaled(amount: int, old_whole: int, new_whole: str, how: Inherit) -> str:
    """A rate that keeps its proportion to the base rate of its whole, or stays."""
    if how is Inherit.UNCHANGED or not old_whole:
        return _text(amount)
    return _text(round(Fraction(amount * pico_from_text(new_whole), old_whole * MILLION)))


def changes(stated: Mapping[str, str | None], new: RateCard, old: RateCard) -> list[Change]:
    """The base rates of two cards beside each other, and where the new ones come from."""
    before, after = (old.tiers[0] if old.tiers else None), new.tiers[0]
    return [
        Change(
            part,
            None if before is None else _text(getattr(before, part)),
            _text(getattr(after, part)),
            _origin(part, stated, inherits=before is not None),
        )
        for part in PARTS
    ]


def _origin(part: str, stated: Mapping[str, str | None], *, inherits: bool) -> str:
    if stated.get(rate_field(part)) is not None:
        return "stated"
    return "inherited" if inherits else f"as {_WHOLES[part]}"


def dropped(new: RateCard, old: RateCard) -> list[str]:
    """What the old card has and the new one does not, in sentences: whoever sets a rate has to know."""
    kept = {tier.above_input_tokens for tier in new.tiers}
    gone = [tier for tier in old.tiers if tier.above_input_tokens not in kept]
    said = [
        f"the tier above {tier.above_input_tokens:,} input tokens: input {_text(tier.input)}, output "
        f"{_text(tier.output)}, cached input {_text(tier.cached_input)} USD per million tokens"
        for tier in gone
    ]
    for at, meter in enumerate(METERS):
        rate = old.tiers[0].meters[at] if old.tiers else None
        if rate is not None and new.tiers[0].meters[at] is None:
            each, instead = (
                ("million tokens", "they cost what others do") if meter.is_tokens else ("thousand", "no rate")
            )
            said.append(f"{meter.words} at {usd_text(rate * meter.per)} USD per {each}: {instead}")
    if old.tiers and old.tiers[0].per_request and not new.tiers[0].per_request:
        said.append(f"the fee of {usd_text(old.tiers[0].per_request)} USD per request")
    return said


def _text(pico_per_token: int) -> str:
    return usd_text(pico_per_token * MILLION)
