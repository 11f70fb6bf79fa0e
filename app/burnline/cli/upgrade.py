"""`burnline upgrade`: what the installed version would change, before anything of it starts."""

import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from burnline import __version__, asyncapi
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import EXIT_FAILED, TIMEOUT_S, failure
from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import TIMESTAMP_TYPE, topics_for
from burnline.topics.ensure import planned
from burnline.topics.errors import TopicError
from burnline.upgrades.documents import NoDocument, changes, version_of
from burnline.upgrades.records import readable

upgrade = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Before another version is started.")
cli.add_typer(upgrade, name="upgrade")


@dataclass(slots=True)
class Report:
    """What was found; a sentence for each thing.

    Attributes:
        stops: The installed version must not be started before this is mended.
        topics: What `burnline topics ensure` would do, or leave as it is.
        records: How many records of which topic can be read.
        contracts: How topics and contracts differ from the running version's.
    """

    stops: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    contracts: list[str] = field(default_factory=list)


@upgrade.command()
def check(
    against: Annotated[
        str | None,
        typer.Option(
            metavar="URL|FILE",
            help="The running version's API, or a copy of its /asyncapi.json; by default the API of the settings.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Say what the installed version changes in a running deployment; nothing is written.

    Topics: which it would create, which are otherwise than it wants. Records: every ledger, rollup, progress, baseline,
    rate, budget, note and control is read with the installed version's own code. Contracts: what it changes for
    programs that read or write the topics, compared with what the running API says at /asyncapi.json.

    Exit code 0: it can be started, after [bold]burnline topics ensure[/bold] if topics are to be made. 1: something
    stands in its way, and is named. 2: a setting or an argument is wrong.
    """
    settings = settings_with_brokers()
    report = Report()
    try:
        _look_at_topics(settings, report)
        _look_at_records(settings, report)
    except TopicError as error:
        raise failure(str(error)) from error
    running = _compare(settings, against, report)
    if as_json:
        typer.echo(json.dumps({"installed": __version__, "running": running, **asdict(report)}))
    else:
        _print(report, running)
    raise typer.Exit(EXIT_FAILED if report.stops else 0)


def _look_at_topics(settings: Settings, report: Report) -> None:
    plan = planned(settings, timeout_s=TIMEOUT_S)
    report.stops += plan.refused
    report.topics += [f"{spec.name} is not there: `burnline topics ensure` creates it" for spec in plan.missing]
    for name, differences in plan.differing.items():
        for config, found, wanted in differences:
            done = "`burnline topics ensure` sets it" if config == TIMESTAMP_TYPE else "left as it is"
            report.topics.append(f"{name}: {config} is {found}, wanted is {wanted}: {done}")


def _look_at_records(settings: Settings, report: Report) -> None:
    for found in readable(client_config(settings), topics_for(settings), timeout_s=TIMEOUT_S):
        err_console.print(f"{found.topic}: read", style="dim", highlight=False, markup=False)
        report.records.append(f"{found.topic}: {found.records - found.unreadable:,} of {found.records:,} can be read")
        if found.unreadable:
            report.stops.append(
                f"{found.topic}: {found.unreadable:,} records cannot be read: {'; '.join(found.examples)}"
            )


def _compare(settings: Settings, against: str | None, report: Report) -> str | None:
    """Add how contracts differ; the running version, None if it is not known."""
    asked = f"http://{settings.api_host}:{settings.api_port}" if against is None else against
    try:
        document = _document(asked)
        running, found = version_of(document), changes(document, asyncapi.document(settings))
    except (OSError, ValueError) as error:
        if against is not None:
            raise failure(f"--against {against}: {error}", EXIT_MISTAKE) from None
        report.contracts.append(
            f"not compared: no running API at {asked} ({error}); --against names another, or a file"
        )
        return None
    report.contracts += [f"{one.subject} {one.what}{' (breaks)' if one.breaks else ''}" for one in found]
    return running


def _document(where: str) -> dict[str, Any]:
    if "://" not in where:
        text: str | bytes = Path(where).read_text(encoding="utf-8")
    elif where.startswith(("http://", "https://")):
        address = where.rstrip("/").removesuffix(asyncapi.PATH) + asyncapi.PATH
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310  # http(s) only, see above
                text = answer.read()
        except urllib.error.URLError as error:
            raise OSError(str(error.reason)) from None
    else:
        raise NoDocument("neither a file nor an http(s) address")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise NoDocument("no JSON object")
    return found


def _print(report: Report, running: str | None) -> None:
    console.print(f"running {running or 'not known'}, installed {__version__}", highlight=False, markup=False)
    for title, lines in (("topics", report.topics), ("records", report.records), ("contracts", report.contracts)):
        console.print(f"{title}:{'' if lines else ' nothing changes'}", highlight=False, markup=False)
        for line in lines:
            console.print(f"  {line}", highlight=False, markup=False)
    for line in report.stops:
        console.print(f"in the way: {line}", style="red", highlight=False, markup=False)
    if not report.stops:
        console.print("nothing is in the way", style="green", highlight=False, markup=False)
