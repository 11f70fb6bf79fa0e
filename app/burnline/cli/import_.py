"""`burnline import`: usage that others have written down, counted once however often it is imported."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from confluent_kafka import KafkaException
from rich import box
from rich.progress import DownloadColumn, MofNCompleteColumn
from rich.table import Table
from rich.text import Text

from burnline.cli.publish import progress_bar
from burnline.cli.reached import settings_with_brokers
from burnline.cli.root import cli, console, err_console
from burnline.cli.times import epoch_ms
from burnline.events.text import printable
from burnline.finance.days import zone
from burnline.imports import claude_code, codex, mapped
from burnline.imports.found import Found, OnBytes, Unread, files_below
from burnline.imports.gather import Gathered, gather
from burnline.imports.memory import Memory, default_file
from burnline.imports.report import GROUPS, Report, Sums
from burnline.imports.send import Sent, send
from burnline.pricing.book import RateBook
from burnline.pricing.money import usd_text
from burnline.publisher.encoding import Encoded
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import TopicError

EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130
_CENTS = 10**10
_REPORTS_ORG = "-"

imports = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Import usage that others have written down. An event's id comes from its source, and what was imported is "
    "remembered: a second import counts nothing twice, and goes on where the first one was stopped.\n\n"
    "What happened longer ago than the windows reach back is counted, and raises no alarm.",
)
cli.add_typer(imports, name="import")

Paths = Annotated[list[Path] | None, typer.Argument(metavar="[PATH]...", help="Folders or files.")]
Org = Annotated[str | None, typer.Option("--org", metavar="ORG", help="Organisation that pays; --report needs none.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Agent of rows that name none.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Leave out what is older: a day or time, ISO 8601.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, and send nothing.")]
OnlyReport = Annotated[bool, typer.Option("--report", help="Print what was used and cost; needs no broker.")]
By = Annotated[str, typer.Option("--by", metavar="GROUPS", help=f"Rows of the report, of {', '.join(GROUPS)}.")]
Zone = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Whose days they are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Again = Annotated[bool, typer.Option("--again", help="Send what is remembered as imported, too.")]

Rows = Callable[[OnBytes], Iterator[Found | Unread]]
MappedRows = Callable[[Path, mapped.FieldMapping, OnBytes], Iterator[Found | Unread]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options say."""

    org: str | None
    agent: str
    since: str | None
    dry_run: bool
    report: bool
    by: str
    timezone: str
    as_json: bool
    again: bool
    unique_in_session: bool = False


@imports.command("claude-code")
def import_claude_code(
    paths: Paths = None,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """Claude Code's transcripts, sub-agents included; by default those of ~/.claude/projects.

    Each message is one event, although it is written several times. Its project is the folder's name, its run a
    sub-agent's id.

      burnline import claude-code --report --by day,project
      burnline import claude-code --org acme

    Exit code 0 when all was acknowledged, 1 when something failed, 2 for wrong arguments, 130 after Ctrl-C.
    """
    wanted = Wanted(org, agent or claude_code.AGENT, since, dry_run, report, by, timezone, as_json, again)
    found = _paths(paths, claude_code.folders(), "~/.claude/projects")
    _run(lambda on_bytes: claude_code.read(found, on_bytes), _bytes(found, "*.jsonl"), wanted)


@imports.command("codex")
def import_codex(
    paths: Paths = None,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """Codex' rollouts; by default those of ~/.codex/sessions. Options and exit codes as of claude-code."""
    wanted = Wanted(org, agent or codex.AGENT, since, dry_run, report, by, timezone, as_json, again)
    found = _paths(paths, codex.folders(), "~/.codex/sessions")
    _run(lambda on_bytes: codex.read(found, on_bytes), _bytes(found, "*.jsonl"), wanted)


_File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)]
_MappingFile = Annotated[
    Path,
    typer.Option("--mapping", metavar="MAPPING.toml", exists=True, dir_okay=False, help="Which column is which field."),
]


@imports.command("csv")
def import_csv(
    file: _File,
    mapping: _MappingFile,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """A CSV file with a header, by a mapping of its columns (docs/in.md). Options and exit codes as of claude-code."""
    wanted = Wanted(org, agent or mapped.AGENT, since, dry_run, report, by, timezone, as_json, again, True)
    _run_mapped(mapped.read_csv, file, mapping, wanted)


@imports.command("jsonl")
def import_jsonl(
    file: _File,
    mapping: _MappingFile,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """JSON objects, one a line, by a mapping of their fields (docs/in.md). Options and exit codes as of claude-code."""
    wanted = Wanted(org, agent or mapped.AGENT, since, dry_run, report, by, timezone, as_json, again, True)
    _run_mapped(mapped.read_jsonl, file, mapping, wanted)


def _run_mapped(read: MappedRows, file: Path, mapping: Path, wanted: Wanted) -> None:
    fields = _mapping(mapping)
    _run(lambda on_bytes: read(file, fields, on_bytes), file.stat().st_size, wanted)


def _mapping(file: Path) -> mapped.FieldMapping:
    try:
        return mapped.FieldMapping.from_file(file)
    except mapped.MappingError as error:
        raise typer.BadParameter(str(error), param_hint="--mapping") from error


def _paths(given: list[Path] | None, own: list[Path], usual: str) -> list[Path]:
    paths = given or own
    if not paths:
        raise typer.BadParameter(f"there is no {usual} on this machine; name a folder", param_hint="PATH")
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"{path}: there is no such file or folder", param_hint="PATH")
    return paths


def _bytes(paths: list[Path], pattern: str) -> int:
    return sum(file.stat().st_size for path in paths for file in files_below(path, pattern))


def _run(rows: Rows, size: int, wanted: Wanted) -> None:
    if wanted.org is None and not wanted.report:
        raise typer.BadParameter("say who pays, or ask for a --report", param_hint="--org")
    report = _report(wanted)
    since_ms = epoch_ms(wanted.since) if wanted.since else 0
    counts = Gathered()
    org = wanted.org or _REPORTS_ORG
    with progress_bar("reading", size, DownloadColumn()) as on_bytes:
        pairs = gather(rows(on_bytes), counts, org=org, agent=wanted.agent, since_ms=since_ms)
        encoded = [_added(report, usage, record) for usage, record in pairs]
    sent = None if wanted.report or wanted.dry_run else _send(encoded, wanted, org)
    if wanted.as_json:
        typer.echo(json.dumps(_as_json(report, counts, sent), indent=2))
    else:
        if wanted.report:
            _show(report)
        _say(report, wanted, counts, sent)
    _leave(counts, sent)


def _added(report: Report, usage: Any, record: Encoded) -> Encoded:
    report.add(usage)
    return record


def _report(wanted: Wanted) -> Report:
    groups = [name.strip() for name in wanted.by.split(",")]
    for name in groups:
        if name not in GROUPS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(GROUPS)}", param_hint="--by")
    try:
        return Report(groups, RateBook.bundled(), zone(wanted.timezone))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timezone") from error


