"""`burnline rates set`, `alias`, `discount` and `remove`: what goes before the catalogue."""

import json
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from burnline.cli.rate_view import card_view, change_view, rate_table, time_text
from burnline.cli.rates_group import (
    AsJson,
    EffectiveFrom,
    Models,
    Org,
    Provider,
    base_book,
    book_of,
    card_of,
    in_topic,
    rates,
    say,
)
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import built, failure, print_whole, written
from burnline.cli.root import EXIT_MISTAKE, console, err_console
from burnline.cli.times import clock_ms, epoch_ms
from burnline.events.meters import METERS
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.dated import DAY_MS, utc_text
from burnline.pricing.doubts import doubts
from burnline.pricing.explain import describe
from burnline.pricing.inheritance import (
    PARTS,
    Inherit,
    changes,
    dropped,
    rate_field,
    replaced_card,
    with_inherited,
    with_inherited_terms,
)
from burnline.pricing.valuation import ValuationRate, rate_key
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import Written

_JUST_NOW_MS = 60_000
_LOG_MS = 7 * DAY_MS
"""How long the usage topic keeps events by default; earlier ones cannot be priced anew."""
Note = Annotated[str | None, typer.Option(help="Why, for people.")]


@rates.command("set")
def set_rate(
    provider: Provider,
    model: Models,
    plain: Annotated[str | None, typer.Option("--input", metavar="USD", help="Input tokens, USD per million.")] = None,
    answer: Annotated[
        str | None, typer.Option("--output", metavar="USD", help="Output tokens, USD per million.")
    ] = None,
    cached: Annotated[
        str | None, typer.Option("--cached-input", metavar="USD", help="Input read from the cache.")
    ] = None,
    cache_write: Annotated[str | None, typer.Option(metavar="USD", help="Input written to the cache.")] = None,
    reasoning: Annotated[str | None, typer.Option(metavar="USD", help="Reasoning tokens.")] = None,
    cache_write_1h: Annotated[
        str | None, typer.Option("--cache-write-1h", metavar="USD", help="Input written to the cache for an hour.")
    ] = None,
    meter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=USD",
            help="A rare meter, per million tokens or per thousand: input-audio=32, web-searches=10. Repeatable.",
        ),
    ] = None,
    per_request: Annotated[str | None, typer.Option(metavar="USD", help="Fee of each request, USD.")] = None,
    above: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKENS:RATES",
            help="Rates of requests with more input tokens than that, such as 200000:input=2.5,output=15. Repeatable.",
        ),
    ] = None,
    service_tier: Annotated[
        list[str] | None,
        typer.Option(metavar="TIER=FACTOR", help="So many times these rates at a service tier: batch=0.5. Repeatable."),
    ] = None,
    org: Org = None,
    effective_from: EffectiveFrom = "now",
    inherit: Annotated[
        Inherit,
        typer.Option(
            help="How the parts that are not named follow: as the same part of input or output, or as they are."
        ),
    ] = Inherit.PROPORTIONAL,
    note: Note = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the card that it would make; write nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask. Only terminals are asked, and not with --json.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set the rate of a model from a time on, and wait until the brokers have it.

    What is not named is inherited from the card that it replaces: input and output as they are, a fee, and in
    proportion (or unchanged) cached input, cache writes, reasoning and the rates of long requests. The whole card is
    shown beside that one before it is written, with what ends. For a pattern nothing is inherited.

    A set rate is a contract: it holds in every region, and no discount on more than its model touches it.

    Exit code 1 if the answer is no.
    """
    named = zip(PARTS, (plain, answer, cached, cache_write, reasoning), strict=True)
    stated = {rate_field(part): text for part, text in named if text is not None}
    terms: dict[str, object] = {
        "meters": _meter_rates(meter, cache_write_1h),
        "usd_per_request": per_request,
        "above": [_rates_above(each) for each in above] if above else None,
        "service_tiers": dict(_named(each, "--service-tier") for each in service_tier) if service_tier else None,
    }
    whose: dict[str, object] = {
        "provider": provider,
        "model": model,
        "org_id": org,
        "effective_from": epoch_ms(effective_from, always=True),
        "note": note,
    }
    checked = _checked(whose, stated, terms)
    settings = settings_with_brokers()
    before = in_topic(settings, create=not dry_run)
    base = base_book(settings)
    place = checked.provider, checked.model, checked.effective_from
    old = replaced_card(book_of(base, before), *place, clock_ms(), org)
    rate = _whole(whose, stated, terms, old, inherit)
    new = card_of(base, {**before, rate.key(): rate}, rate)
    if not as_json:
        _show(rate, stated, new, old, base)
    if not dry_run and not (yes or as_json) and console.is_terminal and not typer.confirm("Set it?"):
        raise failure("Nothing is written.")
    where = None if dry_run else written(settings, topics_for(settings).valuation_rates, rate.key(), rate)
    if as_json:
        typer.echo(json.dumps(_outcome(rate, new, old, where)))
    elif where is None:
        say(f"{rate.key()}: nothing is written; without --dry-run it would be {_in_force(rate)}.")
    else:
        say(f"{rate.key()}: set, {_in_force(rate)}.")
        _hint_at_repricing(rate)


def _checked(whose: dict[str, object], stated: dict[str, str], terms: dict[str, object]) -> ValuationRate:
    """What the command line says, before anybody is asked: every mistake in it ends the command."""
    if not stated and not any(value is not None for value in terms.values()):
        raise failure("No rate is named: --input, --output, --cached-input, --cache-write, --reasoning.", EXIT_MISTAKE)
    zero = {rate_field("input"): "0", rate_field("output"): "0"}
    return built(ValuationRate, **whose, **{**zero, **stated}, **terms)


def _whole(
    whose: dict[str, object], stated: dict[str, str], terms: dict[str, object], old: RateCard, inherit: Inherit
) -> ValuationRate:
    try:
        rates_of_it = with_inherited(stated, old, inherit)
    except ValueError as error:
        raise failure(str(error), EXIT_MISTAKE) from None
    return built(ValuationRate, **whose, **rates_of_it, **with_inherited_terms(rates_of_it, terms, old, inherit))


def _show(rate: ValuationRate, stated: dict[str, str], new: RateCard, old: RateCard, base: RateBook) -> None:
    if rate.is_pattern:
        print_whole(rate_table([rate], now_ms=clock_ms()))
        return
    print_whole(change_view(new, old, changes(stated, new, old), dropped(new, old)))
    _warn_of_doubts(rate, stated, base)


def _outcome(rate: ValuationRate, new: RateCard, old: RateCard, where: Written | None) -> dict[str, object]:
    cards: dict[str, object] = {"card": None, "before": None, "dropped": []}
    if not rate.is_pattern:
        cards = {"card": describe(new), "before": describe(old), "dropped": dropped(new, old)}
    return {"key": rate.key(), "written": where is not None, **(where._asdict() if where else {}), **cards}


def _warn_of_doubts(rate: ValuationRate, stated: Collection[str], base: RateBook) -> None:
    at_ms = rate.effective_from or clock_ms()
    catalogue = base.resolve(None if rate.provider == "*" else rate.provider, rate.model, at_ms)
    for doubt in doubts(rate, catalogue):
        if doubt.field in stated:
            told = (
                f"{doubt.field}={doubt.value}: the catalogue's is {doubt.catalogue_value}. Rates are USD per million."
            )
            err_console.print(told, style="yellow", highlight=False, markup=False)


@rates.command()
def alias(
    provider: Provider,
    model: Models,
    same_as: Annotated[
        str, typer.Argument(metavar="PROVIDER/MODEL", help="Whose price it has, such as azure/gpt-4o; */… finds it.")
    ],
    org: Org = None,
    effective_from: EffectiveFrom = "always",
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Say that a name costs what a model does: a deployment's name, an application profile's ARN.

    Rates and discounts for that model count for the name, too. An alias of an alias is not followed.
    """
    rate = built(
        ValuationRate,
        provider=provider,
        model=model,
        org_id=org,
        effective_from=epoch_ms(effective_from, always=True),
        same_as=same_as,
        note=note,
    )
    _write(rate, as_json=as_json)


