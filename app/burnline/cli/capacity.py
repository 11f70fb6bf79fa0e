"""`burnline capacity`: how large a deployment has to be."""

import json
from typing import Annotated

import typer
from rich.table import Table

from burnline.capacity.plan import Load, plan, warnings
from burnline.cli.root import cli, console, settings_or_exit

MOST_PER_S = 100_000_000


@cli.command()
def capacity(
    events_per_s: Annotated[float, typer.Option(min=1, max=MOST_PER_S, help="At the busiest time.")],
    sessions: Annotated[int, typer.Option(min=1, help="Sessions of a day: each has a ledger.")],
    active: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Sessions with an event within a flush interval; if not said, each event is another's: the worst.",
        ),
    ] = None,
    rollup_rows: Annotated[
        int, typer.Option(min=1, help="Combinations of agent, team, project and model in a quarter of an hour.")
    ] = 100,
    event_bytes: Annotated[int, typer.Option(min=1, help="Of one event as it is sent.")] = 240,
    usage_days: Annotated[int, typer.Option(min=1, help="How long events are kept.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how many partitions and workers a load asks for, how much memory and which disks, and why.

    The figures come from docs/benchmarks.md, and the flush interval, replicas and retention from
    the settings. No broker is asked. `make bench` measures the same on your machines.
    """
    settings = settings_or_exit()
    flush_s = settings.flush_interval_ms / 1000
    load = Load(
        events_per_s=events_per_s,
        sessions=sessions,
        active=active or min(sessions, max(1, int(events_per_s * flush_s))),
        rollup_rows=rollup_rows,
        event_bytes=event_bytes,
        flush_interval_s=flush_s,
        replicas=settings.replication_factor,
        usage_days=usage_days,
        rollup_days=settings.rollup_retention_days,
    )
    lines, told = plan(load), warnings(load)
    if as_json:
        typer.echo(json.dumps({line.name: line.value for line in lines} | {"warnings": told}, indent=2))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("what", "how much", "how it comes about"):
        table.add_column(head, overflow="fold")
    for line in lines:
        table.add_row(line.name.removesuffix("_bytes").replace("_", " "), line.text, line.sum)
    console.print(table, highlight=False)
    for sentence in told:
        console.print(sentence, style="yellow", highlight=False)
