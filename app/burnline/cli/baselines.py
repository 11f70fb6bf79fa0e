"""`burnline baselines`: what agents may usually burn, set, listed and deleted while workers run."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import built, entries, failure, print_whole, written
from burnline.cli.root import cli, console
from burnline.cli.times import clock_ms
from burnline.detection.baseline import Baseline, Baselines, EffectiveBaseline, baseline_key, default_baseline
from burnline.pricing.dated import utc_text
from burnline.pricing.money import usd_text
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

baselines = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Baselines: what an agent may usually burn, in USD per hour.\n\nThe most precise one counts: org and agent, "
    "any org and agent, org, [bold]*/*[/bold], else the setting BURNLINE_BASELINE_USD_PER_HOUR. Workers follow a "
    "change within two seconds, from the next event on.",
)
cli.add_typer(baselines, name="baselines")

Org = Annotated[str, typer.Argument(metavar="ORG", help="Org id, or * for any (quote it).")]
Agent = Annotated[str, typer.Argument(metavar="AGENT", help="Agent id, or * for any (quote it).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@baselines.command("set")
def set_baseline(
    org: Org,
    agent: Agent,
    usd_per_hour: Annotated[str, typer.Argument(metavar="USD", help="Usual burn in USD per hour, such as 2.50.")],
    multiplier: Annotated[
        str | None, typer.Option(help="A burn above baseline × this is an anomaly; the setting if not given.")
    ] = None,
    source: Annotated[str, typer.Option(help="Who or what sets it.")] = "manual",
    as_json: AsJson = False,
) -> None:
    """Set the baseline of an agent, of an org, or of all, and wait until the brokers have it."""
    baseline = built(
        Baseline,
        org_id=org,
        agent_id=agent,
        usd_per_hour=usd_per_hour,
        multiplier=multiplier,
        source=source,
        updated_at=clock_ms(),
    )
    settings = settings_with_brokers()
    topic = topics_for(settings).baselines
    before = entries(settings, topic, Baseline.parse, create=True)
    where = written(settings, topic, baseline.key(), baseline)
    if as_json:
        typer.echo(json.dumps({"key": baseline.key(), **where._asdict(), **_fields(baseline)}))
        return
    now = _effective(settings, {**before, baseline.key(): baseline}, baseline)
    console.print(f"{baseline.key()}: {_line(now)}", style="green", highlight=False, markup=False)
    console.print(f"Before: {_line(_effective(settings, before, baseline))}", highlight=False, markup=False)


@baselines.command("list")
def list_baselines(as_json: AsJson = False) -> None:
    """List the baselines in force, and the default below them."""
    settings = settings_with_brokers()
    found = entries(settings, topics_for(settings).baselines, Baseline.parse)
    rows = sorted(found.values(), key=lambda entry: (entry.org_id, entry.agent_id))
    if as_json:
        for baseline in rows:
            typer.echo(json.dumps({"key": baseline.key(), **_fields(baseline)}))
        return
    default = default_baseline(settings)
    table = Table("org", "agent", "USD/h", "multiplier", "anomaly above USD/h", "source", "set", box=None)
    for baseline in rows:
        effective = _effective(settings, found, baseline)
        since = "" if baseline.updated_at is None else utc_text(baseline.updated_at)
        cells = (baseline.org_id, baseline.agent_id, *_numbers(effective), baseline.source, since)
        table.add_row(*map(Text, cells))
    table.add_row("any", "any", *_numbers(default), "settings", "", style="dim")
    print_whole(table)


@baselines.command("delete")
def delete_baseline(org: Org, agent: Agent) -> None:
    """Delete a baseline; what lies below it counts again. Exit code 1 if there is none."""
    settings = settings_with_brokers()
    topic = topics_for(settings).baselines
    before = entries(settings, topic, Baseline.parse)
    key = baseline_key(org, agent)
    deleted = before.pop(key, None)
    if deleted is None:
        raise failure(f"There is no baseline {key}.")
    written(settings, topic, key, None)
    below = _effective(settings, before, deleted)
    console.print(f"{key}: deleted. Now: {_line(below)}", style="green", highlight=False, markup=False)


def _effective(settings: Settings, found: dict[str, Baseline], of: Baseline) -> EffectiveBaseline:
    return Baselines(default_baseline(settings), found).lookup(of.org_id, of.agent_id)


def _fields(baseline: Baseline) -> dict[str, object]:
    return baseline.model_dump(mode="json", exclude_none=True)


def _numbers(effective: EffectiveBaseline) -> tuple[str, str, str]:
    baseline = usd_text(effective.usd_per_hour_pico)
    limit = int(effective.usd_per_hour_pico * effective.multiplier)
    return baseline, f"{effective.multiplier:f}", usd_text(limit)


def _line(effective: EffectiveBaseline) -> str:
    baseline, multiplier, limit = _numbers(effective)
    return f"{baseline} USD/h × {multiplier}, an anomaly above {limit} USD/h (by {effective.source})"
