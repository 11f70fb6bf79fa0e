"""What `burnline verify` found, for people."""

from itertools import islice

from rich import box
from rich.table import Table
from rich.text import Text

from burnline.cli.reference import print_whole
from burnline.cli.root import console
from burnline.detection.anomaly import rfc3339
from burnline.ledger.audit.cut import Begun
from burnline.ledger.audit.identities import MOST_NAMED
from burnline.ledger.audit.outcome import NO_DIFFERENCE, Outcome, Row
from burnline.ledger.audit.report import AuditReport, PartitionReport
from burnline.ledger.audit.sums import Fields
from burnline.ledger.session import SUM_FIELDS
from burnline.pricing.money import usd_text

_TITLES = {
    Outcome.LOST: "Lost: gone from the log before they were read, and in no sum (burnline adopt acknowledges it)",
    Outcome.MISSING: "Missing: events of the log that are not counted",
    Outcome.DOUBLED: "Doubled: more is counted than the log holds",
    Outcome.ALTERED: "Altered: as many events, but other tokens, runs, owner, times or offset",
    Outcome.WRONG_AMOUNT: "Wrong amount: counts agree, USD does not, and no rate of one's own explains it "
    "(did Burnline come with another price catalogue then?)",
    Outcome.CONTRADICTORY: "Records that contradict themselves",
    Outcome.UNREADABLE: "Records that cannot be read",
    Outcome.AHEAD: "Ledgers ahead of their partition's progress: a worker would count their events again",
    Outcome.LOG_CUT: "The log ends before what was applied: it was replaced, or has lost its end",
    Outcome.NO_DEAD_LETTER: "Refused events without a dead letter",
    Outcome.REPEATED_DEAD_LETTER: "Events with several dead letters",
    Outcome.UNFOUNDED_DEAD_LETTER: "Dead letters of no event, or of a good one",
    Outcome.OTHER_RATES: "Charged at other rates than those in force now (no difference)",
}
_ODDITIES = {
    "other_content": "Repeats with other content under one event id, of which the first counts",
    "other_session": "Event ids that another session of the organisation had before, counted in both unless "
    "BURNLINE_EVENT_ID_SCOPE is org",
}
_SESSIONS = {
    Outcome.AGREES: "agree",
    Outcome.RETIRED: "retired, in closed rollups",
    Outcome.OTHER_RATES: "charged at other rates",
    Outcome.NOT_CHECKABLE: "not checkable from the start",
    Outcome.OUTSIDE: "outside the range",
}
_TOTALS = ("events", "input_tokens", "output_tokens", "cost_pico_usd")


def print_report(report: AuditReport, duration_s: float) -> None:
    """Print it: partitions, totals, what differs, and the verdict."""
    print_whole(_partitions(report.partitions))
    print_whole(_totals(report))
    for outcome in _TITLES:
        if rows := report.findings.rows.get(outcome):
            _print_rows(outcome, rows, report.findings.counts[outcome])
    _print_remarks(report)
    records = sum(partition.records for partition in report.partitions)
    read = f"{records:,} records in {duration_s:.1f} s ({records / duration_s:,.0f}/s)"
    if report.agrees:
        console.print(f"Nothing differs: {read}.", style="green", highlight=False)
    else:
        console.print(f"{report.findings.differences:,} differences: {read}.", style="bold red", highlight=False)


def _partitions(partitions: list[PartitionReport]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("partition", "log from", "to", "refused", "repeats", "sessions", "differences"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in partitions:
        numbers = (one.first_offset, one.next_offset, one.refused, one.repeats, one.sessions.total())
        wrong = one.findings.differences
        cells = (Text(f"{number:,}") for number in numbers)
        table.add_row(str(one.partition), *cells, Text(f"{wrong:,}", "bold red" if wrong else "green"))
    return table


def _totals(report: AuditReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("events", "input tokens", "output tokens", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("recomputed", *_cells(report.recomputed))
    table.add_row("ledgers and rollups", *_cells(report.counted))
    if any(report.usage_settled):
        table.add_row("usage rollups", *_cells(report.usage_settled))
    if any(report.usage_moving):
        table.add_row("usage rollups, still written", *_cells(report.usage_moving), style="dim")
    if any(report.not_checkable):
        table.add_row("not checkable", *_cells(report.not_checkable), style="dim")
    return table


def _cells(fields: Fields) -> list[str]:
    values = dict(zip(SUM_FIELDS, fields, strict=True))
    *counts, cost = (values[name] for name in _TOTALS)
    return [*(f"{count:,}" for count in counts), usd_text(cost)]


def _print_rows(outcome: Outcome, rows: list[Row], count: int) -> None:
    console.print(_TITLES[outcome], style="dim" if outcome in NO_DIFFERENCE else "red", highlight=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("partition", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    sums = any(row.events or row.tokens or row.pico_usd for row in rows)
    for name in ("events", "tokens", "USD") if sums else ():
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for row in rows:
        numbers = (f"{row.events:+,}", f"{row.tokens:+,}", _signed(row.pico_usd)) if sums else ()
        table.add_row(str(row.partition), *map(Text, (row.subject, *numbers, row.detail)))
    print_whole(table)
    if count > len(rows):
        console.print(f"… and {count - len(rows):,} more; see --top.", style="dim", highlight=False)


def _signed(pico_usd: int) -> str:
    return f"{'+' if pico_usd > 0 else ''}{usd_text(pico_usd)}"


def _print_remarks(report: AuditReport) -> None:
    waiting = [f"{one.unapplied:,} on partition {one.partition}" for one in report.partitions if one.unapplied]
    if waiting:
        console.print(f"Not yet applied: {', '.join(waiting)}.", highlight=False)
    for one in report.partitions:
        if one.begun is not None:
            _say(f"Partition {one.partition} {_begun(one.begun)}.")
    _print_oddities(report)
    sessions = report.sessions
    told = [f"{sessions[outcome]:,} {words}" for outcome, words in _SESSIONS.items() if sessions[outcome]]
    if told:
        console.print(f"Sessions: {', '.join(told)}.", highlight=False)
    if letters := sum(partition.letters_not_checkable for partition in report.partitions):
        console.print(f"Refused events whose dead letters retention may have removed: {letters:,}.", highlight=False)


def _begun(begun: Begun) -> str:
    since = f"from offset {begun.from_offset:,}, since {rfc3339(begun.at_ms)}"
    if not begun.adopted:
        return f"was counted anew {since}"
    kept = f"{begun.kept_events:,} events of before are" if begun.offsets else "what was counted before is"
    return f"goes on with another usage topic, adopted {since}: {kept} kept, and cannot be compared with a log"


def _print_oddities(report: AuditReport) -> None:
    for what, sentence in _ODDITIES.items():
        if count := sum(getattr(one.oddities, what) for one in report.partitions):
            named = [name for one in report.partitions for name in one.oddities.named.get(what, ())]
            _say(f"{sentence}: {count:,}, such as {', '.join(named[:MOST_NAMED])}.")
    if spread := report.places.spread:
        named = [
            f"{session_id} of {org_id} on {' and '.join(map(str, sorted(partitions)))}"
            for (org_id, session_id), partitions in islice(spread.items(), MOST_NAMED)
        ]
        _say(
            f"Sessions on several partitions, each judged by what one of them sees: {len(spread):,}, such as "
            f"{', '.join(named)}. Publishers should all key events by session id, with one partitioner."
        )


def _say(sentence: str) -> None:
    console.print(sentence, style="yellow", highlight=False, markup=False)
