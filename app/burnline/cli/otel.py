"""`burnline otel`: what agents tell OpenTelemetry, as usage events."""

from typing import Annotated

from burnline.cli.relaying import relay_until_stopped
from burnline.cli.root import cli, settings_or_exit
from burnline.cli.serving import MetricsHost, metrics_port_option
from burnline.relay.sources import telemetry
from burnline.topics.ensure import ensure_otel_topics


@cli.command()
def otel(
    metrics_host: MetricsHost = None,
    metrics_port: Annotated[int | None, metrics_port_option("BURNLINE_OTEL_METRICS_PORT")] = None,
) -> None:
    """Turn spans and log events of OpenTelemetry into usage events, each exactly once, until Ctrl-C or SIGTERM.

    It reads what the OpenTelemetry Collector's Kafka exporter writes to otlp_spans and otlp_logs (otlp_proto or
    otlp_json), and writes to usage, in one transaction with how far it has read. Start as many as there are partitions.
    Counted are the GenAI spans of model calls and Claude Code's api_request events; what goes into them, and which
    session and organisation they belong to, is in docs/otel.md. Missing topics are created.

    Exit code 1 when the brokers refuse for good, and why; 2 when a setting is wrong.
    """
    settings = settings_or_exit()
    port = settings.otel_metrics_port if metrics_port is None else metrics_port
    relay_until_stopped(settings, telemetry(settings), ensure_otel_topics, metrics_host, port)
