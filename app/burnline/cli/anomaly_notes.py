"""`burnline anomalies ack|silence|feedback ID`: say something of an anomaly."""

import getpass
import json
from collections.abc import Callable
from typing import Annotated

import typer

from burnline.cli.anomalies import group, read_newest_notices
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import entries, failure, written
from burnline.cli.root import EXIT_MISTAKE, console
from burnline.cli.times import TIME_HELP, clock_ms, duration_ms, epoch_ms
from burnline.detection.anomaly import Anomaly, rfc3339
from burnline.detection.notes import (
    AnomalyNote,
    NoteError,
    NoteKind,
    Verdict,
    acknowledged,
    judged,
    note_key,
    silenced,
)
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError

LEAST_ID = 4
_SHOWN = 5

AnomalyId = Annotated[
    str, typer.Argument(metavar="ID", help="The anomaly's id, or its beginning as the table shows it.")
]
By = Annotated[str | None, typer.Option(metavar="WHO", help="Who says so; the user of this machine if not given.")]
Why = Annotated[str | None, typer.Option("--words", "-w", metavar="TEXT", help="Why, in words.")]
Undo = Annotated[bool, typer.Option("--undo", help="Take it back.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Decide = Callable[[Anomaly, str, int], AnomalyNote]


@group.command("ack")
def acknowledge(
    anomaly_id: AnomalyId, words: Why = None, by: By = None, undo: Undo = False, as_json: AsJson = False
) -> None:
    """Acknowledge an anomaly: you look after it. No further notices of it until its severity rises.

    PagerDuty, Slack and Alertmanager are told. Exit code 1 if there is no such anomaly, or it is resolved.
    """
    _say(
        anomaly_id, NoteKind.ACKNOWLEDGEMENT,
        lambda newest, who, at_ms: acknowledged(newest, by=who, at_ms=at_ms, words=words),
        by=by, undo=undo, as_json=as_json,
    )  # fmt: skip


@group.command("silence")
def silence(
    anomaly_id: AnomalyId,
    lasting: Annotated[str | None, typer.Option("--for", metavar="TIME", help="So long: 30m, 12h, 7d, 4w.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help=f"Up to a moment: {TIME_HELP}.")] = None,
    words: Why = None,
    by: By = None,
    undo: Undo = False,
    as_json: AsJson = False,
) -> None:
    """Silence an anomaly for a while, at most 90 days: no notices of it. If it is open afterwards, its state is told.

    Exit code 1 if there is no such anomaly, or it is resolved.
    """
    if undo == (lasting is not None or until is not None) or (lasting is not None and until is not None):
        raise failure("Give one of --for, --until and --undo.", EXIT_MISTAKE)
    lasting_ms = 0 if lasting is None else duration_ms(lasting, "--for")
    until_ms = None if until is None else epoch_ms(until)

    def decide(newest: Anomaly, who: str, at_ms: int) -> AnomalyNote:
        end_ms = at_ms + lasting_ms if until_ms is None else until_ms
        return silenced(newest, until_ms=end_ms, by=who, at_ms=at_ms, words=words)

    _say(anomaly_id, NoteKind.SILENCE, decide, by=by, undo=undo, as_json=as_json)


@group.command("feedback")
def feedback(
    anomaly_id: AnomalyId,
    verdict: Annotated[
        Verdict | None,
        typer.Argument(help="true: something went wrong. false: nothing did. planned: it was meant to be.",
                       show_default=False),
    ] = None,
    words: Why = None,
    by: By = None,
    undo: Undo = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Say what an anomaly was, open or resolved."""
    if undo == (verdict is not None):
        raise failure("Give true, false or planned, or --undo.", EXIT_MISTAKE)

    def decide(newest: Anomaly, who: str, at_ms: int) -> AnomalyNote:
        assert verdict is not None  # noqa: S101  # asked above
        return judged(newest, verdict, by=who, at_ms=at_ms, words=words)

    _say(anomaly_id, NoteKind.FEEDBACK, decide, by=by, undo=undo, as_json=as_json)


@group.command("verdicts")
def verdicts() -> None:
    """Print the feedback as JSON lines of anomaly_id and verdict.

    [bold]burnline backtest --feedback-file FILE[/bold] reads them, and reports how many incidents were real.
    """
    settings = settings_with_brokers()
    notes = entries(settings, topics_for(settings).anomaly_notes, AnomalyNote.parse)
    for note in notes.values():
        if note.verdict is not None:
            typer.echo(json.dumps({"anomaly_id": note.anomaly_id, "verdict": note.verdict}))


def _say(anomaly_id: str, kind: NoteKind, decide: Decide, *, by: str | None, undo: bool, as_json: bool) -> None:
    settings = settings_with_brokers()
    newest = _found(settings, anomaly_id)
    note = None if undo else _decided(newest, decide, by)
    topic = topics_for(settings).anomaly_notes
    entries(settings, topic, AnomalyNote.parse, create=True)
    where = written(settings, topic, note_key(newest.anomaly_id, kind), note)
    if as_json:
        said = None if note is None else note.model_dump(mode="json", exclude_none=True)
        typer.echo(json.dumps({"anomaly_id": newest.anomaly_id, "kind": kind, "note": said, **where._asdict()}))
        return
    console.print(
        f"{newest.anomaly_id} ({newest.org_id} / {newest.agent_id}, {newest.session_id}): {_sentence(kind, note)}",
        style="green", highlight=False, markup=False,
    )  # fmt: skip


def _decided(newest: Anomaly, decide: Decide, by: str | None) -> AnomalyNote:
    try:
        return decide(newest, by or getpass.getuser(), clock_ms())
    except NoteError as error:
        raise failure(f"{error}.") from None


def _sentence(kind: NoteKind, note: AnomalyNote | None) -> str:
    if note is None:
        return f"the {kind} is taken back"
    if note.verdict is not None:
        return f"feedback {note.verdict}"
    if note.until is not None:
        return f"silent until {rfc3339(note.until)}"
    return "acknowledged: no further notices until its severity rises"


def _found(settings: Settings, anomaly_id: str) -> Anomaly:
    if len(anomaly_id) < LEAST_ID:
        raise failure(f"ID={anomaly_id!r}: give at least {LEAST_ID} characters of an anomaly's id.", EXIT_MISTAKE)
    try:
        newest, _ = read_newest_notices(settings)
    except TopicError as error:
        raise failure(str(error)) from None
    if anomaly_id in newest:
        return newest[anomaly_id]
    fits = [notice for name, notice in newest.items() if name.startswith(anomaly_id)]
    if len(fits) == 1:
        return fits[0]
    if not fits:
        raise failure(f"There is no anomaly {anomaly_id}. `burnline anomalies` lists them.")
    names = ", ".join(sorted(notice.anomaly_id for notice in fits)[:_SHOWN])
    raise failure(f"{len(fits)} anomalies begin with {anomaly_id}: {names}")
