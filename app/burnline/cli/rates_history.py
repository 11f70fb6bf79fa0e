"""`burnline rates history`: what was set when, what became of it, and what stood at a moment."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from burnline.cli.rate_view import paid_text, time_text
from burnline.cli.rates_group import AsJson, rates
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import console, err_console
from burnline.cli.times import TIME_HELP, epoch_ms
from burnline.kafka import client_config
from burnline.pricing.dated import utc_text
from burnline.pricing.history import Change, Record, history
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError
from burnline.topics.reading import read_to_end


@rates.command("history")
def show_history(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Only rates of this model or pattern.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only rates of this provider.")] = None,
    org: Annotated[str | None, typer.Option(help="Only this organisation's own rates.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"Only what stood on the topic at this moment: {TIME_HELP}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every rate that was set, when, and whether it stands, was replaced or removed.

    Events are charged by what stands on the topic when they are counted, for their own time. The topic keeps what was
    replaced or removed for as long as usage rollups are kept. One that an earlier version made forgets it when the
    brokers compact it, until somebody sets its [bold]min.compaction.lag.ms[/bold].
    """
    at_ms = None if at is None else epoch_ms(at)
    try:
        changes = history(_records(settings_with_brokers()))
    except TopicError as error:
        raise failure(str(error)) from None
    found = [
        each
        for each in changes
        if (model is None or model.lower() == each.rate.model.lower())
        and provider in (None, each.rate.provider)
        and org in (None, each.rate.org_id)
        and (at_ms is None or each.stood_at(at_ms))
    ]
    if as_json:
        for each in found:
            typer.echo(json.dumps(_object(each)))
    elif found:
        print_whole(_table(found))
    else:
        console.print("No rates were set: the catalogue's are in force.", style="dim")


def _records(settings: Settings) -> Iterator[Record]:
    topic = topics_for(settings).valuation_rates.name
    for batch in read_to_end(client_config(settings), topic, [0], timeout_s=TIMEOUT_S):
        for message in batch:
            key, value = message.key() or b"", message.value()
            try:
                rate = None if value is None else ValuationRate.parse(key, value)
            except ValueError as error:
                err_console.print(f"Left out: {error}", style="yellow", highlight=False, markup=False)
                continue
            yield Record(key.decode(errors="replace"), message.timestamp()[1], rate)


def _object(change: Change) -> dict[str, object]:
    return {
        "key": change.rate.key(),
        "set_at": change.set_ms,
        "until": change.until_ms,
        "became": change.became,
        "rate": change.rate.model_dump(mode="json", exclude_none=True),
    }


def _table(changes: list[Change]) -> Table:
    table = Table("set at", "provider", "model", "org", "holds from", "paid", "", "note", box=None, header_style="bold")
    for each in changes:
        rate = each.rate
        ended = each.became if each.until_ms is None else f"{each.became} {utc_text(each.until_ms)}"
        cells = (rate.provider, rate.model, rate.org_id or "", time_text(rate.effective_from), paid_text(rate), ended)
        style = "" if each.until_ms is None else "dim"
        table.add_row(utc_text(each.set_ms), *map(Text, cells), Text(rate.note or ""), style=style)
    return table
