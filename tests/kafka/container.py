"""Apache Kafka's own image, where a Docker daemon answers."""

import os
from pathlib import Path

from burnline.embedded.ports import free_ports, wait_for_broker
from tests.kafka.base import CAPABILITIES, KAFKA_VERSION, Broker, BrokerUnavailable
from tests.kafka.server import server_properties

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_CONTROLLER_PORT = 29093
_START_TIMEOUT_S = 60.0


class ContainerBroker(Broker):
    """One node in a container; a port of the host is fixed beforehand, because clients must be told of it."""

    kind = "container"
    capabilities = CAPABILITIES

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer  # slow to import, seldom used

        (self._port,) = free_ports(1)
        self._container = DockerContainer(IMAGE).with_bind_ports(self._port, self._port)
        self._host = self._container.get_docker_client().host()
        properties = server_properties(self._port, _CONTROLLER_PORT, bind="0.0.0.0", advertised=self._host)  # noqa: S104  # inside the container
        for name, value in properties.items():
            self._container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
        self._container.with_env("KAFKA_HEAP_OPTS", "-Xmx768m")

    @classmethod
    def unavailable(cls) -> str | None:
        if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
            return "no Docker socket"
        import docker
        from docker.errors import DockerException

        try:
            client = docker.from_env(timeout=3)
        except DockerException:
            return "no Docker daemon answers"
        try:
            client.ping()
        except (DockerException, OSError):
            return "no Docker daemon answers"
        finally:
            client.close()
        return None

    def start(self) -> None:
        from docker.errors import DockerException

        try:
            self._container.start()
        except DockerException as error:
            raise BrokerUnavailable(f"{IMAGE} does not start: {error}") from error
        self._wait()

    def stop(self) -> None:
        self._container.stop()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def restart(self) -> None:
        self._container.get_wrapped_container().start()
        self._wait()

    def _wait(self) -> None:
        self.bootstrap_servers = f"{self._host}:{self._port}"
        if not wait_for_broker(self._host, self._port, timeout_s=_START_TIMEOUT_S, alive=lambda: True):
            raise BrokerUnavailable(f"{IMAGE} runs but does not answer at {self.bootstrap_servers}")
