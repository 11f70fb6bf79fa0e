"""`burnline notify`: anomaly notices to where people look."""

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from burnline.budgets.notice import BudgetNotice
from burnline.cli.reference import TIMEOUT_S, failure
from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console, settings_or_exit
from burnline.cli.serving import MetricsHost, admission, metrics_port_option, status_server, stop_by_signals
from burnline.cli.worker import configure_logging
from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.detection.summary import summary
from burnline.kafka import client_config
from burnline.notify.attempts import NotifyMetrics
from burnline.notify.budget_runner import BudgetRunner, budget_group_of
from burnline.notify.budgets import TellBudget, budget_channel
from burnline.notify.channel import Channel
from burnline.notify.channels import channel
from burnline.notify.known import Known
from burnline.notify.messages import idempotency_key, made_up
from burnline.notify.places import MemoryPlaces, Places, TopicPlaces
from burnline.notify.preview import preview as previewed
from burnline.notify.runner import SinkRunner, group_of, run_all
from burnline.notify.sinks import Sink, Sinks, SinksError, read_sinks
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError, TopicMissing
from burnline.topics.grants import Component
from burnline.topics.reading import read_to_end

LIFE = (
    (State.OPENED, Severity.WARNING),
    (State.ESCALATED, Severity.CRITICAL),
    (State.RESOLVED, Severity.CRITICAL),
)

_log = logging.getLogger(__name__)

group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Bring anomaly notices to where people look.")
cli.add_typer(group, name="notify")

SinksFile = Annotated[
    Path, typer.Option("--sinks", metavar="FILE", envvar="BURNLINE_NOTIFY_SINKS", help="TOML file with the sinks.")
]


def _sinks(path: Path) -> Sinks:
    try:
        return read_sinks(path)
    except SinksError as error:
        raise _mistaken(error) from None


def _mistaken(error: SinksError) -> typer.Exit:
    for mistake in error.mistakes:
        err_console.print(mistake, style="red", highlight=False, markup=False)
    return typer.Exit(EXIT_MISTAKE)


def _named(found: Sinks, name: str) -> Sink:
    for sink in found.sinks:
        if sink.name == name:
            return sink
    raise _mistaken(
        SinksError([f"there is no sink {name!r}; there are {', '.join(sink.name for sink in found.sinks)}"])
    )


def _channel(found: Sinks, sink: Sink, places: Places) -> Channel:
    try:
        return channel(sink, dict(os.environ), found.link, _now_ms, places)
    except SinksError as error:
        raise _mistaken(error) from None


def _budget_channel(found: Sinks, sink: Sink) -> TellBudget:
    try:
        return budget_channel(sink, dict(os.environ), found.link, _now_ms)
    except SinksError as error:
        raise _mistaken(error) from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@group.command()
def run(
    sinks: SinksFile,
    metrics_host: MetricsHost = None,
    metrics_port: Annotated[int | None, metrics_port_option("BURNLINE_NOTIFY_METRICS_PORT")] = None,
) -> None:
    """Send every notice to every sink that wants it, at least once and in order, until Ctrl-C or SIGTERM.

    Each sink has a consumer group of its own, so one that is down holds up
    no other, and goes on where it was. What a sink refuses for good, or has
    not taken within its [bold]give_up_after_s[/bold], goes to the topic
    parked-notices: see [bold]burnline notify parked[/bold].
    """
    settings = settings_or_exit()
    configure_logging(settings)
    found = _sinks(sinks)
    for sink in found.sinks:
        _channel(found, sink, MemoryPlaces())  # what is wrong in the file is said now
        _budget_channel(found, sink)
    registry, stop, known = CollectorRegistry(), threading.Event(), threading.Event()
    metrics = NotifyMetrics(registry)
    names = [each(settings, sink.name) for sink in found.sinks for each in (group_of, budget_group_of)]
    rights = admission(settings, Component.NOTIFY, stop, registry, names)
    stop_by_signals(stop)

    def ready() -> tuple[bool, str]:
        why_not = rights.sentence or ("" if known.is_set() else "reading what is known of anomalies")
        return not (stop.is_set() or why_not), why_not or f"{len(found.sinks)} sinks"

    host = settings.metrics_host if metrics_host is None else metrics_host
    port = settings.notify_metrics_port if metrics_port is None else metrics_port
    with status_server(host, port, registry, ready) as server:
        logging.getLogger(__name__).info("%d sinks, metrics on %s/metrics", len(found.sinks), server.address)
        try:
            rights.serve(lambda: _bring(settings, found, metrics, stop, known))
        except TopicMissing as error:
            raise failure(f"{error} burnline topics ensure creates what is missing.") from error
        except (TopicError, KafkaException) as error:
            raise failure(f"notify failed: {error}") from error


