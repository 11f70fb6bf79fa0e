"""What the commands of `burnline budgets` share."""

from typing import Annotated, Any

import typer

from burnline.budgets.budget import Budget, Scope, Subject
from burnline.cli.reference import failure
from burnline.cli.root import EXIT_MISTAKE, cli, console

budgets = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Budgets: what an organisation, team, project or agent may spend in an hour, day, week or month.\n\nA scope "
    "may have one for each period. [bold]*[/bold] stands for each: [bold]burnline budgets set agent 'acme/*' 20 "
    "--period day[/bold] gives every agent of acme one of its own; one that names an agent goes before it.",
)
cli.add_typer(budgets, name="budgets")

ScopeArgument = Annotated[Scope, typer.Argument(help="Whose spending it is about.")]
Who = Annotated[
    str,
    typer.Argument(
        metavar="WHO",
        help="ORG; or ORG/NAME of a team, project or agent. * for each (quote it), %2F for a slash in ORG.",
    ),
]
Period = Annotated[str, typer.Option(metavar="PERIOD", help="hour, day, week, month, or rolling-24h (1 to 744 hours).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")]


def subject_of(scope: Scope, who: str) -> Subject:
    """Whom WHO names, or exit code 2."""
    org, slash, name = who.partition("/")
    if (scope is Scope.ORG) is bool(slash):
        wanted = "ORG" if scope is Scope.ORG else f"ORG/{scope.upper()}"
        raise failure(f"WHO={who}: the budget of a scope {scope} wants {wanted}", EXIT_MISTAKE)
    return Subject(scope, org.replace("%2F", "/").replace("%25", "%"), name)


def fields(budget: Budget) -> dict[str, Any]:
    """A budget as JSON."""
    return budget.model_dump(mode="json", exclude_none=True)


def line(budget: Budget) -> str:
    """A budget in a line."""
    told = ", ".join(map(str, budget.thresholds_percent))
    asks = "" if budget.action is None else f", then {budget.action} ({budget.mode})"
    return f"{budget.amount_usd} USD per {budget.period} ({budget.time_zone}), told at {told} %{asks}"


def say(sentence: str, style: str | None = None) -> None:
    """A line for people, as it is."""
    console.print(sentence, style=style, highlight=False, markup=False)
