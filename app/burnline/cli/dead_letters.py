"""`burnline dead-letters`: what was refused, why, and the way back."""

import heapq
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.table import Table

from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, TIMEOUT_S, failure, print_whole
from burnline.cli.root import cli, console, err_console
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.events.rejection import Reason
from burnline.events.text import shown_text
from burnline.kafka import client_config
from burnline.letters.letter import Letter, Mended, as_line, mended
from burnline.letters.reading import letter_of, read_letters, read_redriven
from burnline.letters.redrive import Checked, Redriver, check
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError
from burnline.topics.fetching import fetch

MOST_NAMED = 20
CHECKED_AT_ONCE = 10_000

group = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="Look at events that were refused, mend them, send them back."
)
cli.add_typer(group, name="dead-letters")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
OfReason = Annotated[list[Reason] | None, typer.Option("--reason", help="Only these; may be given several times.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help=f"Only those written since: {TIME_HELP}.")]
All = Annotated[bool, typer.Option("--all", help="Also those that were sent back already.")]


@group.command(name="list")
def list_letters(
    reason: OfReason = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first, each with its place, its reason, and where its record came from."""
    settings = settings_with_brokers()
    wanted = _wanted(settings, reason, since, everything=everything)
    found = _letters(settings)
    newest = heapq.nlargest(limit, filter(wanted, found), key=_when)[::-1]
    if as_json:
        for letter in newest:
            typer.echo(json.dumps(as_line(letter), ensure_ascii=False))
        return
    table = Table("letter", "written", "reason", "from", "what is wrong", box=None)
    for one in newest:
        written = datetime.fromtimestamp(one.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(f"{one.partition}/{one.offset}", written, one.told.reason.value, one.origin, one.told.detail)
    print_whole(table)
    if newest:
        err_console.print(
            "The next step: burnline dead-letters show PARTITION OFFSET, or export them to a file and mend it.",
            style="dim", highlight=False,
        )  # fmt: skip


@group.command()
def show(
    partition: Annotated[int, typer.Argument(min=0, help="Partition of the dead letter.")],
    offset: Annotated[int, typer.Argument(min=0, help="Its offset.")],
    as_json: AsJson = False,
) -> None:
    """Show one dead letter whole: why it was refused, where it came from, and its value as it arrived."""
    settings = settings_with_brokers()
    topic = topics_for(settings).dead_letters.name
    try:
        letter = letter_of(fetch(client_config(settings), topic, partition, offset, timeout_s=TIMEOUT_S))
        redriven = read_redriven(settings, timeout_s=TIMEOUT_S)
    except TopicError as error:
        raise failure(str(error)) from error
    if letter is None:
        raise failure(f"What stands at {partition}/{offset} is no dead letter: its headers say no reason.")
    if as_json:
        typer.echo(json.dumps(as_line(letter), ensure_ascii=False))
        return
    told = letter.told
    field = f" in {told.field}" if told.field else ""
    lines = [f"{told.reason.value}{field}: {told.detail}", f"from {letter.origin}"]
    if letter.origin in redriven:
        lines.append("It was sent back already.")
    if told.value_bytes is not None:
        lines.append(f"Only the beginning of {told.value_bytes} bytes is here; the rest is where it came from.")
    lines += [f"key    {_shown(letter.key)}", f"value  {_shown(letter.value)}"]
    console.print("\n".join(lines), highlight=False, markup=False)


@group.command()
def export(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Where to write them; - is stdout.")],
    reason: OfReason = None,
    since: Since = None,
    everything: All = False,
) -> None:
    """Write dead letters into a file, one JSON object a line, to be mended there and sent back by redrive.

    Change what is wrong in [bold]value[/bold]; leave [bold]origin[/bold] as it is. Values that are no text stand in
    value_base64; put a value in its place.
    """
    settings = settings_with_brokers()
    wanted = _wanted(settings, reason, since, everything=everything)
    try:
        with _opened(file) as out:
            count = 0
            for letter in filter(wanted, _letters(settings)):
                out.write(json.dumps(as_line(letter), ensure_ascii=False) + "\n")
                count += 1
    except OSError as error:
        raise failure(f"{file}: {error.strerror}") from error
    err_console.print(f"{count} dead letters. Mend them, then: burnline dead-letters redrive {file}", highlight=False)


@group.command()
def redrive(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of export, mended.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and say what would be sent; send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Send mended events back to usage, each once: what was sent back before is passed over.

    Every line is held against the worker's own rules first; those that are still wrong are named and not sent. Events
    and the note that they were sent stand in one transaction, so that a command that was killed may be repeated.

    Exit code 0 when nothing was wrong, 1 when a line was, or when the brokers did not take it.
    """
    settings = settings_with_brokers()
    result = {"sent": 0, "sent_before": 0, "wrong": 0}
    try:
        redriver = None if dry_run else Redriver(settings, timeout_s=TIMEOUT_S)
        before = read_redriven(settings, timeout_s=TIMEOUT_S) if redriver is None else redriver.sent_before
        for checked in _checked(file, settings):
            good = [one for one in checked if not one.fault]
            fresh = {one.mended.origin: one for one in good if one.mended.origin not in before}
            result["wrong"] += len(checked) - len(good)
            result["sent_before"] += len(good) - len(fresh)
            for sent in [len(fresh)] if redriver is None else redriver.send(fresh.values()):
                result["sent"] += sent
            before = before | set(fresh)
    except TopicError as error:
        raise failure(f"{error} {result['sent']} were sent before that.") from error
    _report(result, dry_run=dry_run, as_json=as_json)
    if result["wrong"]:
        raise typer.Exit(EXIT_FAILED)


def _report(result: dict[str, int], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**result, "dry_run": dry_run}))
        return
    done = "would be sent" if dry_run else "sent"
    console.print(
        f"{result['sent']} {done}, {result['sent_before']} were sent before, {result['wrong']} are still wrong.",
        highlight=False,
    )


def _checked(file: Path, settings: Settings) -> Iterator[list[Checked]]:
    """Lines, checked, some thousand at a time; what is wrong is said, the first twenty of it."""
    named = 0

    def say(number: int, what: str) -> None:
        nonlocal named
        named += 1
        if named <= MOST_NAMED:
            err_console.print(f"line {number}: {what}", style="red", highlight=False, markup=False)

    def checked(numbered: list[tuple[int, Mended]]) -> list[Checked]:
        found = check(
            [record for _, record in numbered], now_ms=clock_ms(), max_clock_skew_ms=settings.max_clock_skew_ms
        )
        for (number, _), one in zip(numbered, found, strict=True):
            if one.fault:
                say(number, one.fault)
        return found

    numbered: list[tuple[int, Mended]] = []
    unreadable: list[Checked] = []
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    numbered.append((number, mended(line)))
                except ValueError as error:
                    say(number, str(error))
                    unreadable.append(Checked(Mended("", b""), None, str(error)))
                if len(numbered) == CHECKED_AT_ONCE:
                    yield checked(numbered)
                    numbered = []
    except OSError as error:
        raise failure(f"{file}: {error.strerror}") from error
    yield checked(numbered) + unreadable


def _wanted(
    settings: Settings, reasons: list[Reason] | None, since: str | None, *, everything: bool
) -> Callable[[Letter], bool]:
    since_ms = epoch_ms(since) if since else 0
    try:
        redriven = set() if everything else read_redriven(settings, timeout_s=TIMEOUT_S)
    except TopicError as error:
        raise failure(str(error)) from error

    def wanted(letter: Letter) -> bool:
        return (
            letter.at_ms >= since_ms
            and letter.origin not in redriven
            and (not reasons or letter.told.reason in reasons)
        )

    return wanted


def _letters(settings: Settings) -> Iterator[Letter]:
    try:
        yield from read_letters(settings, timeout_s=TIMEOUT_S)
    except TopicError as error:
        raise failure(str(error)) from error


def _when(letter: Letter) -> tuple[int, int, int]:
    return letter.at_ms, letter.partition, letter.offset


def _opened(file: str) -> AbstractContextManager[TextIO]:
    return nullcontext(sys.stdout) if file == "-" else Path(file).open("w", encoding="utf-8", errors="surrogatepass")


def _shown(part: bytes | None) -> str:
    if part is None:
        return "none"
    try:
        return part.decode()
    except UnicodeDecodeError:
        return shown_text(part.decode("latin-1"))
