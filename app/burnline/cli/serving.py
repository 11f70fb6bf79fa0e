"""What every long-running command has beside its work: an end by signal, and metrics and probes on a port."""

import signal
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from burnline.cli.reference import failure
from burnline.status import StatusServer


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
