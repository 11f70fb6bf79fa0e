"""`burnline backtest`: what the learned rules would have told over a past log."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from burnline.backtest.files import FileError, read_feedback, read_planned, read_rates
from burnline.backtest.log import LogSource
from burnline.backtest.policy import read_policies
from burnline.backtest.report import compared
from burnline.backtest.run import ALL, Outcome, Period
from burnline.backtest.run import backtest as run_backtest
from burnline.backtest.source import FileSource, Source
from burnline.cli.rates_group import base_book
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, entries, failure
from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console, settings_or_exit
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.detection.learned.notice import notice_line
from burnline.detection.learned.policy import Policies
from burnline.pricing.book import RateBook
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError

_FILE = {"exists": True, "dir_okay": False, "readable": True}


@cli.command()
def backtest(
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from-file",
            metavar="EVENTS.jsonl",
            help="Usage events, in the order of time; without it what the topic `usage` holds.",
            **_FILE,
        ),
    ] = None,
    rates_file: Annotated[
        Path | None,
        typer.Option(
            "--rates-file",
            metavar="RATES.jsonl",
            help="Valuation rates over the catalogue; else, for the topic, those in force.",
            **_FILE,
        ),
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
        Path | None,
        typer.Option("--policy", metavar="FILE", help="TOML file: sensitivity, and policies by agent.", **_FILE),
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
    days are quiet. Reads the topic [bold]usage[/bold] as far as it goes, in the order in which it took its records, or
    a file. It only reads: it joins no group and writes nothing but --notices.

    [bold]burnline backtest --from 2026-03-01 --against loud.toml[/bold]  and with another policy

    Exit code 1 if there was something that is no usage event (it is left out and named), 2 for a wrong argument, file
    or setting, and where the topic cannot be read.
    """
    period = _period(from_time, until_time)
    settings = settings_or_exit() if from_file else settings_with_brokers(EXIT_MISTAKE)
    try:
        rates = read_rates(rates_file) if rates_file else () if from_file else _rates_in_force(settings)
        planned = read_planned(planned_file) if planned_file else []
        feedback = read_feedback(feedback_file) if feedback_file else None
        knobs = read_policies(policy) if policy else Policies()
        others = read_policies(against) if against else None
    except FileError as error:
        raise failure(str(error), EXIT_MISTAKE) from error
    base = RateBook.from_settings(settings) if from_file else base_book(settings)
    book = base.with_overrides(rates)
    replay = partial(run_backtest, book=book, planned=planned, period=period)
    try:
        with ExitStack() as stack:
            out = stack.enter_context(notices.open("wb")) if notices else None
            with _opened(settings, from_file) as source:
                found = replay(
                    source,
                    policies=knobs,
                    tell=lambda notice: out.write(notice_line(notice)) if out else None,
                )
            other = None
            if others is not None:
                with _opened(settings, from_file) as again:
                    other = replay(again, policies=others)
    except TopicError as error:
        raise failure(str(error), EXIT_MISTAKE) from error
    first_ms, last_ms = max(source.first_ms, period.from_ms), min(source.last_ms, period.until_ms)
    report = found.report.as_json(source.events, first_ms, last_ms, feedback)
    report["against"] = compared(found.report.incidents, other.report.incidents) if other is not None else None
    report["policies"] = {
        name: {"agents": agents, "incidents": found.report.policies[name]}
        for name, agents in found.agents_by_policy.items()
    }
    if json_wanted:
        typer.echo(json.dumps(report))
    else:
        _show(report)
    if _complaints(source, found):
        raise typer.Exit(EXIT_FAILED)


def _rates_in_force(settings: Settings) -> list[ValuationRate]:
    return list(entries(settings, topics_for(settings).valuation_rates, ValuationRate.parse).values())


@contextmanager
def _opened(settings: Settings, path: Path | None) -> Iterator[Source]:
    """The log, with a bar on stderr that shows how much of it was read."""
    if path is None:
        with _bar(MofNCompleteColumn()) as (bar, task):
            yield LogSource(settings, lambda total: bar.update(task, total=total), lambda read: bar.advance(task, read))
    else:
        with path.open("rb") as file, _bar(DownloadColumn(), path.stat().st_size) as (bar, task):
            yield FileSource(file, clock_ms(), lambda read: bar.advance(task, read))


@contextmanager
def _bar(counted: ProgressColumn, total: int | None = None) -> Iterator[tuple[Progress, TaskID]]:
    columns = TextColumn("reading the log"), BarColumn(), counted, TimeRemainingColumn()
    with Progress(*columns, console=err_console, transient=True, disable=not err_console.is_terminal) as bar:
        yield bar, bar.add_task("", total=total)


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


def _complaints(source: Source, found: Outcome) -> bool:
    for place, rejection in source.rejected:
        err_console.print(
            f"{place}: {rejection.reason}, {rejection.field}: {rejection.detail}", highlight=False, markup=False
        )
    if source.rejections > len(source.rejected):
        err_console.print(f"and {source.rejections - len(source.rejected)} more", highlight=False, markup=False)
    for _, model in sorted(found.unpriced, key=str):
        err_console.print(f"unpriced model: {model}", highlight=False, markup=False)
    for name in (name for name, agents in found.agents_by_policy.items() if not agents):
        err_console.print(f"policy {name!r} holds for no agent of this log", highlight=False, markup=False)
    return source.rejections > 0
