"""`burnline backtest`: what the learned rules would have told over a past log."""

import json
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from burnline.backtest.files import FileError, read_feedback, read_planned, read_rates
from burnline.backtest.policy import LearnedPolicy, read_policy
from burnline.backtest.report import compared
from burnline.backtest.run import ALL, Outcome, Period
from burnline.backtest.run import backtest as run_backtest
from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console, settings_or_exit
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.detection.learned.notice import notice_line
from burnline.pricing.book import RateBook

_FILE = {"exists": True, "dir_okay": False, "readable": True}


@cli.command()
def backtest(
    from_file: Annotated[
        Path, typer.Option("--from-file", metavar="EVENTS.jsonl", help="Usage events, in the order of time.", **_FILE)
    ],
    rates_file: Annotated[
        Path | None,
        typer.Option("--rates-file", metavar="RATES.jsonl", help="Valuation rates over the catalogue.", **_FILE),
    ] = None,
    planned_file: Annotated[
        Path | None,
        typer.Option(
            "--planned-file", metavar="CALENDAR.jsonl", help="Announced spikes: org, agent, from_ms, to_ms.", **_FILE
        ),
    ] = None,
    feedback_file: Annotated[
        Path | None,
        typer.Option(
            "--feedback-file", metavar="FILE", help="Lines of anomaly_id and verdict: true, false, planned.", **_FILE
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="TOML file with one knob: sensitivity.", **_FILE)
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FILE", help="Another policy: what would it have told of the log?", **_FILE),
    ] = None,
    from_time: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help=f"Count what was opened since: {TIME_HELP}.")
    ] = None,
    until_time: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="And before; what was earlier is learned from.")
    ] = None,
    notices: Annotated[
        Path | None, typer.Option("--notices", metavar="OUT.jsonl", help="Write every notice, one JSON object a line.")
    ] = None,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Replay a log through the learned rules, and report what they would have told.

    Nothing has to be set: ranges are learned from the log itself, each day from the days before it, so the first two
    days are quiet. Lines that are no usage event are left out and named; exit code 1 if there were any.
    """
    try:
        book = RateBook.from_settings(settings_or_exit()).with_overrides(read_rates(rates_file) if rates_file else ())
        planned = read_planned(planned_file) if planned_file else []
        feedback = read_feedback(feedback_file) if feedback_file else None
        knobs = read_policy(policy) if policy else LearnedPolicy()
        others = read_policy(against) if against else None
        period = _period(from_time, until_time)
    except FileError as error:
        err_console.print(str(error), style="red", highlight=False, markup=False)
        sys.exit(EXIT_MISTAKE)
    with ExitStack() as stack:
        events = stack.enter_context(from_file.open("rb"))
        out = stack.enter_context(notices.open("wb")) if notices else None
        replay = partial(run_backtest, book=book, planned=planned, now_ms=clock_ms(), period=period)
        found = replay(
            events,
            sensitivity=knobs.sensitivity,
            tell=lambda notice: out.write(notice_line(notice)) if out else None,
        )
        if others is not None:
            events.seek(0)
            other = replay(events, sensitivity=others.sensitivity)
    reader = found.reader
    first_ms, last_ms = max(reader.first_ms, period.from_ms), min(reader.last_ms, period.until_ms)
    report = found.report.as_json(reader.events, first_ms, last_ms, feedback)
    report["against"] = compared(found.report.incidents, other.report.incidents) if others is not None else None
    if json_wanted:
        typer.echo(json.dumps(report))
    else:
        _show(report)
    if _complaints(found):
        sys.exit(1)


def _period(from_time: str | None, until_time: str | None) -> Period:
    period = Period(
        epoch_ms(from_time) if from_time else ALL.from_ms, epoch_ms(until_time) if until_time else ALL.until_ms
    )
    if period.from_ms >= period.until_ms:
        raise typer.BadParameter(f"--from {from_time} does not lie before --to {until_time}")
    return period


def _show(report: dict[str, Any]) -> None:
    causes = ", ".join(f"{name} {count}" for name, count in report["causes"].items()) or "none"
    console.print(
        f"{report['events']:,} events, {report['incidents']} incidents "
        f"({report['incidents_per_week']} a week): {causes}",
        highlight=False,
        markup=False,
    )
    console.print(
        f"{report['notices_per_incident']} notices each until resolved; {report['excess_usd']} USD above usual.",
        highlight=False,
        markup=False,
    )
    if other := report["against"]:
        console.print(
            f"The other policy: {other['incidents']} incidents; {other['both']} are in both, {other['only_here']} only "
            f"here, {other['only_there']} only there.",
            highlight=False,
            markup=False,
        )
    if report["feedback"]:
        console.print(f"Of those that were judged, {report['feedback']['precision']} were real.", highlight=False)


def _complaints(found: Outcome) -> bool:
    reader = found.reader
    for line, rejection in reader.rejected:
        err_console.print(
            f"line {line}: {rejection.reason}, {rejection.field}: {rejection.detail}", highlight=False, markup=False
        )
    if reader.rejections > len(reader.rejected):
        err_console.print(f"and {reader.rejections - len(reader.rejected)} more lines", highlight=False, markup=False)
    for _, model in sorted(reader.unpriced, key=str):
        err_console.print(f"unpriced model: {model}", highlight=False, markup=False)
    return reader.rejections > 0
