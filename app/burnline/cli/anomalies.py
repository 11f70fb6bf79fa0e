"""`burnline anomalies`: what is open and what has been; with `--follow`, what changes from now on.

What people say of one is written by `burnline.cli.anomaly_notes`, and shown here.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Annotated, Any, NamedTuple, cast

import typer
from confluent_kafka import Message
from pydantic import ValidationError
from rich import box
from rich.table import Table
from rich.text import Text

from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import cli, console, err_console
from burnline.demo.view import burns, headline, rounded
from burnline.detection.anomaly import Anomaly, Severity, State, notice_value, rfc3339
from burnline.detection.notes import NOTHING_SAID, AnomalyNote, NoteError, Notes, by_anomaly
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from burnline.topics.errors import TopicError, TopicMissing
from burnline.topics.following import follow_from
from burnline.topics.reading import read_to_end

TABLE_ROWS = 50
SHORT_ID = 8
"""So much of an id stands in the table; commands take it for the whole, as long as it is that of one anomaly only."""
_WIDE_COLUMNS = 130

_SEVERITY_STYLE = {Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}
_RESOLVED_STYLE = "green"


group = typer.Typer(rich_markup_mode="rich")
cli.add_typer(group, name="anomalies")


@group.callback(invoke_without_command=True)
def anomalies(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Then print each change as it comes, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line: anomaly v1.")] = False,
    state: Annotated[list[State] | None, typer.Option(help="Only anomalies in this state; may be repeated.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only anomalies of this severity.")] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help=f"At most so many; [dim]{TABLE_ROWS} in a table, all as JSON[/dim].")
    ] = None,
) -> None:
    """Show the newest state of each anomaly: open ones first, critical before warning, the latest change on top.

    Reads what is committed, for as long as the topic keeps it (90 days). Exit code 1 if the brokers do not answer.
    With an id, or the beginning of one, [bold]ack[/bold], [bold]silence[/bold] and [bold]feedback[/bold] say something
    of an anomaly; each JSON line has what was said as [bold]notes[/bold].
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_with_brokers()
    view = _View(as_json=as_json, states=frozenset(state or State), severity=severity, top=top)
    try:
        _show(settings, view, follow=follow)
    except KeyboardInterrupt:
        if not follow:  # to end a --follow is no failure
            raise
    except TopicError as error:
        raise failure(str(error)) from error


class _View:
    """What is wanted, and how it is written."""

    def __init__(self, *, as_json: bool, states: frozenset[State], severity: Severity | None, top: int | None) -> None:
        self.as_json = as_json
        self._states = states
        self._severity = severity
        self._top = top

    def wants(self, notice: Anomaly) -> bool:
        """Whether the filters let it through."""
        return notice.state in self._states and self._severity in (None, notice.severity)

    def print_all(self, notices: Iterable[Anomaly], notes: Mapping[str, Notes]) -> None:
        """The newest notice of each anomaly, and what was said of it."""
        rows = sorted(filter(self.wants, notices), key=_urgency)
        if self.as_json:
            for notice in rows[: self._top]:
                typer.echo(json.dumps({**notice.model_dump(mode="json"), "notes": _said(notes.get(notice.anomaly_id))}))
            return
        shown = rows[: self._top or TABLE_ROWS]
        if shown:
            print_whole(_table(shown, notes, wide=not console.is_terminal or console.width >= _WIDE_COLUMNS))
        else:
            console.print("No anomalies.", style="dim")
        if len(rows) > len(shown):
            console.print(f"… and {len(rows) - len(shown)} more; see --top.", style="dim")

    def print_change(self, notice: Anomaly) -> None:
        """One notice, in a line."""
        if self.as_json:
            typer.echo(notice_value(notice))
        else:
            console.print(_line(notice), highlight=False)


def read_newest_notices(settings: Settings) -> tuple[dict[str, Anomaly], dict[int, int]]:
    """The newest notice of each anomaly by id, and the offset to read on from in each partition.

    Raises:
        TopicError: The topic is missing, or the brokers are silent or refuse.
    """
    topic = topics_for(settings).anomalies
    newest: dict[str, Anomaly] = {}
    positions = dict.fromkeys(range(topic.partitions), 0)
    for batch in read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=TIMEOUT_S):
        for notice in _notices(batch):
            before = newest.get(notice.anomaly_id)
            if before is None or notice.revision > before.revision:
                newest[notice.anomaly_id] = notice
        positions.update((cast("int", message.partition()), cast("int", message.offset()) + 1) for message in batch)
    return newest, positions


def _notes(settings: Settings) -> Mapping[str, Notes]:
    try:
        found = read_newest(client_config(settings), topics_for(settings).anomaly_notes, timeout_s=TIMEOUT_S)
    except TopicMissing:  # it is made with the first word that somebody says
        return {}
    return by_anomaly(_readable(found))


def _readable(found: Mapping[bytes, bytes]) -> Iterator[AnomalyNote]:
    for key, value in found.items():
        try:
            yield AnomalyNote.parse(key, value)
        except NoteError as error:
            err_console.print(f"Left out: {error}", style="yellow", highlight=False, markup=False)


