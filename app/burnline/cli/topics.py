"""`burnline topics`: what each topic is for, and making those that are missing."""

import json
from typing import Annotated

import typer
from rich.table import Table

from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import failure, print_whole
from burnline.cli.root import cli, console, settings_or_exit
from burnline.topics.catalogue import DAY_MS, TopicSpec, topics_for
from burnline.topics.ensure import TopicOutcome, ensure_framed_topic, ensure_otel_topics, ensure_topics
from burnline.topics.errors import TopicError

topics = typer.Typer(help="List Burnline's topics, or create those that are missing.", no_args_is_help=True)
cli.add_typer(topics, name="topics")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@topics.command(name="list")
def list_topics(as_json: AsJson = False) -> None:
    """Show what each topic is for, and how it is to be set up. Asks no broker."""
    specs = topics_for(settings_or_exit())
    if as_json:
        for spec in specs:
            typer.echo(json.dumps(_described(spec)))
        return
    table = Table("topic", "partitions", "kept", "purpose", box=None)
    for spec in specs:
        table.add_row(spec.name, str(spec.partitions), _kept(spec), spec.purpose)
    print_whole(table)


@topics.command()
def ensure(
    as_json: AsJson = False,
    with_otel: Annotated[
        bool, typer.Option("--otel", help="Also those that [bold]burnline otel[/bold] reads and writes.")
    ] = False,
    with_framed: Annotated[
        bool, typer.Option("--framed", help="Also the one that [bold]burnline registry[/bold] reads.")
    ] = False,
    grow: Annotated[
        bool, typer.Option("--grow", help="Add the partitions that existing topics lack, up to BURNLINE_PARTITIONS.")
    ] = False,
) -> None:
    """Create the missing topics, wait until they can be used, and say where existing ones differ.

    Safe to repeat. Exit code 1 when a topic has another number of partitions (each is named, and nothing is created),
    when the broker refuses, or when it does not answer. When usage has grown: set BURNLINE_PARTITIONS to its
    number, run this with --grow, and start the workers again; sessions whose key goes elsewhere from then on stand on
    two partitions until they end. Another retention or cleanup policy is told, and left as it is;
    that `usage` says when it took a record (`message.timestamp.type`) is set.
    """
    settings = settings_with_brokers()
    try:
        outcomes = ensure_topics(settings, grow=grow) + (ensure_otel_topics(settings) if with_otel else [])
        outcomes += ensure_framed_topic(settings) if with_framed else []
    except TopicError as error:
        raise failure(str(error)) from error
    for outcome in outcomes:
        if as_json:
            typer.echo(json.dumps(_reported(outcome)))
        else:
            _print(outcome)


def _described(spec: TopicSpec) -> dict[str, object]:
    return {"name": spec.name, "partitions": spec.partitions, "config": dict(spec.config), "purpose": spec.purpose}


def _reported(outcome: TopicOutcome) -> dict[str, object]:
    differences = [difference._asdict() for difference in outcome.differences]
    mended = [difference._asdict() for difference in outcome.mended]
    return _described(outcome.spec) | {"created": outcome.created, "differences": differences, "mended": mended}


def _print(outcome: TopicOutcome) -> None:
    done = "created" if outcome.created else "was there"
    partitions = "1 partition" if outcome.spec.partitions == 1 else f"{outcome.spec.partitions} partitions"
    told = f"{outcome.spec.name}: {done}, {partitions}, {_kept(outcome.spec)}"
    console.print(told, highlight=False, markup=False)
    for difference in outcome.mended:
        told = f"  {difference.config} was {difference.found}, is {difference.wanted} now"
        console.print(told, highlight=False, markup=False)
    for difference in outcome.differences:
        told = f"  {difference.config} is {difference.found}, wanted is {difference.wanted}"
        console.print(told, style="yellow", highlight=False, markup=False)


def _kept(spec: TopicSpec) -> str:
    if spec.compacted:
        return "newest of each key"
    return f"{int(spec.config['retention.ms']) // DAY_MS} days"
