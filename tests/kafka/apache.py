"""Apache Kafka from its Maven Central jars, run by the machine's own Java."""

import fcntl
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from burnline.embedded.ports import LOOPBACK, free_ports, wait_for_broker
from burnline.embedded.process import OwnedProcess
from tests.kafka.base import CAPABILITIES, KAFKA_VERSION, Broker, BrokerUnavailable
from tests.kafka.server import server_properties

LEAST_JAVA = 17
CLUSTER_ID = "burnline-test-cluster"
_ROOT = Path(__file__).parents[2]
_SETUP = _ROOT / "tests" / "apache-kafka"
_CACHE = _ROOT / ".cache"
_START_TIMEOUT_S = 60.0
_ATTEMPTS = 3  # another process may take a free port first


class ApacheBroker(Broker):
    """One node, broker and controller in one JVM, with its data and its log in a temporary folder."""

    kind = "apache"
    capabilities = CAPABILITIES

    def __init__(self, properties: Mapping[str, str] | None = None) -> None:
        """Prepare; `properties` go before those of every test broker."""
        self._properties = dict(properties or {})
        self._process: OwnedProcess | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._port = 0

    @classmethod
    def unavailable(cls) -> str | None:
        java = shutil.which("java")
        if java is None:
            return "no java"
        version = _java_version(java)
        if version < LEAST_JAVA:
            return f"Java {version} is too old, {LEAST_JAVA} is the least"
        if not _libraries().is_dir() and shutil.which("mvn") is None:
            return "no mvn to fetch the jars with"
        return None

    def start(self) -> None:
        classpath = fetch_jars() / "*"
        for _ in range(_ATTEMPTS):
            self._folder = tempfile.TemporaryDirectory(prefix="burnline-kafka-")
            self._port, controller_port = free_ports(2)
            _format(classpath, self._home, self.properties(self._port, controller_port) | self._properties)
            if self._launch(classpath):
                return
            said = self.log()[-2000:]
            self.stop()
        raise BrokerUnavailable(f"Apache Kafka does not start: {said}")

    def properties(self, port: int, controller_port: int) -> dict[str, str]:
        """Of a server that listens there."""
        return server_properties(port, controller_port, bind=LOOPBACK, advertised=LOOPBACK)

    def stop(self) -> None:
        self.kill()
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process = None

    def restart(self) -> None:
        assert self._process is None, "it runs: a second one on its data would stop it from ever answering again"
        if not self._launch(fetch_jars() / "*"):
            raise BrokerUnavailable(f"Apache Kafka does not start again: {self.log()[-2000:]}")

    def log(self) -> str:
        """What the broker has logged so far."""
        return (self._home / "log").read_text(errors="replace")

    def log_bytes(self, topic: str) -> int:
        """What the records of a topic take on disk, as they were packed."""
        return sum(file.stat().st_size for file in (self._home / "data").glob(f"{topic}-*/*.log"))

    @property
    def _home(self) -> Path:
        assert self._folder is not None, "not started"
        return Path(self._folder.name)

    def _launch(self, classpath: Path) -> bool:
        command = _java(classpath, self._home, "kafka.Kafka", str(self._home / "server.properties"))
        with (self._home / "log").open("ab") as log:
            process = self._process = OwnedProcess(command, output=log)
        self.bootstrap_servers = f"{LOOPBACK}:{self._port}"
        alive = lambda: process.exit_code is None  # noqa: E731  # one expression, used on the next line
        return wait_for_broker(LOOPBACK, self._port, timeout_s=_START_TIMEOUT_S, alive=alive)


def _libraries() -> Path:
    return _CACHE / f"apache-kafka-{KAFKA_VERSION}"


def fetch_jars() -> Path:
    """The folder with Kafka's jars; fetched by Maven the first time, with its own repository inside the clone too.

    Raises:
        BrokerUnavailable: With what Maven said.
    """
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "fetching").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # Maven's repository is not made for two at a time
        return _fetched(_libraries())


def _fetched(libraries: Path) -> Path:
    if libraries.is_dir():
        return libraries
    partial = libraries.with_suffix(".partial")
    maven = ["mvn", "--quiet", "--batch-mode", "--file", str(_SETUP / "pom.xml"), f"-Dmaven.repo.local={_CACHE / 'm2'}"]
    command = [*maven, "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BrokerUnavailable(f"Maven could not fetch Apache Kafka {KAFKA_VERSION}: {done.stdout[-2000:].strip()}")
    partial.rename(libraries)
    return libraries


def _java(classpath: Path, home: Path, *arguments: str, heap: str = "-Xmx768m") -> list[str]:
    java = shutil.which("java")
    assert java is not None
    # Native libraries (zstd, snappy) are unpacked into the temporary folder of the JVM.
    options = [heap, f"-Djava.io.tmpdir={home}", f"-Dlog4j2.configurationFile={_SETUP / 'log4j2.properties'}"]
    return [java, *options, "-cp", str(classpath), *arguments]


def check_properties(properties: Mapping[str, str]) -> None:
    """Let Kafka's own storage tool read a configuration.

    Raises:
        BrokerUnavailable: With what it objects to.
    """
    with tempfile.TemporaryDirectory(prefix="burnline-kafka-") as home:
        _format(fetch_jars() / "*", Path(home), properties)


def _format(classpath: Path, home: Path, properties: Mapping[str, str], cluster_id: str = CLUSTER_ID) -> None:
    lines = [f"{name}={value}" for name, value in (dict(properties) | {"log.dirs": str(home / "data")}).items()]
    (home / "server.properties").write_text("\n".join(lines) + "\n")
    tool = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster_id]
    command = _java(classpath, home, *tool, "--config", str(home / "server.properties"), heap="-Xmx256m")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BrokerUnavailable(f"Apache Kafka's storage cannot be formatted: {(done.stdout + done.stderr)[-2000:]}")


def _java_version(java: str) -> int:
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0
