"""`burnline rates`: what a model costs and why, and rates of one's own that go before the catalogue's."""

import json
from typing import Annotated

import typer

from burnline.cli import rates_catalogue, rates_history, rates_import, rates_set  # noqa: F401  # they register their commands
from burnline.cli.rate_view import card_view, rate_table
from burnline.cli.rates_group import AsJson, Model, Org, base_book, book_of, in_topic, rates
from burnline.cli.reached import brokers_are_there, settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, print_whole
from burnline.cli.root import console, settings_or_exit
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.pricing.book import RateBook
from burnline.pricing.explain import describe


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
    org: Org = None,
    catalogue_only: Annotated[
        bool, typer.Option("--catalogue-only", help="The bundled catalogue, without rates of one's own; no brokers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rate card of a model, the rule that matched it, and for how long it holds.

    Where no broker answers, that is said, and the bundled catalogue is shown. Exit code 1 if the model has no rate.
    """
    at_ms = epoch_ms(at)
    settings = settings_or_exit()
    without = "Shown is the bundled catalogue; another one may be in force, and rates of one's own go before it."
    if catalogue_only or not brokers_are_there(settings, without):
        book = RateBook.from_settings(settings)
    else:
        book = book_of(base_book(settings), in_topic(settings))
    card = book.resolve(provider, model, at_ms, service_tier=service_tier, region=region, org_id=org or "")
    if as_json:
        typer.echo(json.dumps(describe(card)))
    else:
        print_whole(card_view(card))
    if not card.priced:
        raise typer.Exit(EXIT_FAILED)


@rates.command("list")
def list_rates(
    provider: Annotated[str | None, typer.Option(help="Only rates of this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Only rates of this model.")] = None,
    org: Annotated[str | None, typer.Option(help="Only this organisation's own rates.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rates that were set; the catalogue's are below them (see [bold]show[/bold])."""
    found = [
        rate
        for rate in in_topic(settings_with_brokers()).values()
        if provider in (None, rate.provider)
        and org in (None, rate.org_id)
        and (model is None or model.lower() == rate.model.lower())
    ]
    found.sort(key=lambda rate: (rate.provider, rate.model.lower(), rate.org_id or "", rate.effective_from, rate.model))
    if as_json:
        for rate in found:
            typer.echo(json.dumps({"key": rate.key(), **rate.model_dump(mode="json", exclude_none=True)}))
    elif found:
        print_whole(rate_table(found, now_ms=clock_ms()))
    else:
        console.print("No rates are set: the catalogue's are in force.", style="dim")
