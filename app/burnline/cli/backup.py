"""`burnline backup`: what only the topics and Redis know, into a file."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from burnline.archive.backup import back_up
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure
from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console
from burnline.cli.tokens import token_file_or_exit
from burnline.settings import Settings
from burnline.topics.errors import TopicError

WithTokens = Annotated[bool, typer.Option("--tokens/--no-tokens", help="Also the tokens, out of and into Redis.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")]


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Must not be there yet.")],
    state: Annotated[
        bool,
        typer.Option("--state", help="Also what was counted: ledgers, rollups, event ids, progress. Stop workers."),
    ] = False,
    tokens: WithTokens = True,
    as_json: AsJson = False,
) -> None:
    """Write what nothing can make again into FILE: baselines, rates, catalogues, budgets, notes, controls, and tokens.

    With [bold]--state[/bold] what was counted goes along, for a cluster whose usage topic does not hold all of it any
    more. It is of one moment or not written at all: workers must not write meanwhile.

    FILE is readable by this user alone (hashes of tokens stand in it), and there only once it is whole. Events,
    anomalies, dead letters and notices are not in it: MirrorMaker copies logs.

    Next: [bold]burnline restore FILE --dry-run[/bold]. Exit code 1 when brokers or Redis do not answer, or workers
    write; 2 when FILE is there or a setting is wrong.
    """
    if file.exists():
        raise failure(f"{file} is there already", EXIT_MISTAKE)
    settings = settings_with_brokers()
    now_ms = time.time_ns() // 1_000_000
    try:
        counts = back_up(
            settings,
            file,
            _tokens(settings) if tokens else [],
            state=state,
            now_ms=now_ms,
            told=_told,
            timeout_s=TIMEOUT_S,
        )
    except (TopicError, OSError) as error:
        raise failure(f"nothing was written: {error}") from None
    if as_json:
        typer.echo(json.dumps({"file": str(file), **counts}))
        return
    held = ", ".join(f"{count:,} {role.replace('_', '-')}" for role, count in counts.items()) or "nothing: all is empty"
    console.print(f"{file}: {held}", highlight=False, markup=False)
    console.print(f"next: burnline restore {file} --dry-run", style="dim", highlight=False, markup=False)


def _told(role: str) -> None:
    err_console.print(f"reading {role.replace('_', '-')}", style="dim", highlight=False, markup=False)


def _tokens(settings: Settings) -> list[str]:
    with token_file_or_exit(settings) as known:
        return [record.model_dump_json() for record in known.all()]
