"""`burnline sessions`: what each session has spent, and what it burns now."""

import json
import time
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import cli, console
from burnline.demo.view import usd
from burnline.detection.anomaly import Severity
from burnline.kafka import client_config
from burnline.ledger.progress import Progress
from burnline.ledger.record import parse
from burnline.ledger.view import SessionView, as_of_ms, merge, spent_usd
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec, topics_for
from burnline.topics.errors import TopicError
from burnline.topics.reading import read_to_end

TABLE_ROWS = 20


@cli.command()
def sessions(
    top: Annotated[
        int | None,
        typer.Option(min=1, help=f"Only so many, those that burn most first; [dim]{TABLE_ROWS} in a table[/dim]."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line; all sessions by id, unless --top is given.")
    ] = False,
) -> None:
    """Show what sessions have spent and what they burn, from their ledgers on the topic.

    Reads what is committed. A session whose events arrived on several partitions is shown once, added up. Burn rates
    are as of the newest event time that was applied, moved on by the clock since then. Retired sessions are not shown.
    """
    settings = settings_with_brokers()
    try:
        views, moment_ms = read_sessions(settings)
    except (TopicError, ValueError) as error:  # a record that cannot be read is a ValueError
        raise failure(str(error)) from error
    windows_s = (settings.short_window_s, settings.long_window_s)
    if top is not None or not as_json:
        views_shown = sorted(views, key=lambda view: _urgency(view, windows_s, moment_ms))[: top or TABLE_ROWS]
    else:
        views_shown = views
    if as_json:
        for view in views_shown:
            typer.echo(json.dumps(view.as_json(windows_s, moment_ms), ensure_ascii=False, separators=(",", ":")))
        return
    if not views:
        console.print("No session has spent anything yet.")
        return
    print_whole(_table(views_shown, windows_s, moment_ms))
    console.print(f"{len(views):,} sessions, {spent_usd(views)} USD in total", highlight=False)


def read_sessions(settings: Settings) -> tuple[list[SessionView], int]:
    """All sessions by id, and the moment of event time (epoch ms) that their burn is as of.

    Raises:
        TopicError: The brokers do not answer, or a topic is missing.
        ValueError: A ledger or a progress record cannot be read.
    """
    topics = topics_for(settings)
    ledgers = [parse(value) for value in _newest(settings, topics.sessions)]
    progress = [Progress.decode(value) for value in _newest(settings, topics.progress)]
    return merge(ledgers), as_of_ms(progress, time.time_ns() // 1_000_000)


def _newest(settings: Settings, topic: TopicSpec) -> list[bytes]:
    """Newest values by partition and key: one session may stand on two partitions under one key."""
    newest: dict[tuple[int | None, bytes | None], bytes | None] = {}
    for batch in read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=TIMEOUT_S):
        newest.update({(message.partition(), message.key()): message.value() for message in batch})
    return [value for value in newest.values() if value is not None]


def _urgency(view: SessionView, windows_s: tuple[int, int], moment_ms: int) -> tuple[int, int, str]:
    short_s, _ = windows_s
    return -view.burn_pico_usd_per_hour(short_s, moment_ms), -view.cost_pico_usd, view.session_id


def _table(views: list[SessionView], windows_s: tuple[int, int], moment_ms: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("session", "org", "agent"):
        table.add_column(name, overflow="fold")
    for name in (*(f"USD/h {window_s} s" for window_s in windows_s), "spent USD", "events"):
        table.add_column(name, justify="right")
    table.add_column("anomaly")
    for view in views:
        burns = (usd(view.burn_pico_usd_per_hour(window_s, moment_ms)) for window_s in windows_s)
        events = sum(sums.events for sums in view.models.values())
        row = (view.session_id, view.org_id, view.agent_id, *burns, usd(view.cost_pico_usd), f"{events:,}")
        table.add_row(*map(Text, row), _anomaly(view))
    return table


def _anomaly(view: SessionView) -> Text:
    if view.anomaly is None:
        return Text("")
    style = "bold red" if view.anomaly.severity is Severity.CRITICAL else "yellow"
    return Text(f"{view.anomaly.state} {view.anomaly.severity}", style=style)
