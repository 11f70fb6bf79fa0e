"""`burnline registry`: what was written with a schema registry, as plain usage events."""

from typing import Annotated

from burnline.cli.reference import failure
from burnline.cli.relaying import relay_until_stopped
from burnline.cli.root import EXIT_MISTAKE, cli, settings_or_exit
from burnline.cli.serving import MetricsHost, metrics_port_option
from burnline.relay.registry import framed
from burnline.topics.ensure import ensure_framed_topic


@cli.command()
def registry(
    metrics_host: MetricsHost = None,
    metrics_port: Annotated[int | None, metrics_port_option("BURNLINE_REGISTRY_METRICS_PORT")] = None,
) -> None:
    """Turn values in Confluent's wire format into plain usage events, each exactly once, until Ctrl-C or SIGTERM.

    It reads BURNLINE_FRAMED_TOPIC (usage-framed), asks the registry at BURNLINE_SCHEMA_REGISTRY_URL once for each
    schema (JSON Schema, Avro, Protobuf), and writes to usage, in one transaction with how far it has read. Fields are
    called as in schemas/v1/usage.json. While the registry is away, a partition whose next schema is not known yet
    waits, and /readyz and the log say for what; a schema that the registry does not have, or a value that is none of
    its schema's, is a dead letter (registry_schema). Start as many as there are partitions.

    Exit code 1 when the brokers refuse for good, and why; 2 when a setting is wrong.
    """
    settings = settings_or_exit()
    if settings.schema_registry_url is None:
        raise failure("BURNLINE_SCHEMA_REGISTRY_URL is not set: where is the registry?", EXIT_MISTAKE)
    port = settings.registry_metrics_port if metrics_port is None else metrics_port
    relay_until_stopped(settings, framed(settings), ensure_framed_topic, metrics_host, port)