def _bring(
    settings: Settings, found: Sinks, metrics: NotifyMetrics, asked: threading.Event, begun: threading.Event
) -> None:
    """All sinks, each in a thread of its own, until `asked` is set or one fails; sets `begun` when they begin.

    Raises:
        TopicError, KafkaException: What failed first.
    """
    stop, known = threading.Event(), Known(settings)
    positions = known.read()
    begun.set()
    places = TopicPlaces(settings, known)
    runners = [SinkRunner(settings, sink, _channel(found, sink, places), known, metrics, stop) for sink in found.sinks]
    budgets = [BudgetRunner(settings, sink, _budget_channel(found, sink), metrics, stop) for sink in found.sinks]
    work = [*(one.run for one in runners), *(one.run for one in budgets), lambda: known.follow(positions, stop)]
    failures = run_all(work, stop, asked)
    for failed in failures[1:]:
        _log.error("another sink failed, too: %s", failed)
    if failures:
        raise failures[0]


@group.command()
def test(
    name: Annotated[str, typer.Argument(help="Which sink of the file.")],
    sinks: SinksFile,
) -> None:
    """Send the whole life of a made-up anomaly to one sink: opened, escalated, resolved. No broker is needed."""
    found = _sinks(sinks)
    send = _channel(found, _named(found, name), MemoryPlaces())
    made = f"made-up-{_now_ms()}"
    for revision, (state, severity) in enumerate(LIFE, 1):
        notice = made_up(state, severity, revision, _now_ms(), made)
        result = send(notice)
        console.print(
            f"{state.value}: {'sent' if result.sent else 'not sent'}, {result.detail}", highlight=False, markup=False
        )
        if not result.sent:
            raise typer.Exit(1)


@group.command()
def preview(
    name: Annotated[str, typer.Argument(help="Which sink of the file.")],
    sinks: SinksFile,
    state: Annotated[State, typer.Option(help="Of a made-up anomaly in this state.")] = State.OPENED,
    notice_file: Annotated[
        Path | None,
        typer.Option("--notice", metavar="FILE", exists=True, dir_okay=False,
                     help="Of this notice, as `burnline anomalies --json` has them; its first line."),
    ] = None,
) -> None:  # fmt: skip
    """Print what a sink would be told: its title and text, or the body of its request. Nothing is sent."""
    found = _sinks(sinks)
    severity = Severity.WARNING if state is State.OPENED else Severity.CRITICAL
    notice = made_up(state, severity, list(State).index(state) + 1, _now_ms(), "made-up")
    if notice_file is not None:
        try:
            notice = Anomaly.model_validate_json(notice_file.read_text("utf-8").partition("\n")[0])
        except ValidationError as error:
            raise failure(f"{notice_file}: no anomaly notice: {error.error_count()} mistakes", EXIT_MISTAKE) from None
    typer.echo(previewed(_named(found, name), notice, found.link, _now_ms()))


@group.command()
def parked(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List notices that could not be delivered, each with its sink and why."""
    for record in _parked():
        if as_json:
            typer.echo(json.dumps(record, ensure_ascii=False))
        else:
            notice = _notice_of(record)
            told = notice.summary if isinstance(notice, BudgetNotice) else summary(notice)
            source = record["source"] or {"partition": "-", "offset": "-"}
            console.print(
                f"{source['partition']}/{source['offset']} {record['sink']}: {record['detail']} | {told}",
                highlight=False, markup=False,
            )  # fmt: skip


@group.command()
def redrive(
    name: Annotated[str, typer.Argument(help="To which sink of the file.")],
    sinks: SinksFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
) -> None:
    """Send what was parked for a sink once more, oldest first; stops at the first that is refused.

    The idempotency key is that of the first attempts: a receiver that has had one knows it.
    """
    found = _sinks(sinks)
    sink = _named(found, name)
    send, tell_budget = _channel(found, sink, MemoryPlaces()), _budget_channel(found, sink)
    for record in (one for one in _parked() if one["sink"] == name):
        notice = _notice_of(record)
        named = notice.notice_id if isinstance(notice, BudgetNotice) else idempotency_key(notice)
        if dry_run:
            console.print(f"would send {named}", highlight=False, markup=False)
            continue
        result = tell_budget(notice) if isinstance(notice, BudgetNotice) else send(notice)
        if not result.sent:
            raise failure(f"{named}: {result.detail}")
        console.print(f"sent {named}", highlight=False, markup=False)


def _notice_of(record: dict[str, Any]) -> Anomaly | BudgetNotice:
    fields = record["notice"]
    return (BudgetNotice if "budget" in fields else Anomaly).model_validate(fields)


def _parked() -> list[dict[str, Any]]:
    settings = settings_or_exit()
    topic = topics_for(settings).parked_notices
    try:
        batches = list(read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=TIMEOUT_S))
    except TopicError as error:
        raise failure(str(error)) from error
    records = [json.loads(message.value() or b"{}") for batch in batches for message in batch]
    return sorted(records, key=lambda record: record["parked_at_ms"])
