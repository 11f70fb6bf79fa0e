"""`burnline rates import`: another price list, shown before it is set."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from burnline.cli.rate_view import rate_step
from burnline.cli.rates_catalogue import BUNDLED, Put, put_in_force
from burnline.cli.rates_group import AsJson, EffectiveFrom, base_book, book_of, in_topic, rates, say
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import EXIT_MISTAKE, console, err_console
from burnline.cli.times import clock_ms, epoch_ms
from burnline.kafka import client_config
from burnline.pricing.lists import PriceListError, read_price_list
from burnline.pricing.renewal import Change, Renewal, imported, renewal
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_together
from burnline.topics.errors import TopicError

SHOWN = 40
"""Changes that are shown to people; `--json` prints all."""


@rates.command("import")
def import_rates(
    of: Annotated[
        str,
        typer.Argument(
            metavar="FILE|catalogue",
            help="LiteLLM's model_prices_and_context_window.json, models.dev's api.json or genai-prices' data.json; "
            "[bold]catalogue[/bold] for the bundled one, to come into force as it is.",
        ),
    ],
    as_catalogue: Annotated[
        bool,
        typer.Option(
            "--as-catalogue", help="FILE is genai-prices' data.json, and comes into force as the catalogue, whole."
        ),
    ] = False,
    provider: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this provider's, by any of its names. Repeatable.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Only models that have no rate.")] = False,
    effective_from: EffectiveFrom = "now",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    far: Annotated[
        bool, typer.Option("--far", help="Also rates a thousand times those in force, or a thousandth of them.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask. Only terminals are asked, and not with --json.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set the rates of a price list where they differ from those in force: all of them at once, or none.

    With [bold]catalogue[/bold], or --as-catalogue, the catalogue below all rates that are set is replaced, for every
    worker: they go on by it within seconds, and note from which event on. Until that is done once, each worker prices
    by the one that it was installed with. The one of before is kept, so that old charges can be explained.

    The differences are shown first. What was set by hand stays, and so does what the bundled catalogue had wrong. A
    rate that is a thousand times the one in force, or a thousandth of it, is taken for a mistake unless --far says
    otherwise.

    Exit code 1 if such a rate is among them, or the answer is no; 2 if the file is no price list.
    """
    put = Put(dry_run=dry_run, far=far, yes=yes, as_json=as_json)
    if of == BUNDLED or as_catalogue:
        if provider or new or effective_from != "now":
            raise failure(
                "--provider, --new and --effective-from are for rates: a catalogue is one whole.", EXIT_MISTAKE
            )
        put_in_force(None if of == BUNDLED else Path(of), put)
        return
    file = _readable(of)
    settings = settings_with_brokers()
    found = _found(settings, file, provider, effective_from, new=new, create=not dry_run)
    _show(found, as_json=as_json)
    doubtful = [change for change in found.changes if change.doubts]
    if doubtful and not far:
        raise failure(f"{_doubts(doubtful)}\nIf that is meant, say --far; if it is not, name providers by --provider.")
    if dry_run or not found.changes:
        _say("Nothing is written.", as_json=as_json)
        return
    question = f"Set {len(found.changes)} rates?"
    if not (yes or as_json) and console.is_terminal and not typer.confirm(question):
        raise failure("Nothing is written.")
    records = {change.rate.key(): change.rate.model_dump_json(exclude_none=True).encode() for change in found.changes}
    try:
        write_together(
            client_config(settings),
            topics_for(settings).valuation_rates,
            records,
            transactional_id=f"{settings.app_id}-rates-import",
            timeout_s=TIMEOUT_S,
        )
    except TopicError as error:
        raise failure(str(error)) from None
    _say(f"{len(records)} rates are set.", as_json=as_json)


def _readable(of: str) -> Path:
    file = Path(of)
    if not file.is_file():
        raise failure(f"{of}: there is no such file; `catalogue` stands for the bundled one.", EXIT_MISTAKE)
    return file


def _found(
    settings: Settings, file: Path, providers: list[str] | None, effective_from: str, *, new: bool, create: bool
) -> Renewal:
    held = in_topic(settings, create=create)
    own = {key: rate for key, rate in held.items() if not imported(rate)}
    base = base_book(settings)
    book, by_hand = book_of(base, held), book_of(base, own)
    wanted = {book.provider_id(name) or name.strip().lower() for name in providers or ()}
    from_ms = epoch_ms(effective_from, always=True)
    try:
        listed = read_price_list(file.read_bytes())
        chosen = [each for each in listed if not wanted or (book.provider_id(each.provider) or each.provider) in wanted]
        found = renewal(chosen, book, by_hand, effective_from=from_ms, now_ms=clock_ms(), of=file.name)
    except PriceListError as error:
        raise failure(f"{file}: {error}", EXIT_MISTAKE) from None
    return found._replace(changes=[change for change in found.changes if change.new or not new])


def _show(found: Renewal, *, as_json: bool) -> None:
    if as_json:
        for change in found.changes:
            typer.echo(json.dumps(_object(change)))
        return
    if found.changes:
        print_whole(_table(found.changes[:SHOWN]))
    if len(found.changes) > SHOWN:
        console.print(f"and {len(found.changes) - SHOWN:,} more; --json prints all of them.", style="dim")
    count = Counter("new" if change.new else "changed" for change in found.changes)
    kept = f", {len(found.kept):,} stay as they were set" if found.kept else ""
    say(f"{count['new']:,} new, {count['changed']:,} changed, {found.same:,} the same{kept}.")


def _table(changes: Iterable[Change]) -> Table:
    table = Table("provider", "model", "input", "output", "cached input", "cache write", box=None, header_style="bold")
    table.title = "USD per million tokens: in force → listed"
    for change in changes:
        before, after = change.before.tiers[0] if change.before.tiers else None, change.rate.tiers()[0]
        parts = ("input", "output", "cached_input", "cache_write")
        cells = (rate_step(before, after, part) for part in parts)
        table.add_row(change.rate.provider, change.rate.model, *map(Text, cells), style="red" if change.doubts else "")
    return table


def _object(change: Change) -> dict[str, object]:
    return {
        "key": change.rate.key(),
        "new": change.new,
        "rate": change.rate.model_dump(mode="json", exclude_none=True),
        "before": change.before.rule,
        "doubts": [doubt._asdict() for doubt in change.doubts],
    }


def _doubts(changes: list[Change]) -> str:
    lines = [
        f"{change.rate.key()}: {doubt.field}={doubt.value}, in force is {doubt.catalogue_value}"
        for change in changes
        for doubt in change.doubts
    ]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join(["Far from the rates in force:", *lines[:SHOWN], *more])


def _say(line: str, *, as_json: bool) -> None:
    if as_json:
        err_console.print(line, style="dim", highlight=False, markup=False)
    else:
        say(line)
