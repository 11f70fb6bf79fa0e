"""`burnline rates`: what a model costs and why, and rates of one's own that go before the catalogue's."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer

from burnline.cli.rate_view import card_view, rate_table, time_text
from burnline.cli.reached import brokers_are_there, settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, built, entries, failure, print_whole, written
from burnline.cli.root import cli, console, settings_or_exit
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.explain import describe
from burnline.pricing.valuation import ValuationRate, rate_key
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

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
    plain: Annotated[str, typer.Option("--input", metavar="USD", help="Input tokens, USD per million.")],
    answer: Annotated[str, typer.Option("--output", metavar="USD", help="Output tokens, USD per million.")],
    cached: Annotated[
        str | None, typer.Option("--cached-input", metavar="USD", help="Input read from the cache; as input if none.")
    ] = None,
    cache_write: Annotated[
        str | None, typer.Option(metavar="USD", help="Input written to the cache; as input if none.")
    ] = None,
    reasoning: Annotated[str | None, typer.Option(metavar="USD", help="Reasoning tokens; as output if none.")] = None,
    effective_from: Annotated[
        str, typer.Option(metavar="TIME", help=f'Event time from which it holds: {TIME_HELP}, or "always".')
    ] = "now",
    note: Annotated[str | None, typer.Option(help="Why, for people.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set the rate of a model from a time on, and wait until the brokers have it."""
    rate = built(
        ValuationRate,
        provider=provider,
        model=model,
        effective_from=epoch_ms(effective_from, always=True),
        input_usd_per_million_tokens=plain,
        output_usd_per_million_tokens=answer,
        cached_input_usd_per_million_tokens=cached,
        cache_write_usd_per_million_tokens=cache_write,
        reasoning_usd_per_million_tokens=reasoning,
        note=note,
    )
    settings = settings_with_brokers()
    before = _in_topic(settings, create=True)
    where = written(settings, topics_for(settings).valuation_rates, rate.key(), rate)
    old, new = _card(before, rate), _card({**before, rate.key(): rate}, rate)
    if as_json:
        outcome = {"key": rate.key(), **where._asdict(), "card": describe(new), "before": describe(old)}
        typer.echo(json.dumps(outcome))
        return
    _say(f"{rate.key()}: set, {_in_force(rate)}.")
    _print_change(new, old)


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
