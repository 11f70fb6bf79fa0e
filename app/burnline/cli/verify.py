"""`burnline verify`: recompute the ledgers from the log, and say what differs."""

import json
import time
from typing import Annotated, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from burnline.audit.run import audit
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, failure
from burnline.cli.root import EXIT_MISTAKE, cli, err_console
from burnline.cli.times import TIME_HELP, epoch_ms
from burnline.cli.verify_view import print_report
from burnline.detection.anomaly import rfc3339
from burnline.ledger.audit.cut import Scope
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError

TABLE_ROWS = 20
JSON_ROWS = 10_000


@cli.command()
def verify(
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help=f"Only sessions that began at or after it: {TIME_HELP}."),
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="TIME", help="Only sessions that ended before it.")] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, help=f"Rows per kind of difference; [dim]{TABLE_ROWS}, and {JSON_ROWS:,} as JSON[/dim]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Recompute every ledger from the usage topic, and report what differs.

    Uses the workers' own functions and the rates in force. It only reads: it
    joins no group, commits no offset and writes nothing, so it can run beside
    workers under load. Partitions are read one after the other.

    [bold]Compared[/bold] are events, tokens, USD, runs and tool calls by
    model, owner, times and last offset of each session, up to its partition's
    progress; the closed rollups of retired sessions, in total by agent; the
    usage rollups by agent and model, in quarters of an hour of which neither
    log nor rollups have lost anything; and that every refused event has its
    dead letter, once, and no other event has one.

    [bold]No difference[/bold], and told apart: amounts charged at rates that
    have changed since (there is, or was, a rate of one's own for the model);
    sessions that may have begun before the log that retention has left (not
    checkable, but for events missing from them); retired sessions; events
    that lay in the future when they were refused. An event repeated later
    than the duplicate settings cover may show as missing or doubled. Run it
    with the workers' settings.

    [bold]--from and --to[/bold] choose sessions by event time: those whose
    first and last event lie in the range. Records written more than an hour
    (and the clock skew allowed) before --from are passed over, so it is
    faster. Closed rollups are then only held to contain what they must, and
    usage rollups are compared in quarters that lie in the range.

    Exit code 0 when nothing differs, 1 when something does, 2 for wrong
    arguments or settings, and when the topics cannot be read.
    """
    scope = Scope(_time(from_, "--from"), _time(to, "--to"))
    if scope.from_ms is not None and scope.to_ms is not None and scope.from_ms >= scope.to_ms:
        raise typer.BadParameter("must lie after --from", param_hint="--to")
    settings = settings_with_brokers(EXIT_MISTAKE)
    started_s = time.monotonic()
    try:
        with _Shown() as shown:
            report = audit(settings, scope, shown, most_rows=top or (JSON_ROWS if as_json else TABLE_ROWS))
    except TopicError as error:
        raise failure(str(error), EXIT_MISTAKE) from error
    duration_s = time.monotonic() - started_s
    if as_json:
        asked = {
            "topic": topics_for(settings).usage.name,
            "from": None if scope.from_ms is None else rfc3339(scope.from_ms),
            "to": None if scope.to_ms is None else rfc3339(scope.to_ms),
            "duration_s": round(duration_s, 3),
        }
        typer.echo(json.dumps(asked | report.as_json(), indent=2))
    else:
        print_report(report, duration_s)
    if not report.agrees:
        raise typer.Exit(EXIT_FAILED)


def _time(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    try:
        return epoch_ms(text)
    except typer.BadParameter as error:
        error.param_hint = option
        raise


class _Shown:
    """A bar on stderr, and none where stderr is no terminal."""

    def __init__(self) -> None:
        columns = TextColumn("reading the log"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns, console=err_console, transient=True, disable=not err_console.is_terminal)
        self._task: TaskID = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def planned(self, records: int) -> None:
        """So many offsets of the log are to be read."""
        self._bar.update(self._task, total=records)

    def advanced(self, offsets: int) -> None:
        """So many more have been read."""
        self._bar.advance(self._task, offsets)

    def remarked(self, sentence: str) -> None:
        """Something that people should know."""
        err_console.print(sentence, style="yellow", highlight=False, markup=False)
