"""`burnline otel`: what agents tell OpenTelemetry, as usage events."""

import logging
import threading
import uuid
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from burnline.cli.reference import EXIT_FAILED, failure
from burnline.cli.root import cli, settings_or_exit
from burnline.cli.serving import admission, status_server, stop_by_signals
from burnline.cli.worker import configure_logging
from burnline.relay.metrics import RelayMetrics
from burnline.relay.runner import Relay, group_of
from burnline.settings import Settings
from burnline.topics.ensure import ensure_otel_topics
from burnline.topics.errors import TopicError
from burnline.topics.grants import Component
from burnline.topics.reach import say_when_unreached

_log = logging.getLogger(__name__)


@cli.command()
def otel(
    metrics_host: Annotated[
        str | None, typer.Option(help="Address of /metrics, /healthz and /readyz; BURNLINE_METRICS_HOST if not given.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Their port; BURNLINE_OTEL_METRICS_PORT if not given, 0 takes a free one."),
    ] = None,
) -> None:
    """Turn spans and log events of OpenTelemetry into usage events, each exactly once, until Ctrl-C or SIGTERM.

    It reads what the OpenTelemetry Collector's Kafka exporter writes to otlp_spans and otlp_logs (otlp_proto or
    otlp_json), and writes to usage, in one transaction with how far it has read. Start as many as there are partitions.
    Counted are the GenAI spans of model calls and Claude Code's api_request events; what goes into them, and which
    session and organisation they belong to, is in docs/otel.md. Missing topics are created.

    Exit code 1 when the brokers refuse for good, and why; 2 when a setting is wrong.
    """
    settings = settings_or_exit()
    configure_logging(settings)
    say_when_unreached(settings)
    registry, stop = CollectorRegistry(), threading.Event()
    relay = Relay(settings, _instance(settings), RelayMetrics(registry), stop)
    names = (group_of(settings), relay.transactional_id)
    rights = admission(settings, Component.OTEL, stop, registry, names)

    def work() -> None:
        ensure_otel_topics(settings)
        relay.run()

    def ready() -> tuple[bool, str]:
        return relay.ready and not rights.missing, rights.sentence or ("reading" if relay.ready else "not reading")

    stop_by_signals(stop)
    server = status_server(
        settings.metrics_host if metrics_host is None else metrics_host,
        settings.otel_metrics_port if metrics_port is None else metrics_port,
        registry,
        ready,
    )
    server.start()
    _log.info("reading %s and %s, metrics on %s/metrics", settings.otel_spans_topic, settings.otel_logs_topic,
              server.address)  # fmt: skip
    try:
        rights.serve(work)
    except TopicError as error:
        raise failure(str(error)) from error
    except KafkaException as error:
        raise failure(f"the brokers refuse: {error.args[0].str()}", EXIT_FAILED) from error
    finally:
        server.stop()
    typer.echo("stopped")


def _instance(settings: Settings) -> str:
    """A name of its own per process. With a stable one, a restart ends at once what a killed process left open."""
    return settings.group_instance_id or uuid.uuid4().hex[:12]
