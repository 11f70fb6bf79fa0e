"""`burnline emitters`: who sends what is refused, or looks wrong."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from burnline.cli.rates_group import base_book, book_of, in_topic
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import cli, err_console
from burnline.events.text import printable
from burnline.letters.emitters import Emitter, Sent
from burnline.letters.emitting import read_emitters
from burnline.topics.errors import TopicError

LAST = 10_000
MOST_LAST = 1_000_000


@cli.command()
def emitters(
    last: Annotated[int, typer.Option(min=1, max=MOST_LAST, help="So many newest records of each partition.")] = LAST,
    org: Annotated[str | None, typer.Option("--org", metavar="ORG", help="Only this organisation's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show who publishes, and what of it is refused or looks wrong: most to look at first.

    It reads the newest records of usage by itself; nothing is kept. Each producer is told by the source of its
    CloudEvents (or "otel"), its organisation and its agent, 200 of them at most.

    refused   breaks the contract: [bold]dead-letters list[/bold] has them; the reasons stand below
    repeated  an id that its session had before: counted once
    twins     the same session, model and counts within two seconds under another id: two instrumentations of one call,
              or sums of a container beside its calls
    late      older than the windows reach back: counted, without any alarm
    unpriced  share of the tokens that has no rate

    Exit code 0, whatever is found.
    """
    settings = settings_with_brokers()
    try:
        book = book_of(base_book(settings), in_topic(settings))
        found = read_emitters(settings, book, newest=last, timeout_s=TIMEOUT_S)
    except TopicError as error:
        raise failure(str(error)) from error
    rows = [(who, sent) for who, sent in found.rows() if org in (None, who.org_id)]
    if as_json:
        for who, sent in rows:
            typer.echo(json.dumps(who._asdict() | sent.as_dict(), ensure_ascii=False))
        return
    _show(rows)


def _show(rows: list[tuple[Emitter, Sent]]) -> None:
    table = Table("source", "org", "agent", box=None, header_style="bold")
    for name in ("events", "refused", "repeated", "twins", "late", "unpriced"):
        table.add_column(name, justify="right")
    for who, sent in rows:
        counts = (sent.events, sent.refused, sent.repeated, sent.twins, sent.late)
        share = f"{sent.as_dict()['unpriced_share']:.1%}" if sent.unpriced else "0"
        cells = [*(printable(name) or "-" for name in who), *(f"{count:,}" for count in counts), share]
        table.add_row(*map(Text, cells), style="yellow" if sent.suspicious else "")
        for reason, count in sent.reasons.most_common(3):
            table.add_row("", "", Text(f"{count:,} × {printable(reason)}", style="red"))
    print_whole(table)
    if any(sent.refused for _, sent in rows):
        err_console.print("The next step: burnline dead-letters list", style="dim", highlight=False)
