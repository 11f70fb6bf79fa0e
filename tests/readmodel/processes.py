"""Projector processes as an operator runs them, to be killed and started again."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from burnline.embedded.ports import free_ports
from burnline.settings import ENV_PREFIX, Settings

_NAMES = ("kafka_bootstrap_servers", "topic_prefix", "app_id", "redis_url", "redis_prefix", "partitions")


class ProjectorProcess:
    """One place for a projector: processes come and go in it."""

    def __init__(self, settings: Settings, folder: Path, name: str = "projector") -> None:
        (self.port,) = free_ports(1)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        own = {ENV_PREFIX + name.upper(): str(getattr(settings, name)) for name in _NAMES}
        self._environment = {**inherited, **own, f"{ENV_PREFIX}PROJECTOR_METRICS_PORT": str(self.port)}
        self._log_path = folder / f"{name}.log"
        self._log: IO[bytes] = self._log_path.open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start a process; it need not be up when this returns."""
        command = [sys.executable, "-m", "burnline", "projector", *options]
        self._process = subprocess.Popen(command, env=self._environment, stdout=self._log, stderr=subprocess.STDOUT)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        return self._end(number)

    def _end(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(15)

    @property
    def exit_code(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    def wait(self) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process is not None
        return self._process.wait(30)

    def log(self) -> str:
        return self._log_path.read_text()

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body of its HTTP face; status 0 while it is not up."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return 0, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()
