"""What every long-running command has beside its work: an end by signal, and metrics and probes on a port."""

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, Protocol

import typer
from prometheus_client import CollectorRegistry, Gauge

from burnline.cli.reference import failure
from burnline.settings import Settings
from burnline.status import StatusServer
from burnline.stream.writer import Fenced
from burnline.topics.admission import Admission, missing_grants, needed
from burnline.topics.errors import TopicError
from burnline.topics.grants import Component
from burnline.topics.refusal import Refusal

MetricsHost = Annotated[
    str | None, typer.Option(help="Address of /metrics, /healthz and /readyz; BURNLINE_METRICS_HOST if not given.")
]


def metrics_port_option(setting: str) -> Any:
    """The option that goes before a setting, beside a `MetricsHost`."""
    return typer.Option(min=0, max=65535, help=f"Their port; {setting} if not given, 0 takes a free one.")


def stop_by_signals(stop: threading.Event) -> None:
    """Let SIGTERM and Ctrl-C set it, so that what is under way ends cleanly."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


@contextmanager
def status_server(
    host: str, port: int, registry: CollectorRegistry, ready: Callable[[], tuple[bool, str]]
) -> Iterator[StatusServer]:
    """Answers for as long as the context lasts; exits with code 1 where the address is taken or not ours.

    Args:
        host: Address.
        port: 0 takes a free one.
        registry: What /metrics shows.
        ready: What /readyz says: whether it is at work, in words.
    """
    try:
        server = StatusServer(host, port, registry, healthy=lambda: (True, "alive"), ready=ready)
    except OSError as error:
        raise failure(f"port {port}: {error.strerror}") from error
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Alone(Protocol):
    """Work of which one process does all: who begins shuts out who was at it."""

    ready: str
    """Why it is not at work yet; empty once it is."""

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; raises Fenced when another one has begun, TopicError when the brokers refuse."""

    def close(self) -> None:
        """Hang up."""


def run_alone(
    build: Callable[[], Alone], name: str, settings: Settings, component: Component, port: int,
    registry: CollectorRegistry,
) -> None:  # fmt: skip
    """Do it until SIGTERM or Ctrl-C, with metrics and probes beside; exits with code 1 and a sentence when it fails.

    It begins once it has its rights, and anew when one that had ended it was granted.

    Args:
        build: Builds the work, each time that it begins.
        name: What another one of it is called, such as "detector".
        settings: How to reach the brokers, and the address of metrics and probes.
        component: Whose rights it needs.
        port: Of metrics and probes.
        registry: What /metrics shows.
    """
    stop, at_work = threading.Event(), list[Alone]()
    rights = admission(settings, component, stop, registry)

    def work() -> None:
        at_work[:] = [build()]
        try:
            at_work[0].run(stop)
        finally:
            at_work[0].close()

    def ready() -> tuple[bool, str]:
        why_not = rights.sentence or (at_work[0].ready if at_work else "starting")
        return not why_not, why_not or "at work"

    stop_by_signals(stop)
    with status_server(settings.metrics_host, port, registry, ready) as server:
        logging.getLogger(__name__).info("metrics on %s/metrics", server.address)
        try:
            rights.serve(work)
        except Fenced as error:
            raise failure(f"another {name} has begun, and this one ends: one is enough") from error
        except TopicError as error:
            raise failure(str(error)) from error


def admission(
    settings: Settings,
    component: Component,
    stop: threading.Event,
    registry: CollectorRegistry,
    names: Iterable[str] = (),
) -> Admission:
    """What waits for the rights of a component, and shows in `burnline_refused` what is missing.

    Args:
        settings: How to reach the brokers.
        component: Whose rights.
        stop: Set to end the process.
        registry: Of the process.
        names: Of its groups and transactional ids, where the table knows only how these begin.
    """
    refused = Gauge(
        "burnline_refused",
        "What the process waits for until somebody mends it.",
        ["cause", "resource"],
        registry=registry,
    )

    def show(found: Sequence[Refusal]) -> None:
        refused.clear()
        for refusal in found:
            refused.labels(refusal.cause, refusal.resource).set(1)

    grants = needed(component, settings, names)
    return Admission(partial(missing_grants, settings, grants), stop, show)
