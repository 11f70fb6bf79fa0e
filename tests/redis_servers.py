"""Which Redis the tests run against: Valkey in a container where Docker answers, else the one out of the wheel."""

import socket
import time
from abc import ABC, abstractmethod
from typing import ClassVar

from burnline.embedded.ports import free_ports
from burnline.embedded.valkey import EmbeddedValkey
from tests.kafka.container import ContainerBroker

IMAGE = "valkey/valkey:9.1-alpine"
"""The version in the wheel."""
_PORT = 6379
_START_TIMEOUT_S = 60.0


class RedisServer(ABC):
    """A Redis of the tests' own; its data may be wiped.

    Attributes:
        kind: `container` or `embedded`.
        url: Stays the same over a restart.
    """

    kind: ClassVar[str]
    url: str

    @abstractmethod
    def start(self) -> None:
        """Start it, or start it again, empty, after `kill`; wait until it answers."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once; its data are lost."""


class EmbeddedRedis(RedisServer):
    """Out of the wheel."""

    kind = "embedded"

    def __init__(self) -> None:
        self._valkey = EmbeddedValkey()

    def start(self) -> None:
        self._valkey.start()
        self.url = self._valkey.url

    def kill(self) -> None:
        self._valkey.stop()


class ContainerRedis(RedisServer):
    """Valkey's own image."""

    kind = "container"

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer  # slow to import, seldom used

        (self._port,) = free_ports(1)  # fixed, so that it stays the same over a restart
        container = DockerContainer(IMAGE).with_bind_ports(_PORT, self._port)
        self._container = container.with_command("valkey-server --save '' --appendonly no")
        self._host = container.get_docker_client().host()
        self._started = False

    def start(self) -> None:
        if self._started:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
        self._started = True
        self._wait()
        self.url = f"redis://{self._host}:{self._port}/0"

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                with socket.create_connection((self._host, self._port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(7) == b"+PONG\r\n":
                        return
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)


def redis_server() -> RedisServer:
    """The best one that can run here, not started."""
    return EmbeddedRedis() if ContainerBroker.unavailable() else ContainerRedis()
