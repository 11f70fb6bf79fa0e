"""`burnline budgets`: what organisations, teams, projects and agents may spend, set, listed and removed."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from burnline.budgets.budget import DEFAULT_THRESHOLDS, Budget, Scope, budget_key
from burnline.cli import budgets_apply, budgets_run, budgets_show  # noqa: F401  # they register their commands
from burnline.cli.budgets_group import (
    AsJson,
    DryRun,
    Period,
    ScopeArgument,
    Who,
    budgets,
    fields,
    line,
    say,
    subject_of,
)
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import built, entries, failure, print_whole, written
from burnline.cli.times import clock_ms
from burnline.controls.control import Action, Mode
from burnline.pricing.dated import utc_text
from burnline.topics.catalogue import topics_for


@budgets.command("set")
def set_budget(
    scope: ScopeArgument,
    who: Who,
    amount_usd: Annotated[str, typer.Argument(metavar="USD", help="What may be spent in a period, such as 250.")],
    period: Period = "month",
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="IANA time zone whose days are meant, such as Asia/Tokyo.")
    ] = "UTC",
    threshold: Annotated[
        list[int] | None,
        typer.Option(metavar="PERCENT", help="Tell when so much is used. Repeatable; 50, 80, 95 and 100 if not given."),
    ] = None,
    action: Annotated[
        Action | None,
        typer.Option(help="Ask runtimes to do this from 100 % on; for org and agent. See burnline controls."),
    ] = None,
    enforce: Annotated[bool, typer.Option("--enforce", help="Have that obeyed, and not only recorded.")] = False,
    source: Annotated[str, typer.Option(help="Who or what sets it.")] = "manual",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set a budget, and wait until the brokers have it. See how it stands with [bold]burnline budgets show[/bold]."""
    subject = subject_of(scope, who)
    budget = built(
        Budget,
        **subject._asdict(),
        amount_usd=amount_usd,
        period=period,
        time_zone=time_zone,
        thresholds_percent=threshold or list(DEFAULT_THRESHOLDS),
        action=action,
        mode=Mode.ENFORCE if enforce else Mode.OBSERVE,
        source=source,
        updated_at=clock_ms(),
    )
    settings = settings_with_brokers()
    topic = topics_for(settings).budgets
    before = entries(settings, topic, Budget.parse, create=not dry_run).get(budget.key())
    where = {} if dry_run else written(settings, topic, budget.key(), budget)._asdict()
    if as_json:
        typer.echo(json.dumps({"key": budget.key(), **where, **fields(budget), "written": not dry_run}))
        return
    say(f"{budget.key()}: {line(budget)}" + (" (not written)" if dry_run else ""), style="green")
    say(f"Before: {'none' if before is None else line(before)}")


@budgets.command("list")
def list_budgets(as_json: AsJson = False) -> None:
    """List all budgets that are set."""
    settings = settings_with_brokers()
    rows = _in_order(entries(settings, topics_for(settings).budgets, Budget.parse))
    if as_json:
        for budget in rows:
            typer.echo(json.dumps({"key": budget.key(), **fields(budget)}))
        return
    if not rows:
        say("There are none. burnline budgets set org ORG 500 sets one.")
        return
    table = Table("scope", "org", "name", "USD", "period", "time zone", "told at", "source", "set", box=None)
    for budget in rows:
        told = ", ".join(f"{percent} %" for percent in budget.thresholds_percent)
        since = "" if budget.updated_at is None else utc_text(budget.updated_at)
        cells = (
            budget.scope,
            budget.org_id,
            budget.name,
            budget.amount_usd,
            budget.period,
            budget.time_zone,
            told,
            budget.source,
            since,
        )
        table.add_row(*map(Text, cells))
    print_whole(table)


@budgets.command("remove")
def remove_budget(scope: ScopeArgument, who: Who, period: Period = "month", dry_run: DryRun = False) -> None:
    """Remove a budget; a wider one counts again. Exit code 1 if there is none."""
    settings = settings_with_brokers()
    topic = topics_for(settings).budgets
    before = entries(settings, topic, Budget.parse)
    key = budget_key(subject_of(scope, who), period)
    if key not in before:
        others = [other for other in before if other.rpartition("@")[0] == key.rpartition("@")[0]]
        raise failure(f"There is no budget {key}." + (f" There is {', '.join(sorted(others))}." if others else ""))
    if not dry_run:
        written(settings, topic, key, None)
    say(f"{key}: {'would be ' if dry_run else ''}removed. It was {line(before[key])}.", style="green")


def _in_order(found: dict[str, Budget]) -> list[Budget]:
    return sorted(found.values(), key=lambda one: (one.org_id, list(Scope).index(one.scope), one.name, one.period))
