"""`burnline budgets apply`: the budgets of a file, all at once."""

import json
import tomllib
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from burnline.budgets.budget import Budget
from burnline.cli.budgets_group import AsJson, DryRun, budgets, fields, line, say
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import entries, failure, written_together
from burnline.cli.root import EXIT_MISTAKE
from burnline.cli.times import clock_ms
from burnline.events.keyed import mistakes
from burnline.topics.catalogue import topics_for

MAX_IN_FILE = 10_000


@budgets.command("apply")
def apply_budgets(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="TOML file with [[budgets]].", exists=True, dir_okay=False, readable=True),
    ],
    prune: Annotated[bool, typer.Option("--prune", help="Remove budgets that the file does not have.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set all budgets of a file at once, or none. Those that are as they should be stay untouched.

    Each [[budgets]] of the file has [bold]scope, org_id, name, amount_usd[/bold], and perhaps [bold]period, time_zone,
    thresholds_percent[/bold]: as burnline budgets list --json prints them. Exit code 2 if the file is wrong.
    """
    wanted = _of_file(file)
    settings = settings_with_brokers()
    topic = topics_for(settings).budgets
    before = entries(settings, topic, Budget.parse, create=not dry_run)
    changes: dict[str, Budget | None] = {
        key: budget for key, budget in wanted.items() if not _same(budget, before.get(key))
    }
    if prune:
        changes |= dict.fromkeys(before.keys() - wanted.keys())
    if changes and not dry_run:
        written_together(settings, topic, changes, writer="budgets")
    for key, budget in sorted(changes.items()):
        what = "remove" if budget is None else "change" if key in before else "add"
        if as_json:
            told = {} if budget is None else fields(budget)
            typer.echo(json.dumps({"key": key, "what": what, "written": not dry_run, **told}))
        else:
            say(f"{what} {key}" + ("" if budget is None else f": {line(budget)}"))
    if not as_json:
        done = "Nothing is written." if dry_run or not changes else f"{len(changes)} written."
        say(f"{len(wanted)} budgets in the file, {len(changes)} to change. {done}")


def _of_file(file: Path) -> dict[str, Budget]:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise failure(f"{file}: {error}", EXIT_MISTAKE) from None
    listed = content.pop("budgets", None)
    if content or not isinstance(listed, list) or not 0 < len(listed) <= MAX_IN_FILE:
        told = f"{', '.join(map(repr, content))} is none of its words; " if content else ""
        raise failure(f"{file}: {told}[[budgets]] is wanted, one to {MAX_IN_FILE} times", EXIT_MISTAKE)
    found: dict[str, Budget] = {}
    wrong = []
    for number, given in enumerate(listed, 1):
        try:
            budget = Budget.model_validate({"source": file.name, "updated_at": clock_ms(), **given})
        except ValidationError as error:
            wrong.append(f"{file}: budget {number}: {mistakes(error)}")
            continue
        if budget.key() in found:
            wrong.append(f"{file}: budget {number}: {budget.key()} stands there twice")
        found[budget.key()] = budget
    if wrong:
        raise failure("\n".join(wrong), EXIT_MISTAKE)
    return found


def _same(one: Budget, other: Budget | None) -> bool:
    return other is not None and one == other.model_copy(update={"source": one.source, "updated_at": one.updated_at})
