"""Rate cards and set rates as tables for people."""

from collections.abc import Iterable

from rich.console import Group
from rich.table import Table
from rich.text import Text

from burnline.events.meters import METERS
from burnline.pricing.card import BEGINNING_MS, FOREVER_MS, RateCard, Tier
from burnline.pricing.dated import utc_text
from burnline.pricing.explain import MILLION
from burnline.pricing.inheritance import Change
from burnline.pricing.money import usd_text
from burnline.pricing.overrides import place_of
from burnline.pricing.valuation import ValuationRate

_SOURCES = {
    "catalogue": "catalogue",
    "valuation-rates": "topic valuation-rates",
    "free-providers": "BURNLINE_FREE_PROVIDERS",
    "none": "none",
}
_RATES = ("input", "output", "cached input", "cache write", "reasoning")


def time_text(at_ms: int) -> str:
    """A rate's time: ISO 8601 in UTC, or "always"."""
    return "always" if at_ms == BEGINNING_MS else utc_text(at_ms)


def card_view(card: RateCard) -> Group:
    """A card: what matched and why, for how long it holds, and its rates per tier."""
    facts = Table.grid(padding=(0, 2))
    facts.add_row("  matched", Text(card.rule))
    facts.add_row("  source", _SOURCES[card.source])
    facts.add_row("  holds", _interval(card))
    name = Text(f"{card.provider or '?'}/{card.model}", style="bold" if card.priced else "bold red")
    if not card.priced:
        name.append("  unpriced", style="red")
        return Group(name, facts)
    return Group(name, facts, _tiers(card.tiers))


def rate_step(before: Tier | None, after: Tier | None, part: str) -> str:
    """A rate of two tiers, one after the other, in USD per million tokens: `2.5 → 2`, `new → 2`, `2.5 → none`."""
    was, now = (None if tier is None else usd_text(getattr(tier, part) * MILLION) for tier in (before, after))
    return str(now) if was == now else f"{was or 'new'} → {now or 'none'}"


def change_view(new: RateCard, old: RateCard, changes: Iterable[Change], dropped: Iterable[str]) -> Group:
    """A card beside the one that it replaces, rate by rate, and what of that ends."""
    table = Table("  USD per million tokens", "before", "now", "", box=None, header_style="dim")
    for change in changes:
        style = "" if change.before == change.after else "bold"
        before = "none" if change.before is None else change.before
        table.add_row(Text(f"  {change.part.replace('_', ' ')}"), before, Text(change.after, style), change.origin)
    name = Text(f"{new.provider}/{new.model}", style="bold")
    facts = Table.grid(padding=(0, 2))
    facts.add_row("  holds", _interval(new))
    facts.add_row("  in place of", Text(f"{old.provider or '?'}/{old.model}, {_SOURCES[old.source]}: {old.rule}"))
    ends = [Text(f"  ends: {what}", style="yellow") for what in dropped]
    return Group(name, facts, table, *ends)


def rate_table(rates: Iterable[ValuationRate], *, now_ms: int) -> Table:
    """Set rates, oldest first for each model; which one is in force now, and the others dim."""
    ordered = list(rates)
    owned = any(rate.org_id for rate in ordered)
    whose = ("org",) if owned else ()
    table = Table(
        "provider", "model", *whose, "effective from", "state", *_RATES, "note", box=None, header_style="bold"
    )
    table.title = "USD per million tokens"
    newest = {place_of(rate): rate.effective_from for rate in ordered if rate.effective_from <= now_ms}
    for rate in ordered:
        current = newest.get(place_of(rate))
        state = "in force" if rate.effective_from == current else "to come" if rate.effective_from > now_ms else "past"
        cells = (
            rate.provider,
            rate.model,
            *((rate.org_id or "",) if owned else ()),
            time_text(rate.effective_from),
            state,
            *_paid(rate),
            "; ".join(filter(None, (_conditions(rate), rate.note))),
        )
        table.add_row(*map(Text, cells), style="" if state == "in force" else "dim")
    return table


def _paid(rate: ValuationRate) -> tuple[str, ...]:
    """What is paid, a cell for each of `_RATES`."""
    tiers = rate.tiers()
    if tiers:
        return _amounts(tiers[0])
    what = f"× {rate.multiplier}" if rate.multiplier is not None else f"as {rate.same_as}"
    return (what, *[""] * (len(_RATES) - 1))


def paid_text(rate: ValuationRate) -> str:
    """What is paid, in one cell."""
    cells = _paid(rate)
    said = ", ".join(f"{name} {cell}" for name, cell in zip(_RATES, cells, strict=True) if cell)
    return "; ".join(filter(None, (said if rate.tiers() else cells[0], _conditions(rate))))


def _conditions(rate: ValuationRate) -> str:
    """What else a rate says, in short; `rates show` prints all of it."""
    said = [f"above {each.above_input_tokens:,} other rates" for each in rate.above or ()]
    said += [f"{tier} × {factor}" for tier, factor in (rate.service_tiers or {}).items()]
    if rate.usd_per_request is not None:
        said.append(f"{rate.usd_per_request} USD per request")
    return ", ".join(said)


def _tiers(tiers: tuple[Tier, ...]) -> Table:
    table = Table("  USD per million tokens", *_RATES, box=None, header_style="dim")
    for tier in tiers:
        line = tier.above_input_tokens
        name = f"  above {line:,} input tokens" if line else "  base" if len(tiers) > 1 else ""
        table.add_row(name, *_amounts(tier))
    for at, meter in enumerate(METERS):
        rates = sorted({rate for tier in tiers if (rate := tier.meters[at]) is not None})
        if rates:
            amounts = " or ".join(usd_text(rate * meter.per) for rate in rates)
            table.add_row(f"  {meter.words}: {amounts}{'' if meter.is_tokens else ' per thousand'}")
    fees = {tier.per_request for tier in tiers} - {0}
    for fee in sorted(fees):
        table.add_row(f"  and {usd_text(fee)} USD per request")
    return table


def _amounts(tier: Tier) -> tuple[str, ...]:
    rates = (tier.input, tier.output, tier.cached_input, tier.cache_write, tier.reasoning)
    return tuple(usd_text(rate * MILLION) for rate in rates)


def _interval(card: RateCard) -> str:
    since = "" if card.valid_from_ms == BEGINNING_MS else f"from {utc_text(card.valid_from_ms)}"
    until = "" if card.valid_until_ms == FOREVER_MS else f"until {utc_text(card.valid_until_ms)}"
    return f"{since} {until}".strip() or "always"
