"""What every long-running command has beside its work: an end by signal, and metrics and probes on a port."""

import logging
import signal
import threading
from collections.abc import Callable
from typing import Protocol

from prometheus_client import CollectorRegistry

from burnline.cli.reference import failure
from burnline.status import StatusServer
from burnline.stream.writer import Fenced
from burnline.topics.errors import TopicError


def stop_by_signals(stop: threading.Event) -> None:
    """Let SIGTERM and Ctrl-C set it, so that what is under way ends cleanly."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def status_server(
    host: str, port: int, registry: CollectorRegistry, ready: Callable[[], tuple[bool, str]]
) -> StatusServer:
    """Bound, and not yet answering; exits with code 1 where the address is taken or not ours.

    Args:
        host: Address.
        port: 0 takes a free one.
        registry: What /metrics shows.
        ready: What /readyz says: whether it is at work, in words.
    """
    try:
        return StatusServer(host, port, registry, healthy=lambda: (True, "alive"), ready=ready)
    except OSError as error:
        raise failure(f"port {port}: {error.strerror}") from error


class Alone(Protocol):
    """Work of which one process does all: who begins shuts out who was at it."""

    ready: str
    """Why it is not at work yet; empty once it is."""

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; raises Fenced when another one has begun, TopicError when the brokers refuse."""

    def close(self) -> None:
        """Hang up."""


def run_alone(work: Alone, name: str, host: str, port: int, registry: CollectorRegistry) -> None:
    """Do it until SIGTERM or Ctrl-C, with metrics and probes beside; exits with code 1 and a sentence when it fails.

    Args:
        work: Built, and not begun.
        name: What another one of it is called, such as "detector".
        host: Address of metrics and probes.
        port: Their port.
        registry: What /metrics shows.
    """
    stop = threading.Event()
    stop_by_signals(stop)
    server = status_server(host, port, registry, lambda: (not work.ready, work.ready or "at work"))
    server.start()
    logging.getLogger(__name__).info("metrics on %s/metrics", server.address)
    try:
        work.run(stop)
    except Fenced as error:
        raise failure(f"another {name} has begun, and this one ends: one is enough") from error
    except TopicError as error:
        raise failure(str(error)) from error
    finally:
        work.close()
        server.stop()
