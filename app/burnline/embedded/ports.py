"""Free ports on the loopback, and waiting for a Kafka broker behind one."""

import contextlib
import logging
import socket
import time
from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

LOOPBACK = "127.0.0.1"
_POLL_S = 0.02

_log = logging.getLogger(__name__)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. Another process may take one before its user does: try again then."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_broker(host: str, port: int, *, timeout_s: float, alive: Callable[[], bool]) -> bool:
    """Wait until a broker answers a metadata request with itself as a member.

    Args:
        host: Where it listens.
        port: Where it listens.
        timeout_s: How long to wait.
        alive: False once the broker's process has ended; waiting stops then.

    Returns:
        Whether it answered.
    """
    deadline = time.monotonic() + timeout_s
    while alive() and time.monotonic() < deadline:
        # librdkafka waits longer after each refused connection: it is asked only when somebody listens.
        if _listens(host, port) and _answers(f"{host}:{port}"):
            return True
        time.sleep(_POLL_S)
    return False


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers(address: str) -> bool:
    try:
        return bool(AdminClient({"bootstrap.servers": address}, logger=_log).list_topics(timeout=2).brokers)
    except KafkaException:
        return False