@rates.command()
def discount(
    provider: Provider,
    model: Models,
    by: Annotated[
        str, typer.Argument(metavar="BY", help='"15%" is 15 % less, "+10%" is 10 % more, "0.85" so many times.')
    ],
    org: Org = None,
    effective_from: EffectiveFrom = "now",
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Make a model, a provider's models ("openai" "*"), or all ("*" "*") cheaper or dearer from a time on.

    It concerns what would hold without it: the catalogue's rates, or rates that are set for more than it is. Of several
    discounts the nearest counts: an organisation's before all others, one model's before a pattern's. "1" ends one.
    """
    rate = built(
        ValuationRate,
        provider=provider,
        model=model,
        org_id=org,
        effective_from=epoch_ms(effective_from, always=True),
        multiplier=_factor(by),
        note=note,
    )
    _write(rate, as_json=as_json)


@rates.command("delete", hidden=True)
@rates.command("remove")
def remove_rate(
    provider: Provider,
    model: Models,
    org: Org = None,
    effective_from: Annotated[
        str | None, typer.Option(metavar="TIME", help="Which one, by its time; needed where there are several.")
    ] = None,
) -> None:
    """Remove a rate, an alias or a discount; what lies below it counts again. Exit code 1 if there is none."""
    settings = settings_with_brokers()
    before = in_topic(settings)
    rate = _meant(before, provider, model, org, effective_from)
    written(settings, topics_for(settings).valuation_rates, rate.key(), None)
    after = {key: other for key, other in before.items() if key != rate.key()}
    say(f"{rate.key()}: deleted, it was {_in_force(rate)}.")
    _print_change(base_book(settings), rate, after, before)


def _write(rate: ValuationRate, *, as_json: bool) -> None:
    settings = settings_with_brokers()
    before = in_topic(settings, create=True)
    where = written(settings, topics_for(settings).valuation_rates, rate.key(), rate)
    after = {**before, rate.key(): rate}
    if as_json:
        base = base_book(settings)
        new, old = (card_of(base, each, rate) for each in (after, before))
        typer.echo(json.dumps(_outcome(rate, new, old, where)))
        return
    say(f"{rate.key()}: set, {_in_force(rate)}.")
    _print_change(base_book(settings), rate, after, before)
    _hint_at_repricing(rate)


def _hint_at_repricing(rate: ValuationRate) -> None:
    """What was charged keeps its price: say what corrects it, where the rate holds since a time that is past."""
    now_ms = clock_ms()
    if rate.effective_from < now_ms - _JUST_NOW_MS:
        since = utc_text(max(rate.effective_from, now_ms - _LOG_MS))
        told = f"What was charged stays; `burnline reprice --from {since} --dry-run` says what of it this corrects."
        console.print(told, style="dim", highlight=False, markup=False)


def _rates_above(text: str) -> dict[str, object]:
    """`200000:input=2.5,output=15` as the fields of `RatesAbove`."""
    line, colon, stated = text.partition(":")
    if not colon or not line.isascii() or not line.isdigit():
        raise failure(f"--above={text}: wanted is TOKENS:RATES, such as 200000:input=2.5,output=15", EXIT_MISTAKE)
    named = {name.replace("-", "_"): usd for name, usd in (_named(each, "--above") for each in stated.split(","))}
    meters = {field: named.pop(stem) for stem, field in _FIELDS_OF_METERS.items() if stem in named}
    rates_stated = {rate_field(name): usd for name, usd in named.items()}
    return {"above_input_tokens": int(line), **rates_stated, **({"meters": meters} if meters else {})}


_FIELDS_OF_METERS = {meter.stem: meter.rate_field for meter in METERS}


def _meter_rates(named: list[str] | None, for_an_hour: str | None) -> dict[str, str] | None:
    """Rates of rare meters by their fields; a name that is none is left for the contract to refuse."""
    found = dict(_named(each, "--meter") for each in named or ())
    if for_an_hour is not None:
        found["cache_write_1h"] = for_an_hour
    rates_stated = {name.replace("-", "_"): usd for name, usd in found.items()}
    return {_FIELDS_OF_METERS.get(name, name): usd for name, usd in rates_stated.items()} or None


def _named(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise failure(f"{option}={text}: wanted is NAME=VALUE", EXIT_MISTAKE)
    return name.strip(), value.strip()


def _factor(by: str) -> str:
    """15% (or -15%) as 0.85, +10% as 1.1; anything else as it stands."""
    if not by.endswith("%"):
        return by
    try:
        percent = Decimal(by.removesuffix("%").strip())
    except InvalidOperation:
        raise failure(
            f'BY={by}: wanted is a percentage such as "15%", or a factor such as "0.85"', EXIT_MISTAKE
        ) from None
    more = abs(percent) if by.lstrip().startswith("+") else -abs(percent)
    return f"{1 + more / 100:f}"


def _meant(
    found: Mapping[str, ValuationRate], provider: str, model: str, org: str | None, effective_from: str | None
) -> ValuationRate:
    if effective_from is not None:
        key = rate_key(provider, model, epoch_ms(effective_from, always=True), org)
        if key not in found:
            raise failure(f"There is no rate {key}.")
        return found[key]
    wanted = rate_key(provider, model, 0, org)
    same = [rate for rate in found.values() if rate_key(rate.provider, rate.model, 0, rate.org_id) == wanted]
    if len(same) == 1:
        return same[0]
    if not same:
        whose = "" if org is None else f" of {org}"
        raise failure(f"There is no rate{whose} for {rate_key(provider, model, 0).removesuffix('@0')}.")
    times = ", ".join(time_text(rate.effective_from) for rate in sorted(same, key=lambda rate: rate.effective_from))
    raise failure(f"There are {len(same)} rates for it; say which by --effective-from: {times}.")


def _in_force(rate: ValuationRate) -> str:
    if not rate.effective_from:
        return "in force for all event times"
    word = "to be in force" if rate.effective_from > clock_ms() else "in force"
    return f"{word} for event times from {time_text(rate.effective_from)} on"


def _print_change(
    base: RateBook,
    rate: ValuationRate,
    new: Mapping[str, ValuationRate],
    old: Mapping[str, ValuationRate],
) -> None:
    if rate.is_pattern:
        print_whole(rate_table([rate], now_ms=clock_ms()))
        console.print(
            "burnline rates show MODEL prints what one of its models costs now.", style="dim", highlight=False
        )
        return
    print_whole(card_view(card_of(base, new, rate)))
    console.print("In place of", style="dim")
    print_whole(card_view(card_of(base, old, rate)))
