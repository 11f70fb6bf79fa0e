"""`burnline sessions`: what each session has spent, and what it burns now."""

import asyncio
import json
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import cli, console
from burnline.cli.times import TIME_HELP, epoch_ms
from burnline.demo.view import usd
from burnline.detection.anomaly import Severity
from burnline.finance.near import nearest
from burnline.kafka import client_config
from burnline.ledger.progress import Progress
from burnline.ledger.record import parse
from burnline.ledger.view import SessionView, as_of_ms, merge, spent_usd
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec, topics_for
from burnline.topics.errors import TopicError
from burnline.topics.reading import read_to_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from burnline.readmodel.rows import SessionRow

TABLE_ROWS = 20


class Sort(StrEnum):
    """What sessions are sorted by."""

    BURN = "burn"
    SPEND = "spend"
    LAST_EVENT = "last-event"
    STARTED = "started"


@cli.command()
def sessions(
    top: Annotated[
        int | None,
        typer.Option(min=1, help=f"Only so many, the first by --sort; [dim]{TABLE_ROWS} in a table[/dim]."),
    ] = None,
    sort: Annotated[
        Sort | None, typer.Option(help="Greatest or newest first; burn, but with --json alone by id.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only with this in the session's, agent's or organisation's id.")
    ] = None,
    org_id: Annotated[
        list[str] | None, typer.Option("--org-id", help="Only of this organisation; may be repeated.")
    ] = None,
    agent_id: Annotated[
        list[str] | None, typer.Option("--agent-id", help="Only of this agent; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"Only with an event at this time or later: {TIME_HELP}.")
    ] = None,
    retired: Annotated[
        bool, typer.Option("--retired", help="Those that were retired too, for 31 days; asks Redis for them.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line; all sessions, unless --top is given.")
    ] = False,
) -> None:
    """Show what sessions have spent and what they burn, from their ledgers on the topic.

    Reads what is committed. A session whose events arrived on several partitions is shown once, added up. Burn rates
    are as of the newest event time that was applied, moved on by the clock since then. A session that is idle for a day
    is retired; what it had spent is kept by the projector, and shown with --retired.

    burnline sessions --since 2026-11-24 --sort spend   # who spent most of those under way since then

    Exit code 1 if there is no session of an organisation or agent that is named.
    """
    settings = settings_with_brokers()
    since_ms = None if since is None else epoch_ms(since)
    closed = _retired(settings) if retired else []
    try:
        views, moment_ms = read_sessions(settings, closed)
    except (TopicError, ValueError) as error:  # a record that cannot be read is a ValueError
        raise failure(str(error)) from error
    windows_s = (settings.short_window_s, settings.long_window_s)
    _refuse_unknown("--org-id", org_id or [], {view.org_id for view in views})
    _refuse_unknown("--agent-id", agent_id or [], {view.agent_id for view in views})
    views = [view for view in views if _is_wanted(view, search, org_id, agent_id, since_ms)]
    views_shown = views
    if sort is not None or top is not None or not as_json:
        views_shown = _sorted(views, sort or Sort.BURN, windows_s, moment_ms)
        views_shown = views_shown[: top or (None if as_json else TABLE_ROWS)]
    if as_json:
        for view in views_shown:
            typer.echo(json.dumps(view.as_json(windows_s, moment_ms), ensure_ascii=False, separators=(",", ":")))
        return
    if not views:
        none = "No session has spent anything yet." if since is None else "No session has had an event since then."
        console.print(none if search is None else f"No session has {search!r} in it.")
        return
    print_whole(_table(views_shown, windows_s, moment_ms))
    console.print(f"{len(views):,} sessions, {spent_usd(views)} USD in total", highlight=False)


def read_sessions(settings: Settings, closed: "Sequence[SessionRow]" = ()) -> tuple[list[SessionView], int]:
    """All sessions by id, and the moment of event time (epoch ms) that their burn is as of.

    Args:
        settings: Where the topics are.
        closed: What was retired, to be added to what stands.

    Raises:
        TopicError: The brokers do not answer, or a topic is missing.
        ValueError: A ledger or a progress record cannot be read.
    """
    topics = topics_for(settings)
    ledgers = [parse(value) for value in _newest(settings, topics.sessions)]
    progress = [Progress.decode(value) for value in _newest(settings, topics.progress)]
    return merge([*ledgers, *closed]), as_of_ms(progress, time.time_ns() // 1_000_000)


def _retired(settings: Settings) -> "list[SessionRow]":
    import redis  # a tenth of a second that other commands do not owe

    from burnline.readmodel.checked import NotWhole
    from burnline.readmodel.closed import closed_sessions

    try:
        return asyncio.run(closed_sessions(settings))
    except (redis.RedisError, OSError) as error:
        told = (
            f"--retired: Redis at {settings.redis_url} does not answer ({error}). BURNLINE_REDIS_URL says where it is."
        )
        raise failure(told) from None
    except (NotWhole, ValueError) as error:
        raise failure(f"--retired: {error}") from error


def _newest(settings: Settings, topic: TopicSpec) -> list[bytes]:
    """Newest values by partition and key: one session may stand on two partitions under one key."""
    newest: dict[tuple[int | None, bytes | None], bytes | None] = {}
    for batch in read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=TIMEOUT_S):
        newest.update({(message.partition(), message.key()): message.value() for message in batch})
    return [value for value in newest.values() if value is not None]


def _refuse_unknown(option: str, named: list[str], known: set[str]) -> None:
    for name in named:
        if known and name not in known:
            near = nearest(name, known)
            raise failure(
                f"{option}={name}: no session has it" + ("." if near is None else f"; did you mean {near!r}?")
            )


def _is_wanted(
    view: SessionView, search: str | None, orgs: list[str] | None, agents: list[str] | None, since_ms: int | None
) -> bool:
    part = (search or "").casefold()
    return (
        (since_ms is None or view.last_event_at >= since_ms)
        and (not orgs or view.org_id in orgs)
        and (not agents or view.agent_id in agents)
        and any(part in name.casefold() for name in (view.session_id, view.agent_id, view.org_id))
    )


def _sorted(views: list[SessionView], sort: Sort, windows_s: tuple[int, int], moment_ms: int) -> list[SessionView]:
    def place(view: SessionView) -> tuple[int, int, int, str]:
        first = {Sort.SPEND: view.cost_pico_usd, Sort.LAST_EVENT: view.last_event_at, Sort.STARTED: view.first_event_at}
        return -first.get(sort, 0), *_urgency(view, windows_s, moment_ms)

    return sorted(views, key=place)


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
