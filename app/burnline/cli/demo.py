"""`burnline demo`: everything at work, with nothing installed but this package."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated

import typer
from confluent_kafka import KafkaException

from burnline.cli.root import cli, console, err_console, settings_or_exit
from burnline.demo.child import ChildFailed
from burnline.demo.dump import dump_events
from burnline.demo.feed import TopicsInUseError
from burnline.demo.output import Output, Picture, output_for, summary_lines
from burnline.demo.publishing import clock_ms
from burnline.demo.replay import Timetable
from burnline.demo.runner import Options, Run
from burnline.demo.scenario import plan
from burnline.demo.servers import BrokerContradiction, BrokerKind, RedisUnusable
from burnline.demo.summary import Summary
from burnline.demo.trace import load_trace
from burnline.embedded.apache import ApacheKafkaUnavailable
from burnline.embedded.broker import EmbeddedBrokerUnavailable
from burnline.embedded.jars import JarsUnavailable
from burnline.embedded.java import JavaUnavailable
from burnline.embedded.valkey import EmbeddedValkeyUnavailable
from burnline.ledger.record import UnreadableRecord
from burnline.publisher import DeliveryError
from burnline.topics.errors import TopicError

EXIT_FAILED = 1
_FAILURES = (
    ChildFailed,
    TopicsInUseError,
    RedisUnusable,
    EmbeddedBrokerUnavailable,
    ApacheKafkaUnavailable,
    JarsUnavailable,
    JavaUnavailable,
    EmbeddedValkeyUnavailable,
    TopicError,
    DeliveryError,
    KafkaException,
    UnreadableRecord,
    OSError,
)


@cli.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End with the trace, print a summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")] = False,
    dump: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the demo's events as JSONL to FILE (- for stdout). Alone it does only that; with --once "
            "exactly these events are replayed.",
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=1, max=100_000, help="How many times faster than it happened the hour is replayed.")
    ] = 60.0,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="Let the demo's agents obey controls. From another terminal: burnline controls set session "
            "northwind/refactorer-runaway stop --enforce",
        ),
    ] = False,
    broker: Annotated[
        BrokerKind | None,
        typer.Option(
            help="Which broker it brings along: tansu, in memory, or apache: Apache Kafka itself, fetched from Maven "
            "Central once (45 MB).",
            show_default="tansu",
        ),
    ] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", hidden=True, help="Save the screen as SVG.")] = None,
) -> None:
    """Replay an hour of a real service's requests in a minute; watch a session run away.

    Starts a Kafka-compatible broker (--broker) and a Valkey out of packages on free
    loopback ports, then a worker, the projector and the API, and says where
    the API explains itself. Publishes the Azure LLM inference trace of 2023
    (coding service), dated so that its hour ends now and burn rates stay
    true. The trace names nobody, so a fixed rule gives its requests to
    organisations, agents and sessions, and adds one session that burns
    20 USD/h for a quarter of an hour: its anomaly opens, escalates and
    resolves; nobody else's does.

    Without --once all of it stays up after the trace's end, until Ctrl-C.
    With --once the exit code is 0 when every published event is counted, the
    API gives the same sum and the runaway's anomaly is resolved; else 1,
    saying what is missing.

    With BURNLINE_KAFKA_BOOTSTRAP_SERVERS set, that broker is used, with new
    topics and a new consumer group for every run (burnline-demo-<time>-…),
    which stay there; with BURNLINE_TOPIC_PREFIX set as well, with topics of
    that prefix, which must not hold any events yet. BURNLINE_REDIS_URL and
    BURNLINE_REDIS_PREFIX do the same for Redis and the keys in it. Where
    there is no Valkey for this machine, and no Redis was named, the demo says
    so and runs without projector and API.
    """
    settings = settings_or_exit()
    screen = err_console if as_json or str(dump) == "-" else console
    with ExitStack() as stack:
        file = _opened(dump, stack) if dump else None
        if file and not once:
            _only_dump(file, speed)
            return
        output: Output = output_for(screen)
        if picture is not None:
            output = Picture(output, picture)
        run = Run(settings, Options(once=once, speed=speed, dump=file, controls=controls, broker=broker), output)
        try:
            summary = run.execute()
        except BrokerContradiction as mistake:
            raise typer.BadParameter(str(mistake), param_hint="--broker") from None
        except _FAILURES as failure:
            err_console.print(f"demo failed: {failure}", style="red", highlight=False, markup=False)
            sys.exit(EXIT_FAILED)
    _report(summary, as_json=as_json, interrupted=run.interrupted is not None)
    sys.exit(_exit_code(summary, once=once, interrupted=run.interrupted))


def _opened(dump: Path, stack: ExitStack) -> IO[str]:
    if str(dump) == "-":
        return sys.stdout
    try:
        return stack.enter_context(dump.open("w", encoding="utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"{dump}: {error.strerror}", param_hint="--dump") from error


def _only_dump(file: IO[str], speed: float) -> None:
    events = plan(load_trace())
    length_ms = events[-1].offset_ms
    count = dump_events(events, Timetable(clock_ms() - int(length_ms / speed), length_ms, speed), file)
    err_console.print(f"{count:,} events written", highlight=False)


def _report(summary: Summary | None, *, as_json: bool, interrupted: bool) -> None:
    if summary is None:
        return
    if as_json:
        typer.echo(json.dumps(summary.as_json(), indent=2))
        return
    for line in summary_lines(summary):
        if not (interrupted and line.startswith("missing:")):
            console.print(line, highlight=False, markup=False)


def _exit_code(summary: Summary | None, *, once: bool, interrupted: int | None) -> int:
    """A demo that goes on until somebody ends it has done its work then; one that was to end by itself has not."""
    if interrupted is not None:
        return 128 + interrupted if once else 0
    return 0 if summary is not None and summary.complete else EXIT_FAILED
