"""What every import does: rows are read, checked, added up and sent as they come, and what became of them is told."""

import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import typer
from confluent_kafka import KafkaException
from rich import box
from rich.progress import DownloadColumn
from rich.table import Table
from rich.text import Text

from burnline.cli.publish import progress_bar
from burnline.cli.rates_group import base_book, book_of, in_topic
from burnline.cli.reached import brokers_are_there, settings_with_brokers
from burnline.cli.root import console, err_console, settings_or_exit
from burnline.cli.times import epoch_ms
from burnline.events.text import printable
from burnline.finance.days import zone
from burnline.imports.found import Found, OnBytes, Unread
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

Rows = Callable[[OnBytes], Iterator[Found | Unread]]


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


def run(rows: Rows, size: int, wanted: Wanted) -> None:
    """Import what `rows` gives, of `size` bytes; leaves the process with the exit code where something is wrong."""
    if wanted.org is None and not wanted.report:
        raise typer.BadParameter("say who pays, or ask for a --report", param_hint="--org")
    report, sending = _report(wanted), not (wanted.report or wanted.dry_run)
    since_ms = epoch_ms(wanted.since) if wanted.since else 0
    counts = Gathered()
    org = wanted.org or _REPORTS_ORG
    with progress_bar("importing" if sending else "reading", size, DownloadColumn()) as on_bytes:
        pairs = gather(rows(on_bytes), counts, org=org, agent=wanted.agent, since_ms=since_ms)
        encoded = (_added(report, usage, record) for usage, record in pairs)
        sent = _send(encoded, wanted, org) if sending else None
        if not sending:
            deque(encoded, maxlen=0)
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
        days = zone(wanted.timezone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timezone") from error
    return Report(groups, _prices(), days)


def _prices() -> RateBook:
    """What workers price by, if brokers are named and there; else the bundled catalogue, for a report needs none."""
    settings = settings_or_exit()
    without = "Priced by the bundled catalogue; another one may be in force, and rates of one's own go before it."
    if "kafka_bootstrap_servers" not in settings.model_fields_set or not brokers_are_there(settings, without):
        return RateBook.from_settings(settings)
    return book_of(base_book(settings), in_topic(settings, create=True))


def _send(encoded: Iterable[Encoded], wanted: Wanted, org: str) -> Sent:
    settings = settings_with_brokers()
    topic = topics_for(settings).usage.name
    target = f"{settings.kafka_bootstrap_servers}/{topic}/{org}"
    try:
        ensure_topics(settings, timeout_s=10)
        with Memory(default_file(), target) as memory:
            return send(settings, encoded, memory, unique_in_session=wanted.unique_in_session, again=wanted.again)
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
