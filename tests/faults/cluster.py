"""Apache Kafka clusters of one or three nodes, each node a process that can be killed and started again."""

import contextlib
import os
import secrets
import signal
import socket
import tempfile
import time
from pathlib import Path
from typing import Self

from burnline.embedded.ports import LOOPBACK, wait_for_broker
from burnline.embedded.process import OwnedProcess
from tests.faults.proxy import TcpProxy
from tests.kafka.apache import CLUSTER_ID, _format, _java, fetch_jars
from tests.kafka.base import BrokerUnavailable
from tests.kafka.secured import Security
from tests.kafka.server import server_properties

HEAP = "-Xmx512m"
START_TIMEOUT_S = 90.0
FIRST_PORT = 15_000


class Node:
    """One broker and controller in one process; its data outlives a kill."""

    def __init__(
        self, home: Path, properties: dict[str, str], port: int, cluster_id: str, disk: Path | None = None
    ) -> None:
        self._home = home
        self._port = port
        self._process: OwnedProcess | None = None
        home.mkdir()
        if disk is not None:
            (home / "data").symlink_to(disk)
        _format(fetch_jars() / "*", home, properties, cluster_id)

    @property
    def address(self) -> str:
        """Where its direct listener is, host:port."""
        return f"{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Launch it; `wait` for it afterwards."""
        command = _java(fetch_jars() / "*", self._home, "kafka.Kafka", str(self._home / "server.properties"), heap=HEAP)
        with (self._home / "log").open("ab") as log:
            self._process = OwnedProcess(command, output=log)

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            BrokerUnavailable: It ended, or did not answer in time.
        """
        process = self._process
        assert process is not None, "not started"
        if not wait_for_broker(
            LOOPBACK, self._port, timeout_s=START_TIMEOUT_S, alive=lambda: process.exit_code is None
        ):
            raise BrokerUnavailable(f"Apache Kafka does not start: {self.log()[-2000:]}")

    def freeze(self) -> None:
        """Stop it (SIGSTOP), as a long garbage collection or a frozen machine would; `thaw` lets it go on."""
        assert self._process is not None, "not started"
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT), with what it believed before."""
        assert self._process is not None, "not started"
        os.kill(self._process.pid, signal.SIGCONT)

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.exit_code is not None

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def cut(self, topic: str, partition: int) -> None:
        """Take all records of a partition away from a broker that is ended, as if they had never been flushed."""
        for segment in (self._home / "data" / f"{topic}-{partition}").glob("*.log"):
            segment.write_bytes(b"")

    def log(self) -> str:
        """What it has logged so far."""
        return (self._home / "log").read_text(errors="replace")


class Cluster:
    """Nodes 1 to n. Each has a second listener whose advertised address is a proxy of ours.

    A client that is told a proxy's address stays behind proxies: all it learns from the brokers are such addresses.

    Attributes:
        nodes: In the order of their ids.
        proxies: Proxy of each node, in the same order.
    """

    def __init__(
        self, size: int = 1, *, cluster_id: str = CLUSTER_ID, disk: Path | None = None, secured: bool = False
    ) -> None:
        """Prepare; entering starts the nodes.

        Args:
            size: How many nodes.
            cluster_id: What it calls itself.
            disk: An empty folder for the data of the first one, if it is to be on a disk of its own.
            secured: Ask who comes, by SCRAM over TLS, on two further listeners, the second one behind the proxies; and
                let each do only what was granted. On the plain ones everybody may do everything.
        """
        self.size = size
        self._folder = tempfile.TemporaryDirectory(prefix="burnline-faults-kafka-")
        ports = lasting_ports(4 * size)
        direct, controllers, proxied, guarded = (ports[each * size : (each + 1) * size] for each in range(4))
        self.security = Security(Path(self._folder.name)) if secured else None
        tls = self.security.tls() if self.security else None
        self.proxies = [TcpProxy((LOOPBACK, port), framed=True, tls=tls) for port in proxied]
        self._guarded = [f"{LOOPBACK}:{port}" for port in guarded]
        voters = ",".join(f"{index + 1}@{LOOPBACK}:{port}" for index, port in enumerate(controllers))
        self.nodes = []
        for index in range(size):
            properties = server_properties(direct[index], controllers[index], bind=LOOPBACK, advertised=LOOPBACK)
            properties |= _membership(index + 1, voters, size)
            properties |= _listeners(direct[index], proxied[index], controllers[index], self.proxies[index].port)
            if self.security:
                properties |= self.security.properties(properties, guarded[index])
            home = Path(self._folder.name) / f"node-{index + 1}"
            self.nodes.append(Node(home, properties, direct[index], cluster_id, None if index else disk))

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.start()
        try:
            for node in self.nodes:
                node.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """The direct listeners."""
        return ",".join(node.address for node in self.nodes)

    @property
    def guarded_servers(self) -> str:
        """The listeners that ask who comes, without a proxy before them."""
        return ",".join(self._guarded)

    @property
    def proxied_servers(self) -> str:
        """The same brokers, behind the proxies."""
        return ",".join(f"{LOOPBACK}:{proxy.port}" for proxy in self.proxies)

    def restart(self, index: int, *, away_s: float = 0.0) -> None:
        """Kill a node (SIGKILL), leave it away for a while, and start it again with its data."""
        node = self.nodes[index]
        node.kill()
        time.sleep(away_s)
        node.start()
        node.wait()

    def stop(self) -> None:
        """End all nodes and proxies, and remove their data."""
        for node in self.nodes:
            node.kill()
        for proxy in self.proxies:
            proxy.stop()
        self._folder.cleanup()


def lasting_ports(count: int) -> list[int]:
    """Free ports that no outgoing connection will take while their broker is away.

    A port that the system hands out to clients may be taken by one of those that try to reach the dead broker; TCP even
    lets such a client connect to itself.
    """
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            one = held.enter_context(socket.socket())
            port = secrets.choice(range(FIRST_PORT, first_ephemeral))
            with contextlib.suppress(OSError):
                one.bind((LOOPBACK, port))
                found.append(port)
    return found


def _membership(node_id: int, voters: str, size: int) -> dict[str, str]:
    replicas, least = (str(size), str(max(1, size - 1)))
    return {
        "node.id": str(node_id),
        "controller.quorum.voters": voters,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": least,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": least,
        # Topics are created by `ensure_topics` alone: one that a client asks for too early must not appear.
        "auto.create.topics.enable": "false",
        "controlled.shutdown.enable": "false",
    }


def _listeners(direct: int, proxied: int, controller: int, proxy: int) -> dict[str, str]:
    return {
        "listeners": f"PLAINTEXT://{LOOPBACK}:{direct},PROXIED://{LOOPBACK}:{proxied},"
        f"CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{direct},PROXIED://{LOOPBACK}:{proxy}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
