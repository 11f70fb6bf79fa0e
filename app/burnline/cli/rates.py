"""`burnline rates`: what a model costs and why, and rates of one's own that go before the catalogue's."""

import json
from collections.abc import Collection, Iterable
from typing import Annotated

import typer

from burnline.cli.rate_view import card_view, change_view, rate_table, time_text
from burnline.cli.reached import brokers_are_there, settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, built, entries, failure, print_whole, written
from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console, settings_or_exit
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.doubts import doubts
from burnline.pricing.explain import describe
from burnline.pricing.inheritance import PARTS, Inherit, changes, dropped, rate_field, replaced_card, with_inherited
from burnline.pricing.valuation import ValuationRate, rate_key
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import Written

rates = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Rates: what models cost, in USD per million tokens.\n\nThe bundled catalogue knows most models. What is set "
    "here goes before it, from a date on: workers follow within two seconds and price events by the rate that held "
    "at the event's own time. What is counted already keeps its price.",
)
cli.add_typer(rates, name="rates")

Provider = Annotated[
    str, typer.Argument(metavar="PROVIDER", help="Provider as events name it, or the catalogue's id; * for any.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Model as events name it, or the catalogue's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@rates.command()
def show(
    model: Model,
    provider: Annotated[
        str | None, typer.Option(help="Provider as events name it; found by the model if none.")
    ] = None,
    at: Annotated[str, typer.Option(metavar="TIME", help=f"Event time: {TIME_HELP}.")] = "now",
    service_tier: Annotated[
        str, typer.Option(metavar="TIER", help="As served: standard, batch, flex, priority or fast.")
    ] = "",
    region: Annotated[str, typer.Option(help="Where served, as events name it.")] = "",
    catalogue_only: Annotated[
        bool, typer.Option("--catalogue-only", help="Without the rates of the topic; needs no brokers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rate card of a model, the rule that matched it, and for how long it holds.

    Where no broker answers, that is said, and the bundled catalogue is shown. Exit code 1 if the model has no rate.
    """
    at_ms = epoch_ms(at)
    settings = settings_or_exit()
    without = "Shown is the bundled catalogue; rates of one's own may go before it."
    own = () if catalogue_only or not brokers_are_there(settings, without) else _in_topic(settings).values()
    card = _book(own).resolve(provider, model, at_ms, service_tier=service_tier, region=region)
    if as_json:
        typer.echo(json.dumps(describe(card)))
    else:
        print_whole(card_view(card))
    if not card.priced:
        raise typer.Exit(EXIT_FAILED)


@rates.command("set")
def set_rate(
    provider: Provider,
    model: Model,
    plain: Annotated[str | None, typer.Option("--input", metavar="USD", help="Input tokens, USD per million.")] = None,
    answer: Annotated[
        str | None, typer.Option("--output", metavar="USD", help="Output tokens, USD per million.")
    ] = None,
    cached: Annotated[
        str | None, typer.Option("--cached-input", metavar="USD", help="Input read from the cache.")
    ] = None,
    cache_write: Annotated[str | None, typer.Option(metavar="USD", help="Input written to the cache.")] = None,
    reasoning: Annotated[str | None, typer.Option(metavar="USD", help="Reasoning tokens.")] = None,
    effective_from: Annotated[
        str, typer.Option(metavar="TIME", help=f'Event time from which it holds: {TIME_HELP}, or "always".')
    ] = "now",
    inherit: Annotated[
        Inherit,
        typer.Option(
            help="How the parts that are not named follow: as the same part of input or output, or as they are."
        ),
    ] = Inherit.PROPORTIONAL,
    note: Annotated[str | None, typer.Option(help="Why, for people.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the card that it would make; write nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask. Only terminals are asked, and not with --json.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set the rate of a model from a time on, and wait until the brokers have it.

    What is not named is inherited from the card that it replaces: input and output as they are, cached input, cache
    writes and reasoning in proportion to them (or unchanged). The whole card is shown beside that one before it is
    written, with what ends: tiers by the length of the context, cache writes for an hour, fees.

    Exit code 1 if the answer is no.
    """
    named = zip(PARTS, (plain, answer, cached, cache_write, reasoning), strict=True)
    stated = {rate_field(part): text for part, text in named if text is not None}
    whose = {
        "provider": provider,
        "model": model,
        "effective_from": epoch_ms(effective_from, always=True),
        "note": note,
    }
    checked = _checked(whose, stated)
    settings = settings_with_brokers()
    before = _in_topic(settings, create=not dry_run)
    old = replaced_card(_book(before.values()), checked.provider, checked.model, checked.effective_from, clock_ms())
    rate = _whole(whose, stated, old, inherit)
    new = _card({**before, rate.key(): rate}, rate)
    if not as_json:
        print_whole(change_view(new, old, changes(stated, new, old), dropped(new, old)))
        _warn_of_doubts(rate, stated)
    if not dry_run and not (yes or as_json) and console.is_terminal and not typer.confirm("Set it?"):
        raise failure("Nothing is written.")
    where = None if dry_run else written(settings, topics_for(settings).valuation_rates, rate.key(), rate)
    if as_json:
        typer.echo(json.dumps(_outcome(rate, new, old, where)))
    elif where is None:
        _say(f"{rate.key()}: nothing is written; without --dry-run it would be {_in_force(rate)}.")
    else:
        _say(f"{rate.key()}: set, {_in_force(rate)}.")


def _checked(whose: dict[str, object], stated: dict[str, str]) -> ValuationRate:
    """What the command line says, before anybody is asked: every mistake in it ends the command."""
    if not stated:
        raise failure("No rate is named: --input, --output, --cached-input, --cache-write, --reasoning.", EXIT_MISTAKE)
    return built(ValuationRate, **whose, **{rate_field("input"): "0", rate_field("output"): "0", **stated})


def _whole(whose: dict[str, object], stated: dict[str, str], old: RateCard, inherit: Inherit) -> ValuationRate:
    try:
        rates_of_it = with_inherited(stated, old, inherit)
    except ValueError as error:
        raise failure(str(error), EXIT_MISTAKE) from None
    return built(ValuationRate, **whose, **rates_of_it)


def _outcome(rate: ValuationRate, new: RateCard, old: RateCard, where: Written | None) -> dict[str, object]:
    cards = {"card": describe(new), "before": describe(old), "dropped": dropped(new, old)}
    return {"key": rate.key(), "written": where is not None, **(where._asdict() if where else {}), **cards}


def _warn_of_doubts(rate: ValuationRate, stated: Collection[str]) -> None:
    at_ms = rate.effective_from or clock_ms()
    catalogue = RateBook.bundled().resolve(None if rate.provider == "*" else rate.provider, rate.model, at_ms)
    for doubt in doubts(rate, catalogue):
        if doubt.field in stated:
            told = (
                f"{doubt.field}={doubt.value}: the catalogue's is {doubt.catalogue_value}. Rates are USD per million."
            )
            err_console.print(told, style="yellow", highlight=False, markup=False)


@rates.command("list")
def list_rates(
    provider: Annotated[str | None, typer.Option(help="Only rates of this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Only rates of this model.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rates that were set; the catalogue's are below them (see [bold]show[/bold])."""
    found = [
        rate
        for rate in _in_topic(settings_with_brokers()).values()
        if provider in (None, rate.provider) and (model is None or model.lower() == rate.model.lower())
    ]
    found.sort(key=lambda rate: (rate.provider, rate.model.lower(), rate.effective_from, rate.model))
    if as_json:
        for rate in found:
            typer.echo(json.dumps({"key": rate.key(), **rate.model_dump(mode="json", exclude_none=True)}))
    elif found:
        print_whole(rate_table(found, now_ms=clock_ms()))
    else:
        console.print("No rates are set: the catalogue's are in force.", style="dim")


@rates.command("delete")
def delete_rate(
    provider: Provider,
    model: Model,
    effective_from: Annotated[
        str | None, typer.Option(metavar="TIME", help="Which one, by its time; needed where there are several.")
    ] = None,
) -> None:
    """Delete a rate; what lies below it counts again. Exit code 1 if there is none."""
    settings = settings_with_brokers()
    before = _in_topic(settings)
    rate = _meant(before, provider, model, effective_from)
    written(settings, topics_for(settings).valuation_rates, rate.key(), None)
    after = {key: other for key, other in before.items() if key != rate.key()}
    _say(f"{rate.key()}: deleted, it was {_in_force(rate)}.")
    _print_change(_card(after, rate), _card(before, rate))


def _meant(found: dict[str, ValuationRate], provider: str, model: str, effective_from: str | None) -> ValuationRate:
    if effective_from is not None:
        key = rate_key(provider, model, epoch_ms(effective_from, always=True))
        if key not in found:
            raise failure(f"There is no rate {key}.")
        return found[key]
    wanted = rate_key(provider, model, 0)
    same = [rate for rate in found.values() if rate_key(rate.provider, rate.model, 0) == wanted]
    if len(same) == 1:
        return same[0]
    if not same:
        raise failure(f"There is no rate for {wanted.removesuffix('@0')}.")
    times = ", ".join(time_text(rate.effective_from) for rate in sorted(same, key=lambda rate: rate.effective_from))
    raise failure(f"There are {len(same)} rates for it; say which by --effective-from: {times}.")


def _in_topic(settings: Settings, *, create: bool = False) -> dict[str, ValuationRate]:
    return entries(settings, topics_for(settings).valuation_rates, ValuationRate.parse, create=create)


def _book(overrides: Iterable[ValuationRate]) -> RateBook:
    return RateBook.bundled().with_overrides(overrides)


def _card(found: dict[str, ValuationRate], of: ValuationRate) -> RateCard:
    provider = None if of.provider == "*" else of.provider
    return _book(found.values()).resolve(provider, of.model, of.effective_from)


def _in_force(rate: ValuationRate) -> str:
    if not rate.effective_from:
        return "in force for all event times"
    word = "to be in force" if rate.effective_from > clock_ms() else "in force"
    return f"{word} for event times from {time_text(rate.effective_from)} on"


def _say(line: str) -> None:
    console.print(line, style="green", highlight=False, markup=False)


def _print_change(new: RateCard, old: RateCard) -> None:
    print_whole(card_view(new))
    console.print("In place of", style="dim")
    print_whole(card_view(old))
