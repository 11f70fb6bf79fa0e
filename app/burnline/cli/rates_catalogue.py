"""The catalogue in force: which one it is, and another one in its place."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from burnline.cli.rate_view import rate_step
from burnline.cli.rates_group import AsJson, rates, say, shelf_of
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import EXIT_MISTAKE, console, err_console
from burnline.cli.times import clock_ms
from burnline.kafka import client_config
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.dated import DAY_MS, utc_text
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import Shelf
from burnline.pricing.succession import Difference, differences, newest_price_ms, objections, read_successor
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import TopicError
from burnline.topics.shelf import write_in_force

BUNDLED = "catalogue"
"""What `rates import` calls the catalogue that was installed with Burnline."""
SHOWN = 40


class Put(NamedTuple):
    """How a catalogue is to come into force, see `rates import`."""

    dry_run: bool
    far: bool
    yes: bool
    as_json: bool


@rates.command("catalogue")
def show_catalogue(as_json: AsJson = False) -> None:
    """Say which catalogue is in force, how old it is, and whether the installed one is another."""
    settings = settings_with_brokers()
    shelf, bundled = shelf_of(settings), Catalogue.bundled()
    try:
        in_force, catalogue = shelf.in_force, shelf.current()
    except CatalogueError as error:
        raise failure(str(error)) from None
    as_of_ms = in_force.as_of_ms if in_force else newest_price_ms(bundled, clock_ms())
    if as_json:
        said = {
            "version": catalogue.version,
            "source": catalogue.source,
            "on_topic": in_force is not None,
            "in_force_since_ms": in_force.since_ms if in_force else None,
            "as_of_ms": as_of_ms,
            "installed_version": bundled.version,
            "installed_source": bundled.source,
        }
        typer.echo(json.dumps(said))
        return
    since = f"in force since {utc_text(in_force.since_ms)}" if in_force else "bundled: none was imported"
    console.print(f"Catalogue {catalogue.version} ({catalogue.source}), {since}.", highlight=False, markup=False)
    days = (clock_ms() - as_of_ms) // DAY_MS
    console.print(f"It is {days:,} days old at most.", highlight=False, markup=False)
    if catalogue.version != bundled.version:
        told = f"Installed is {bundled.version} ({bundled.source}): `burnline rates import catalogue --dry-run`."
        console.print(told, style="yellow", highlight=False, markup=False)


def put_in_force(file: Path | None, put: Put) -> None:
    """Show what another catalogue changes, and publish it.

    Args:
        file: genai-prices' data.json; None for the bundled catalogue.
        put: How.
    """
    settings, now_ms = settings_with_brokers(), clock_ms()
    successor, as_of_ms = _successor(file, now_ms)
    shelf = shelf_of(settings)
    before = _current(shelf)
    found = differences(before, successor, now_ms)
    _show(found, as_json=put.as_json)
    against = objections(found, before)
    if against and not put.far:
        more = [f"and {len(against) - SHOWN} more"] if len(against) > SHOWN else []
        lines = ["This looks like a mistake:", *against[:SHOWN], *more, "If it is meant, say --far."]
        raise failure("\n".join(lines))
    in_force = shelf.in_force
    if put.dry_run or (in_force is not None and in_force.version == successor.version):
        already = "" if put.dry_run else f" Catalogue {successor.version} is in force already."
        _say(f"Nothing is written.{already}", as_json=put.as_json)
        return
    question = f"Put catalogue {successor.version} in force?"
    if not (put.yes or put.as_json) and console.is_terminal and not typer.confirm(question):
        raise failure("Nothing is written.")
    _write(settings, successor, now_ms, as_of_ms)
    _say(
        f"Catalogue {successor.version} ({successor.source}) is in force. `burnline rates catalogue` says so.",
        as_json=put.as_json,
    )


def _successor(file: Path | None, now_ms: int) -> tuple[Catalogue, int]:
    bundled = Catalogue.bundled()
    if file is None:
        return bundled, newest_price_ms(bundled, now_ms)
    try:
        written_ms = file.stat().st_mtime_ns // 1_000_000
        return read_successor(file.read_bytes(), bundled, file.name), min(written_ms, now_ms)
    except OSError as error:
        raise failure(f"{file}: {error.strerror}", EXIT_MISTAKE) from None
    except CatalogueError as error:
        raise failure(f"{file}: {error}", EXIT_MISTAKE) from None


def _current(shelf: Shelf) -> Catalogue:
    try:
        return shelf.current()
    except CatalogueError as error:
        told = f"{error}\nThe bundled catalogue stands in for it in what is shown."
        err_console.print(told, style="yellow", highlight=False, markup=False)
        return Catalogue.bundled()


def _write(settings: Settings, successor: Catalogue, since_ms: int, as_of_ms: int) -> None:
    try:
        ensure_topics(settings, [topics_for(settings).catalogues], timeout_s=TIMEOUT_S)
        write_in_force(
            client_config(settings),
            topics_for(settings),
            successor,
            since_ms=since_ms,
            as_of_ms=as_of_ms,
            transactional_id=f"{settings.app_id}-catalogue",
            timeout_s=TIMEOUT_S,
        )
    except TopicError as error:
        raise failure(str(error)) from None


def _show(found: Sequence[Difference], *, as_json: bool) -> None:
    if as_json:
        for each in found:
            typer.echo(json.dumps(_object(each)))
        return
    if found:
        print_whole(_table(found[:SHOWN]))
    if len(found) > SHOWN:
        console.print(f"and {len(found) - SHOWN:,} more; --json prints all of them.", style="dim")
    count = Counter(each.kind for each in found)
    say(f"{count['new']:,} new, {count['changed']:,} changed, {count['gone']:,} without a rate any more.")


def _table(found: Sequence[Difference]) -> Table:
    table = Table("provider", "model", "input", "output", "cached input", "cache write", box=None, header_style="bold")
    table.title = "USD per million tokens: in force → to come"
    for each in found:
        before, after = (card.tiers[0] if card.tiers else None for card in (each.before, each.after))
        cells = (rate_step(before, after, part) for part in ("input", "output", "cached_input", "cache_write"))
        table.add_row(each.provider, each.model, *map(Text, cells), style="red" if each.doubts else "")
    return table


def _object(each: Difference) -> dict[str, object]:
    return {
        "provider": each.provider,
        "model": each.model,
        "kind": each.kind,
        "before": each.before.rule,
        "after": each.after.rule,
        "doubts": [doubt._asdict() for doubt in each.doubts],
    }


def _say(line: str, *, as_json: bool) -> None:
    if as_json:
        err_console.print(line, style="dim", highlight=False, markup=False)
    else:
        say(line)
