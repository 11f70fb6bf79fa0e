"""`burnline policies`: what a policy file asks of the learned rules, and what it would let be told."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from burnline.backtest.files import FileError
from burnline.backtest.policy import read_policies
from burnline.cli.reference import EXIT_FAILED, failure, print_whole
from burnline.cli.root import EXIT_MISTAKE, cli, console
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.detection.anomaly import rfc3339
from burnline.detection.learned.policy import Policies, Policy
from burnline.pricing.money import pico_from_text, usd_text

policies = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Policies of the learned rules: how sensitive, from how much money on and when, by agent.\n\n"
    "A TOML file, which [bold]detect[/bold] and [bold]backtest[/bold] take as --policy.",
)
cli.add_typer(policies, name="policies")

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="TOML file, as for detect and backtest.", exists=True, dir_okay=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@policies.command("show")
def show(file: File, *, as_json: AsJson = False) -> None:
    """Check a policy file, and print what it asks: the most specific policies first.

    Of those that fit an agent the first one here counts, alone. Exit code 2 if something in the file is wrong.
    """
    found = _read(file).all()
    if as_json:
        typer.echo(json.dumps([_fields(policy) for policy in found]))
        return
    table = Table("policy", "org", "agent", "sensitivity", "from USD on", "agent USD/h", "quiet hours", box=None)
    for policy in found:
        hours = ", ".join(_hours(policy)) or "none"
        table.add_row(
            policy.name or "(everybody else)", policy.org_id, policy.agent_id, f"{policy.sensitivity:g}",
            usd_text(policy.minimum_pico_usd), _line(policy) or "none", hours,
        )  # fmt: skip
    print_whole(table)


@policies.command("test")
def would_tell(
    file: File,
    org: Annotated[str, typer.Argument(help="An organisation.")],
    agent: Annotated[str, typer.Argument(help="One of its agents.")],
    at: Annotated[str | None, typer.Option(metavar="TIME", help=f"When: {TIME_HELP}; now if not said.")] = None,
    spend: Annotated[str, typer.Option(metavar="USD", help="What the incident has spent.")] = "1",
    *,
    as_json: AsJson = False,
) -> None:
    """Say which policy holds for an agent, and whether an incident of it would be told.

    [bold]burnline policies test policy.toml acme nightly --at 2026-03-02T23:00:00Z --spend 0.40[/bold]

    Exit code 0 if it would be told, 1 if it would be held, 2 if something is wrong.
    """
    policy = _read(file).of(org, agent)
    at_ms = epoch_ms(at) if at else clock_ms()
    try:
        spent = pico_from_text(spend)
    except ValueError as error:
        raise typer.BadParameter(f"{spend}: {error}", param_hint="--spend") from error
    told = policy.lets_tell(at_ms, spent)
    why = _why_held(policy, at_ms, spent)
    if as_json:
        typer.echo(json.dumps({"policy": _fields(policy), "told": told, "held_for": why}))
    else:
        name = f"policy {policy.name!r}" if policy.name else "no policy of its own"
        verdict = "it would be told" if told else f"it would be held: {why}"
        console.print(
            f"{org} / {agent}: {name}. At {rfc3339(at_ms)}, with {spend} USD spent, {verdict}.",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    if not told:
        raise typer.Exit(EXIT_FAILED)


def _hours(policy: Policy) -> list[str]:
    """Its quiet hours in words."""
    return [f"{each.begin:%H:%M}-{each.end:%H:%M} {each.zone.key}" for each in policy.quiet]


def _why_held(policy: Policy, at_ms: int, spent: int) -> str | None:
    if spent < policy.minimum_pico_usd:
        return f"it is told from {usd_text(policy.minimum_pico_usd)} USD on"
    return None if policy.lets_tell(at_ms, spent) else f"quiet hours {', '.join(_hours(policy))}"


def _fields(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "org": policy.org_id,
        "agent": policy.agent_id,
        "sensitivity": policy.sensitivity,
        "minimum_spend_usd": usd_text(policy.minimum_pico_usd),
        "agent_usd_per_hour": _line(policy),
        "quiet": _hours(policy),
    }


def _line(policy: Policy) -> str | None:
    return None if policy.usd_per_hour_pico is None else usd_text(policy.usd_per_hour_pico)


def _read(file: Path) -> Policies:
    try:
        return read_policies(file)
    except FileError as error:
        raise failure(str(error), EXIT_MISTAKE) from error
