"""`burnline restore`: a backup into the topics and Redis."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from burnline.api.access.tokens import TokenRecord
from burnline.archive.file import ArchiveError
from burnline.archive.restore import Plan, plan
from burnline.archive.restore import restore as restored
from burnline.cli.backup import AsJson, WithTokens
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure
from burnline.cli.root import EXIT_MISTAKE, cli, console
from burnline.cli.tokens import token_file_or_exit
from burnline.settings import Settings
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import TopicError


@cli.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Of burnline backup.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    state: Annotated[
        bool, typer.Option("--state", help="Also what was counted, into topics that never held any. Stop workers.")
    ] = False,
    tokens: WithTokens = True,
    as_json: AsJson = False,
) -> None:
    """Write a backup's baselines, rates, catalogues, budgets, notes, controls and tokens into topics and Redis.

    The whole file is read before anything is written. A key that has another value gets the file's; keys that the file
    does not know stay, and so do tokens that are there. To do it twice comes to the same. Missing topics are made.

    With [bold]--state[/bold] ledgers, rollups, event ids and progress are written too, as they were. They speak of
    another usage topic then, so workers refuse to go on until [bold]burnline adopt[/bold] says where.

    Exit code 1 when topics hold state already, or brokers or Redis do not answer; 2 when FILE is no whole backup.
    """
    settings = settings_with_brokers()
    try:
        found = plan(settings, file, state=state, timeout_s=TIMEOUT_S)
        records = [TokenRecord.model_validate_json(record) for record in found.tokens] if tokens else []
        kept = _known(settings, records)
        if not dry_run:
            ensure_topics(settings)
            restored(settings, file, state=state, timeout_s=TIMEOUT_S)
            _add(settings, [record for record in records if record.id not in kept])
    except (ArchiveError, ValidationError) as error:
        raise failure(f"{error}. Nothing was written.", EXIT_MISTAKE) from None
    except (TopicError, OSError) as error:
        raise failure(str(error)) from None
    _report(found, len(records), len(kept), dry_run=dry_run, as_json=as_json)
    if state and not dry_run and not as_json:
        told = "next: burnline adopt --at start (or --at end), then start the workers"
        console.print(told, style="dim", highlight=False, markup=False)


def _known(settings: Settings, records: list[TokenRecord]) -> set[str]:
    """Which of the tokens are there already."""
    if not records:
        return set()
    with token_file_or_exit(settings) as known:
        return {record.id for record in known.all()} & {record.id for record in records}


def _add(settings: Settings, records: list[TokenRecord]) -> None:
    if records:
        with token_file_or_exit(settings) as known:
            for record in records:
                known.add(record)


def _report(found: Plan, tokens: int, kept: int, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        topics = {one.role: {"new": one.new, "differing": one.differing, "same": one.same} for one in found.topics}
        typer.echo(json.dumps({"dry_run": dry_run, "topics": topics, "tokens": {"new": tokens - kept, "same": kept}}))
        return
    would = "would be written" if dry_run else "written"
    for one in found.topics:
        name = one.role.replace("_", "-")
        told = f"{name}: {one.new:,} new and {one.differing:,} differing {would}, {one.same:,} there already"
        console.print(told, highlight=False, markup=False)
    console.print(f"tokens: {tokens - kept:,} {would}, {kept:,} there already", highlight=False, markup=False)
