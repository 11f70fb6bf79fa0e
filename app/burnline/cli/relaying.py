"""What the commands that bring other topics to `usage` have in common."""

import logging
import threading
import uuid
from collections.abc import Callable

import typer
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from burnline.cli.reference import EXIT_FAILED, failure
from burnline.cli.serving import admission, status_server, stop_by_signals
from burnline.cli.worker import configure_logging
from burnline.relay.metrics import RelayMetrics
from burnline.relay.runner import Relay
from burnline.relay.sources import Source
from burnline.settings import Settings
from burnline.topics.errors import TopicError
from burnline.topics.grants import Component
from burnline.topics.reach import say_when_unreached

_log = logging.getLogger(__name__)


def relay_until_stopped(
    settings: Settings, source: Source, ensure: Callable[[Settings], object], host: str | None, port: int
) -> None:
    """Relay a source's records until Ctrl-C or SIGTERM; exits with 1 where the brokers refuse for good.

    Args:
        settings: Brokers and topics.
        source: What is read; a component of its name has the rights.
        ensure: Makes the topics that are missing.
        host: Address of metrics and probes; the settings' if None.
        port: Theirs; 0 takes a free one.
    """
    configure_logging(settings)
    say_when_unreached(settings)
    registry, stop = CollectorRegistry(), threading.Event()
    relay = Relay(settings, source, _instance(settings), RelayMetrics(source.name, registry), stop)
    rights = admission(settings, Component(source.name), stop, registry, (relay.group, relay.transactional_id))

    def work() -> None:
        ensure(settings)
        relay.run()

    def ready() -> tuple[bool, str]:
        reads, sentence = relay.state
        return reads and not rights.missing, rights.sentence or sentence

    stop_by_signals(stop)
    with status_server(settings.metrics_host if host is None else host, port, registry, ready) as server:
        _log.info("reading %s, metrics on %s/metrics", " and ".join(source.topics), server.address)
        try:
            rights.serve(work)
        except TopicError as error:
            raise failure(str(error)) from error
        except KafkaException as error:
            raise failure(f"the brokers refuse: {error.args[0].str()}", EXIT_FAILED) from error
    typer.echo("stopped")


def _instance(settings: Settings) -> str:
    """A name of its own per process. With a stable one, a restart ends at once what a killed process left open."""
    return settings.group_instance_id or uuid.uuid4().hex[:12]
