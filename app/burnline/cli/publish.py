"""`burnline publish`: usage events from a file to Kafka, checked before the first one leaves."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer
from confluent_kafka import KafkaException
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from burnline.cli.reached import settings_beside_demo
from burnline.cli.root import cli, err_console
from burnline.publisher import Failure, UsagePublisher
from burnline.publisher.jsonl import Check, FileChangedError, Line, check_lines, good_lines, lines_as_they_are
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import TopicError
from burnline.topics.reach import reach_brokers

EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130
_TOPICS_TIMEOUT_S = 10.0
_DELIVERY_TIMEOUT_S = 120.0
_SHOW_EVERY = 256
MOST_FAILURES = 20
"""After so many events that the brokers refused, no more are sent."""


@dataclass(slots=True)
class Outcome:
    """What became of the lines."""

    sent: int = 0
    acknowledged: int = 0
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False
    gave_up: bool = False


@cli.command()
def publish(
    file: Annotated[
        Path,
        # No exists=True: Typer would look for a file called "-".
        typer.Argument(metavar="FILE|-", help="Usage events, one JSON object a line; - reads stdin."),
    ],
    as_is: Annotated[
        bool,
        typer.Option("--as-is", help="Publish every line unchecked, blank ones too: to see dead letters at work."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Publish usage events from a JSONL file, and wait until they are acknowledged.

    The whole file is checked first, by the worker's own rules. When any
    line is wrong, every wrong line is named with the reason (the first 20)
    and nothing is published. Blank lines are left out. Missing topics are
    created.

    Exit code 0 when every event is acknowledged, 1 when a line is wrong or
    an event failed, 2 for wrong arguments or settings.
    """
    settings = settings_beside_demo()
    started_s = time.monotonic()
    now_ms, skew_ms = time.time_ns() // 1_000_000, settings.max_clock_skew_ms
    with _seekable(file) as lines:
        check = Check()
        if not as_is:
            with progress_bar("checking", _size(lines), DownloadColumn()) as advance:
                check = check_lines(lines, now_ms=now_ms, max_clock_skew_ms=skew_ms, on_bytes=advance)
            lines.seek(0)
        outcome = Outcome()
        if not check.wrong:
            events = lines_as_they_are(lines) if as_is else good_lines(lines, now_ms=now_ms, max_clock_skew_ms=skew_ms)
            outcome = _publish(settings, events, total=None if as_is else check.good)
    _report(settings, check, outcome, duration_s=time.monotonic() - started_s, as_json=as_json)


def _publish(settings: Settings, events: Iterable[Line], *, total: int | None) -> Outcome:
    try:
        reach_brokers(settings)
        ensure_topics(settings, timeout_s=_TOPICS_TIMEOUT_S)
        return _send(settings, events, total)
    except (TopicError, KafkaException, FileChangedError) as failure:
        err_console.print(f"publish failed: {failure}", style="red", highlight=False, markup=False)
        sys.exit(EXIT_FAILED)


def _send(settings: Settings, events: Iterable[Line], total: int | None) -> Outcome:
    """Send the lines; what the brokers refuse is collected, and with too many refusals the rest stays here."""
    outcome = Outcome()
    with progress_bar("publishing", total, MofNCompleteColumn()) as advance:
        publisher = UsagePublisher.from_settings(
            settings,
            max_block_s=_DELIVERY_TIMEOUT_S,
            delivery_timeout_s=_DELIVERY_TIMEOUT_S,
            on_failure=outcome.failures.append,
        )
        shown = 0
        try:
            with publisher:
                for line in events:
                    outcome.sent += 1
                    publisher.publish_raw(line.value, key=line.key, event_id=line.name)
                    if outcome.sent % _SHOW_EVERY == 0:
                        advance(publisher.acknowledged - shown)
                        shown = publisher.acknowledged
                    if len(outcome.failures) >= MOST_FAILURES:
                        outcome.gave_up = True
                        break
                publisher.flush()
                advance(publisher.acknowledged - shown)
        except KeyboardInterrupt:
            outcome.interrupted = True
            outcome.failures.clear()  # what was given up now is no failure of the brokers
        outcome.acknowledged = publisher.acknowledged
    return outcome


@contextmanager
def _seekable(file: Path) -> Iterator[BinaryIO]:
    """The file, or a temporary copy of what can be read only once."""
    with _opened(file) as source:
        if source.seekable():
            yield source
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy)
            copy.seek(0)
            yield cast("BinaryIO", copy)


def _opened(file: Path) -> BinaryIO:
    if str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from error


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


@contextmanager
def progress_bar(what: str, total: int | None, counted: ProgressColumn) -> Iterator[Any]:
    """A bar on stderr while the context lasts, and none where stderr is no terminal; yields how to advance it."""
    columns = TextColumn(what), BarColumn(), counted, TimeRemainingColumn()
    with Progress(*columns, console=err_console, transient=True, disable=not err_console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)


def _report(settings: Settings, check: Check, outcome: Outcome, *, duration_s: float, as_json: bool) -> None:
    topic = topics_for(settings).usage.name
    if as_json:
        result = {
            "topic": topic,
            "published": outcome.sent,
            "acknowledged": outcome.acknowledged,
            "blank_lines": check.blank,
            "wrong_lines": check.wrong,
            "wrong": [line._asdict() for line in check.named],
            "failed": [{"event": name, "reason": reason} for name, reason in outcome.failures],
            "duration_s": round(duration_s, 3),
        }
        typer.echo(json.dumps(result, indent=2))
    for line in check.named:
        _complain(f"line {line.line}: {line.detail} ({line.reason})")
    if check.wrong:
        more = f" ({check.wrong - len(check.named):,} of them not shown)" if check.wrong > len(check.named) else ""
        _complain(f"{check.wrong:,} of {check.lines:,} lines are wrong{more}; nothing was published.")
    for failure in outcome.failures[:MOST_FAILURES]:
        _complain(f"{failure.event_id}: {failure.reason}")
    if outcome.gave_up:
        _complain("Too many events failed; the lines after them were not sent.")
    if not as_json and not check.wrong:
        typer.echo(f"{outcome.acknowledged:,} of {outcome.sent:,} events acknowledged on {topic} in {duration_s:.1f} s")
    if outcome.interrupted:
        _complain("Stopped; events that were not acknowledged may have arrived or not.")
        sys.exit(_EXIT_INTERRUPTED)
    if check.wrong or outcome.acknowledged != outcome.sent:
        sys.exit(EXIT_FAILED)


def _complain(sentence: str) -> None:
    err_console.print(sentence, style="red", highlight=False, markup=False)
