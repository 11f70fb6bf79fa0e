"""Apache Kafka on one machine: broker and controller in one JVM, on the loopback, its data in a folder.

`ApacheKafka` is a server with an address and a folder of its choosing, which outlives its process; `TemporaryKafka` is
one for as long as a context lasts.
"""

import base64
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from burnline.embedded.jars import KAFKA_VERSION, Note, fetch_jars
from burnline.embedded.java import java_program
from burnline.embedded.ports import LOOPBACK, free_ports, wait_for_broker
from burnline.embedded.process import OwnedProcess
from burnline.embedded.server import EmbeddedServer

START_TIMEOUT_S = 120.0
_LOGGING = Path(__file__).with_name("log4j2.properties")


class ApacheKafkaUnavailable(RuntimeError):
    """Apache Kafka cannot be set up, or does not start."""


class ApacheKafka:
    """How a server is run whose data lie in a folder: made once, started as often as one likes.

    Attributes:
        bootstrap_servers: `host:port`, for Kafka clients.
    """

    def __init__(self, folder: Path, host: str, port: int, *, heap_mib: int = 768) -> None:
        """Prepare nothing yet.

        Args:
            folder: Holds its data, its configuration and what the JVM unpacks.
            host: Address of this machine to listen on.
            port: Where it listens; another one at a later start finds the same data.
            heap_mib: The JVM's heap; what Kafka reads and writes is cached by the system beside it.
        """
        self._folder = folder
        self._host, self._port, self._heap_mib = host, port, heap_mib
        self.bootstrap_servers = f"{host}:{port}"

    def prepare(self, note: Note, *, repository: str | None = None) -> list[str]:
        """Fetch what is missing, write the configuration, format the folder if it is new.

        Returns:
            The command that runs the server, for this start: its controller has a port that is free now.

        Raises:
            JavaUnavailable: There is no Java to run it.
            JarsUnavailable: There is no Kafka.
            ApacheKafkaUnavailable: The folder cannot be formatted; with what Kafka says.
            OSError: The folder cannot be written.
        """
        java = java_program()
        jars = fetch_jars(note, repository=repository)
        self._folder.mkdir(parents=True, exist_ok=True)
        (controller_port,) = free_ports(1)
        lines = [f"{name}={value}" for name, value in self._properties(controller_port).items()]
        self._configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        if not (self._folder / "data" / "meta.properties").is_file():
            self._format(java, jars)
        return self._command(java, jars, self._heap_mib, "kafka.Kafka", str(self._configuration))

    def wait(self, alive: Callable[[], bool], timeout_s: float = START_TIMEOUT_S) -> bool:
        """Whether it comes to answer in time; gives up once its process has ended."""
        return wait_for_broker(self._host, self._port, timeout_s=timeout_s, alive=alive)

    @property
    def _configuration(self) -> Path:
        return self._folder / "server.properties"

    def _properties(self, controller_port: int) -> Mapping[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": f"PLAINTEXT://{self._host}:{self._port},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self._host}:{self._port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._folder / "data"),
            # One made by accident would have the wrong partitions.
            "auto.create.topics.enable": "false",
            # One broker can hold one replica, and one machine's groups and transactions need few partitions.
            "offsets.topic.num.partitions": "8",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "8",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # A broker that was killed is let in again only when its former session has ended.
            "broker.session.timeout.ms": "6000",
        }

    def _format(self, java: Path, jars: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # With `=`: an id may begin with a dash.
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config", str(self._configuration)]
        command = self._command(java, jars, 256, *tool)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own arguments
        if done.returncode != 0:
            raise ApacheKafkaUnavailable(
                f"Apache Kafka's storage in {self._folder} cannot be formatted: {(done.stdout + done.stderr)[-2000:]}"
            )

    def _command(self, java: Path, jars: Path, heap_mib: int, *arguments: str) -> list[str]:
        # Native libraries (zstd, snappy) are unpacked into the temporary folder of the JVM.
        options = [f"-Xmx{heap_mib}m", f"-Djava.io.tmpdir={self._folder}", f"-Dlog4j2.configurationFile={_LOGGING}"]
        return [str(java), *options, "-cp", str(jars / "*"), *arguments]


class TemporaryKafka(EmbeddedServer):
    """A broker on a free loopback port; all its data go with it.

    Attributes:
        bootstrap_servers: `host:port`, for Kafka clients.
    """

    name = f"Apache Kafka {KAFKA_VERSION}"
    unavailable = ApacheKafkaUnavailable

    def __init__(self, note: Note, *, repository: str | None = None) -> None:
        super().__init__()
        self._note, self._repository = note, repository
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.bootstrap_servers = ""

    def _program(self) -> Path:
        return java_program()

    def _launch(self, program: str, output: IO[bytes]) -> OwnedProcess | None:  # noqa: ARG002  # part of its command
        self._remove()
        self._folder = tempfile.TemporaryDirectory(prefix="burnline-kafka-")
        (port,) = free_ports(1)
        kafka = ApacheKafka(Path(self._folder.name), LOOPBACK, port)
        process = OwnedProcess(kafka.prepare(self._note, repository=self._repository), output=output)
        if kafka.wait(lambda: process.exit_code is None):
            self.bootstrap_servers = kafka.bootstrap_servers
            return process
        process.kill()
        return None

    def stop(self) -> None:
        """End it, and remove its data."""
        super().stop()
        self._remove()

    def _remove(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