def _send(encoded: Sequence[Encoded], wanted: Wanted, org: str) -> Sent:
    settings = settings_with_brokers()
    topic = topics_for(settings).usage.name
    target = f"{settings.kafka_bootstrap_servers}/{topic}/{org}"
    try:
        ensure_topics(settings, timeout_s=10)
        bar = progress_bar("sending", len(encoded), MofNCompleteColumn())
        with Memory(default_file(), target) as memory, bar as on_sent:
            return send(
                settings,
                encoded,
                memory,
                unique_in_session=wanted.unique_in_session,
                again=wanted.again,
                on_sent=on_sent,
            )
    except (TopicError, KafkaException) as error:
        err_console.print(f"import failed: {error}", style="red", highlight=False, markup=False)
        sys.exit(EXIT_FAILED)


def _show(report: Report) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    for at, name in enumerate(report.by):
        table.add_column(name, "total" if at == 0 else "")
    total = _cells(report.total)
    for name, cell in zip(("input", "cache write", "cache read", "output", "tokens", "USD"), total, strict=True):
        table.add_column(name, cell, justify="right")
    for keys, sums in report.rows():
        table.add_row(*(Text(printable(key)) for key in keys), *_cells(sums))
    console.print(table)


def _cells(sums: Sums) -> list[str]:
    counts = (sums.input_tokens, sums.cache_write_tokens, sums.cached_input_tokens, sums.output_tokens, sums.tokens)
    cents, rest = divmod(sums.cost_pico_usd, _CENTS)
    rounded = cents + (2 * rest >= _CENTS)
    unpriced = " + ?" if sums.unpriced_tokens else ""
    return [*(f"{count:,}" for count in counts), f"{rounded // 100:,}.{rounded % 100:02d}{unpriced}"]


def _say(report: Report, wanted: Wanted, counts: Gathered, sent: Sent | None) -> None:
    total = report.total
    if sent is None and not wanted.report:
        console.print(
            f"{counts.found:,} events, {total.tokens:,} tokens, {usd_text(total.cost_pico_usd)} USD; nothing was sent.",
            highlight=False,
        )
    if sent is not None:
        known = f", {sent.known:,} were imported before" if sent.known else ""
        console.print(
            f"{sent.acknowledged:,} of {counts.found:,} events imported{known}. What they cost: burnline sessions",
            highlight=False,
        )
    if total.unpriced_tokens:
        _complain(f"{total.unpriced_tokens:,} tokens have no rate (+ ?): burnline rates show MODEL says why.", "yellow")
    for row in counts.named:
        _complain(f"{row.where}: {row.why}", "yellow")
    if counts.unread > len(counts.named):
        _complain(f"and {counts.unread - len(counts.named):,} more rows that could not be read", "yellow")
    if sent is not None:
        for failure in sent.failures[:20]:
            _complain(f"{failure.event_id}: {failure.reason}", "red")
        if sent.interrupted:
            _complain("Stopped; the same command goes on from here.", "yellow")


def _as_json(report: Report, counts: Gathered, sent: Sent | None) -> dict[str, Any]:
    rows = [dict(zip(report.by, keys, strict=True)) | _sums(sums) for keys, sums in report.rows()]
    return {
        "found": counts.found,
        "older": counts.too_old,
        "unread": counts.unread,
        "unread_rows": [row._asdict() for row in counts.named],
        "sent": None
        if sent is None
        else {
            "acknowledged": sent.acknowledged,
            "imported_before": sent.known,
            "failed": [failure._asdict() for failure in sent.failures],
            "interrupted": sent.interrupted,
        },
        "total": _sums(report.total),
        "rows": rows,
    }


def _sums(sums: Sums) -> dict[str, Any]:
    told = asdict(sums)
    cost = told.pop("cost_pico_usd")
    return told | {"cost_usd": usd_text(cost)}


def _leave(counts: Gathered, sent: Sent | None) -> None:
    if sent is None:
        return
    if sent.interrupted:
        sys.exit(_EXIT_INTERRUPTED)
    if sent.acknowledged + sent.known != counts.found:
        sys.exit(EXIT_FAILED)


def _complain(sentence: str, style: str) -> None:
    err_console.print(sentence, style=style, highlight=False, markup=False)
