"""`burnline policies`: what is asked of the learned rules, by a file or published, and what it would let be told."""

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table
from rich.text import Text

from burnline.backtest.files import FileError
from burnline.backtest.policy import read_policies, read_records
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, TIMEOUT_S, entries, failure, print_whole, written_together
from burnline.cli.root import EXIT_MISTAKE, cli, console
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.detection.anomaly import rfc3339
from burnline.detection.learned.policy import Policies, Policy
from burnline.detection.policy_record import PolicyRecord, could_fire, policies_of, succeeding
from burnline.detector.state import uses_in
from burnline.kafka import client_config
from burnline.pricing.money import pico_from_text, usd_text
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from burnline.topics.errors import TopicError

policies = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Policies of the learned rules: how sensitive, from how much money on and when, by agent.\n\n"
    "A TOML file, which [bold]apply[/bold] publishes for detectors, and [bold]backtest[/bold] takes as --policy.",
)
cli.add_typer(policies, name="policies")

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="TOML file, as for detect and backtest.", exists=True, dir_okay=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@policies.command("apply")
def apply_policies(
    file: File,
    prune: Annotated[bool, typer.Option("--prune", help="Remove policies that the file does not have.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish the policies of a file, all at once or none: each that changes gets its next version.

    A detector that runs without --policy judges by them from its next batch on; its notices name the policy and its
    version. What the file says for everybody becomes the policy "everybody". Exit code 2 if the file is wrong, or if
    two policies that would stand then are about the same agents.
    """
    try:
        wanted = read_records(file, clock_ms())
    except FileError as error:
        raise failure(str(error), EXIT_MISTAKE) from error
    settings = settings_with_brokers()
    topic = topics_for(settings).policies
    before = entries(settings, topic, PolicyRecord.parse, create=not dry_run)
    try:
        changes = succeeding(wanted, before, prune=prune)
    except ValueError as error:
        raise failure(f"{file}: {error}; --prune removes what the file does not have", EXIT_MISTAKE) from error
    if changes and not dry_run:
        written_together(settings, topic, changes, writer="policies")
    for name, record in sorted(changes.items()):
        what = "remove" if record is None else "change" if name in before else "add"
        version = None if record is None else record.version
        if as_json:
            typer.echo(json.dumps({"name": name, "what": what, "version": version, "written": not dry_run}))
        else:
            _say(f"{what} {name}" + ("" if version is None else f", version {version}"))
    if not as_json:
        done = "Nothing is written." if dry_run or not changes else f"{len(changes)} written."
        _say(f"{len(wanted)} policies in the file, {len(changes)} to change. {done} burnline policies list shows them.")


@policies.command("list")
def list_policies(*, as_json: AsJson = False) -> None:
    """The policies that were published, the most specific first, and when each last could have fired, on what.

    That is what the detector said last, once a minute: an agent that a policy holds for was at work then. A policy
    that never can fire is called inert.
    """
    settings = settings_with_brokers()
    records = _published(settings)
    try:
        said = uses_in(read_newest(client_config(settings), topics_for(settings).detection, timeout_s=TIMEOUT_S))
    except (TopicError, ValueError) as error:
        raise failure(str(error)) from None
    uses = {use.name: use for use in said}
    order = [policy.name for policy in policies_of(records.values()).all() if policy.name]
    rows = [(records[name], *could_fire(records[name], uses.get(name))) for name in order]
    if as_json:
        typer.echo(
            json.dumps([{**one.model_dump(), "inert": inert, "last_could_fire": words} for one, inert, words in rows])
        )
        return
    table = Table("policy", "version", "org", "agent", "sensitivity", "from USD on", "last could have fired", box=None)
    for one, inert, words in rows:
        last = Text(words, "yellow" if inert else "")
        amount = one.minimum_spend_usd
        table.add_row(one.name, str(one.version), one.org, one.agent, f"{one.sensitivity:g}", amount, last)
    print_whole(table)


@policies.command("show")
def show(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="TOML file; without one: what was published.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check a policy file, and print what it asks: the most specific policies first. Without one, what was published.

    Of those that fit an agent the first one here counts, alone. Exit code 2 if something in the file is wrong.
    """
    found = _policies(file).all()
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
    whose: Annotated[
        list[str],
        typer.Argument(metavar="[FILE] ORG AGENT", help="A TOML file, else what was published; and one of its agents."),
    ],
    at: Annotated[str | None, typer.Option(metavar="TIME", help=f"When: {TIME_HELP}; now if not said.")] = None,
    spend: Annotated[str, typer.Option(metavar="USD", help="What the incident has spent.")] = "1",
    *,
    as_json: AsJson = False,
) -> None:
    """Say which policy holds for an agent, and whether an incident of it would be told.

    [bold]burnline policies test policy.toml acme nightly --at 2026-03-02T23:00:00Z --spend 0.40[/bold]

    Exit code 0 if it would be told, 1 if it would be held, 2 if something is wrong.
    """
    *files, org, agent = whose if len(whose) in {2, 3} else _not_three(whose)
    policy = _policies(Path(files[0]) if files else None).of(org, agent)
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
        "version": policy.version or None,
        "org": policy.org_id,
        "agent": policy.agent_id,
        "sensitivity": policy.sensitivity,
        "minimum_spend_usd": usd_text(policy.minimum_pico_usd),
        "agent_usd_per_hour": _line(policy),
        "quiet": _hours(policy),
    }


def _line(policy: Policy) -> str | None:
    return None if policy.usd_per_hour_pico is None else usd_text(policy.usd_per_hour_pico)


def _not_three(given: list[str]) -> NoReturn:
    raise typer.BadParameter(f"{' '.join(given)}: ORG and AGENT are wanted, and perhaps a FILE before them")


def _say(sentence: str) -> None:
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _published(settings: Settings) -> dict[str, PolicyRecord]:
    return entries(settings, topics_for(settings).policies, PolicyRecord.parse)


def _policies(file: Path | None) -> Policies:
    """Those of a file, or of the topic."""
    if file is None:
        return policies_of(_published(settings_with_brokers()).values())
    try:
        return read_policies(file)
    except FileError as error:
        raise failure(str(error), EXIT_MISTAKE) from error
