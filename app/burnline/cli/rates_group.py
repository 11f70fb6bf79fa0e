"""What the commands of `burnline rates` share: the group, its options, and reading the topic."""

from collections.abc import Mapping
from typing import Annotated

import typer

from burnline.cli.reference import TIMEOUT_S, entries, failure
from burnline.cli.root import cli, console
from burnline.cli.times import TIME_HELP
from burnline.kafka import client_config
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import Shelf
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError
from burnline.topics.shelf import read_shelf

rates = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Rates: what models cost, in USD per million tokens.\n\nThe catalogue in force knows most models. What is set "
    "here goes before it, from a date on: workers follow within two seconds and price events by the rate that held "
    "at the event's own time. What is counted already keeps its price.",
)
cli.add_typer(rates, name="rates")

Provider = Annotated[
    str, typer.Argument(metavar="PROVIDER", help="Provider as events name it, or the catalogue's id; * for any.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Model as events name it, or the catalogue's id.")]
Models = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help='Model as events name it, or the catalogue\'s id; * for any characters: "gpt-4o*", "*".'
    ),
]
Org = Annotated[
    str | None, typer.Option(metavar="ORG", help="Only for this organisation's events, before all others' rates.")
]
EffectiveFrom = Annotated[
    str, typer.Option(metavar="TIME", help=f'Event time from which it holds: {TIME_HELP}, or "always".')
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def in_topic(settings: Settings, *, create: bool = False) -> dict[str, ValuationRate]:
    """The rates that are set, by their keys."""
    return entries(settings, topics_for(settings).valuation_rates, ValuationRate.parse, create=create)


def shelf_of(settings: Settings) -> Shelf:
    """The catalogues that stand on the topic."""
    try:
        return read_shelf(client_config(settings), topics_for(settings), timeout_s=TIMEOUT_S)
    except TopicError as error:
        raise failure(str(error)) from None


def base_book(settings: Settings) -> RateBook:
    """The catalogue in force, without rates that were set."""
    try:
        return RateBook.from_settings(settings).with_catalogue(shelf_of(settings).current())
    except CatalogueError as error:
        raise failure(str(error)) from None


def card_of(base: RateBook, rates: Mapping[str, ValuationRate], rate: ValuationRate) -> RateCard:
    """What these rates make a rate's model cost from when it holds, for whom it holds."""
    provider = None if rate.provider == "*" else rate.provider
    return book_of(base, rates).resolve(provider, rate.model, rate.effective_from, org_id=rate.org_id or "")


def book_of(base: RateBook, rates: Mapping[str, ValuationRate]) -> RateBook:
    """These rates over the catalogue of a book."""
    return base.with_overrides(rates.values())


def say(line: str) -> None:
    """A line about what was done."""
    console.print(line, style="green", highlight=False, markup=False)