def _show(settings: Settings, view: _View, *, follow: bool) -> None:
    config, topic = client_config(settings), topics_for(settings).anomalies
    newest, positions = read_newest_notices(settings)
    view.print_all(newest.values(), _notes(settings) if newest else {})
    if not follow:
        return
    if not view.as_json:
        console.print("Following; Ctrl-C ends.", style="dim")
    with closing(follow_from(config, topic.name, positions)) as messages:
        for notice in _notices(messages):
            if view.wants(notice):
                view.print_change(notice)


def _notices(messages: Iterable[Message]) -> Iterator[Anomaly]:
    """The records that are anomaly notices; a word on stderr for each that is not."""
    for message in messages:
        try:
            yield Anomaly.model_validate_json(message.value() or b"")
        except ValidationError as error:
            where = f"{message.topic()}, partition {message.partition()}, offset {message.offset()}"
            problem = f"{where}: no anomaly notice ({error.error_count()} mistakes); passed over"
            err_console.print(problem, style="yellow", highlight=False, markup=False)


def _urgency(notice: Anomaly) -> tuple[bool, bool, int, str]:
    """Sort key: open before resolved, critical before warning, the latest change first."""
    return (
        notice.state is State.RESOLVED,
        notice.severity is Severity.WARNING,
        -notice.updated_at,
        notice.anomaly_id,
    )


def _style(notice: Anomaly) -> str:
    return _RESOLVED_STYLE if notice.state is State.RESOLVED else _SEVERITY_STYLE[notice.severity]


def _said(notes: Notes | None) -> dict[str, Any]:
    return {
        kind: None if note is None else note.model_dump(mode="json", exclude_none=True)
        for kind, note in (notes or NOTHING_SAID)._asdict().items()
    }


def _in_short(notes: Notes) -> str:
    words = []
    if notes.acknowledgement is not None:
        words.append(f"ack by {notes.acknowledgement.by}")
    if notes.silence is not None:
        words.append(f"silent until {_utc(notes.silence.until or 0)}")
    if notes.feedback is not None:
        words.append(f"{notes.feedback.verdict}")
    return ", ".join(words)


class _Column(NamedTuple):
    name: str
    cell: Callable[[Anomaly], str | Text]
    only_wide: bool = False
    """Left out where the terminal has no room for it."""
    is_name: bool = False
    """Text that may take several lines; the others are short."""
    is_number: bool = False


def _columns(notes: Mapping[str, Notes], window: str, *others: str) -> list[_Column]:
    said = {anomaly_id: _in_short(some) for anomaly_id, some in notes.items()}
    return [
        _Column("State", lambda notice: Text(notice.state, _style(notice))),
        _Column("Severity", lambda notice: Text(notice.severity, _style(notice))),
        _Column("Org / agent", lambda notice: Text(_owner(notice)), only_wide=True, is_name=True),
        _Column("Session", lambda notice: Text(_about(notice), "bold"), is_name=True),
        _Column("Opened (UTC)", lambda notice: _utc(notice.opened_at), only_wide=True),
        _Column("Changed (UTC)", lambda notice: _utc(notice.updated_at), only_wide=True),
        _burn_column(window),
        *(_burn_column(other)._replace(only_wide=True) for other in others),
        _Column("× baseline", lambda notice: _rounded(notice.ratio), only_wide=True, is_number=True),
        _Column("Spent USD", lambda notice: rounded(notice.spend_usd), is_number=True),
        _Column("Anomaly", lambda notice: notice.anomaly_id[:SHORT_ID]),
        *([_Column("Said", lambda notice: said.get(notice.anomaly_id, ""), is_name=True)] if said else []),
    ]


def _burn_column(window: str) -> _Column:
    return _Column(f"USD/h {window}", lambda notice: _rounded(notice.burn_usd_per_hour.get(window)), is_number=True)


def _table(notices: list[Anomaly], notes: Mapping[str, Notes], *, wide: bool) -> Table:
    windows = dict.fromkeys(window for notice in notices for window in notice.burn_usd_per_hour)
    of_these = {notice.anomaly_id: notes[notice.anomaly_id] for notice in notices if notice.anomaly_id in notes}
    columns = [column for column in _columns(of_these, *windows) if wide or not column.only_wide]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            no_wrap=not column.is_name,
            overflow="fold",
        )
    for notice in notices:
        table.add_row(*(column.cell(notice) for column in columns))
    return table


def _line(notice: Anomaly) -> Text:
    return Text.assemble(
        (_utc(notice.updated_at), "dim"),
        (f"  {headline(notice):<21}", _style(notice)),
        f"  {_owner(notice)}  ",
        (_about(notice), "bold"),
        f"  {notice.learned.summary}"
        if notice.learned
        else f"  {burns(notice)}, {_rounded(notice.ratio)} × baseline, {rounded(notice.spend_usd)} USD spent",
    )


def _owner(notice: Anomaly) -> str:
    return f"{notice.org_id} / {notice.agent_id}"


def _about(notice: Anomaly) -> str:
    """The session; of a wider scope its name, such as `team platform`."""
    return notice.session_id if notice.subject is None else f"{notice.scope} {notice.subject}"


def _utc(epoch_ms: int) -> str:
    """A moment to the second, without its year, such as `11-16 18:17:03`."""
    return rfc3339(epoch_ms)[5:19].replace("T", " ")


def _rounded(decimal_text: str | None) -> str:
    return "–" if decimal_text is None else rounded(decimal_text)
