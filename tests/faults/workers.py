"""Worker processes as an operator runs them, each in a slot of its own, to be killed, stopped and woken up."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from burnline.embedded.process import OwnedProcess
from burnline.settings import ENV_PREFIX
from tests.faults.cluster import lasting_ports

READY_WITHIN_S = 150.0
TAIL_CHARACTERS = 3_000
_POLL_S = 0.02


class Stopped(NamedTuple):
    """How a worker answered SIGTERM."""

    exit_code: int | None
    seconds: float


class WorkerSlot:
    """The place of one worker: its settings (`environment`) and its log stay, processes come and go.

    A slot plays the supervisor, too: nothing but a fault or an operator ends a worker, so one that has ended by itself
    is a failure, and `check` says so.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, object],
        folder: Path,
        *,
        arguments: Sequence[str] = ("worker",),
        port_setting: str = "metrics_port",
    ) -> None:
        """Start nothing yet.

        Args:
            name: Of the slot.
            settings: By field name.
            folder: Takes the log and the process's temporary files.
            arguments: The command, if it is another one; `{port}` in them is the slot's own.
            port_setting: Which setting says where it answers.
        """
        self.name = name
        self.log_path = folder / f"{name}.log"
        (self.port,) = lasting_ports(1)
        self._arguments = [argument.replace("{port}", str(self.port)) for argument in arguments]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(ENV_PREFIX)}
        own = {**settings, port_setting: self.port}
        self.environment = {
            **inherited,
            **{ENV_PREFIX + key.upper(): str(value) for key, value in own.items()},
            "TMPDIR": str(folder),
        }
        self._process: OwnedProcess | None = None
        self._paused = False
        self._size_at_start = 0
        self._lock = threading.RLock()
        self.log_path.touch()

    @property
    def running(self) -> bool:
        """Whether it was started and not ended since; a paused one runs."""
        return self._process is not None

    def start(self) -> None:
        """Start a worker here, unless one runs."""
        with self._lock:
            if self._process is None:
                self._note("started")
                self._size_at_start = self.log_path.stat().st_size
                with self.log_path.open("ab") as output:
                    command = [sys.executable, "-P", "-m", "burnline", *self._arguments]
                    self._process = OwnedProcess(command, output=output, env=self.environment)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        with self._lock:
            if self._process is not None:
                self._note("killed")
                self._process.kill()
                self._process = None
                self._paused = False

    def pause(self) -> None:
        """Stop it (SIGSTOP), as a long garbage collection or a frozen machine would."""
        with self._lock:
            if self._process is not None:
                self._note("paused")
                os.kill(self._process.pid, signal.SIGSTOP)
                self._paused = True

    def wake(self) -> None:
        """Continue it (SIGCONT): perhaps a zombie now, whose partitions have moved on."""
        with self._lock:
            if self._process is not None and self._paused:
                self._note("woken")
                os.kill(self._process.pid, signal.SIGCONT)
                self._paused = False

    def terminate(self, *, timeout_s: float = 60.0) -> Stopped:
        """Ask it to end (SIGTERM), and say how it did; exit code None if it did not."""
        with self._lock:
            process = self._process
            if process is None:
                return Stopped(0, 0.0)
            self._wait_until_loaded(process)
            self._note("asked to end")
            started = time.monotonic()
            os.kill(process.pid, signal.SIGTERM)
            while process.exit_code is None and time.monotonic() - started < timeout_s:
                time.sleep(_POLL_S)
            stopped = Stopped(process.exit_code, time.monotonic() - started)
            process.kill()
            self._process = None
            self._note(f"ended with {stopped.exit_code} after {stopped.seconds:.1f} s")
            return stopped

    def _wait_until_loaded(self, process: OwnedProcess) -> None:
        """Until it says something: whom a signal ends before Python has loaded its program ends by the signal."""
        deadline = time.monotonic() + READY_WITHIN_S
        while process.exit_code is None and self.log_path.stat().st_size == self._size_at_start:
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_S)

    def readiness(self) -> tuple[bool, str]:
        """What `/readyz` says; not ready when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:  # our own worker
                return True, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return False, refusal.read().decode()
        except OSError as error:
            return False, str(error)

    def wait_ready(self, *, timeout_s: float = READY_WITHIN_S) -> float:
        """Wait until it applies events; says for how long.

        Raises:
            TimeoutError: It is not ready in time.
        """
        started = time.monotonic()
        while not (answer := self.readiness())[0]:
            self.check()
            if time.monotonic() - started > timeout_s:
                raise TimeoutError(
                    f"{self.name} is not ready after {timeout_s:g} s ({answer[1]}); its log:\n{self.tail()}"
                )
            time.sleep(_POLL_S)
        return time.monotonic() - started

    def metrics(self) -> dict[str, float]:
        """The newest value of every series."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:  # our own worker
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def resident_mib(self) -> float:
        """Memory that the running worker holds now."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def check(self) -> None:
        """Raise if the worker has ended by itself.

        Raises:
            AssertionError: With the end of its log.
        """
        with self._lock:
            code = None if self._process is None else self._process.exit_code
        assert code is None, f"{self.name} ended by itself with code {code}; its log:\n{self.tail()}"

    def log_size(self) -> int:
        """Bytes logged so far, to look for what comes after."""
        return self.log_path.stat().st_size

    def logged(self, pattern: str, *, since: int = 0) -> int:
        """How many lines of the log match, from a size on."""
        with self.log_path.open("rb") as file:
            file.seek(since)
            return len(re.findall(pattern.encode(), file.read()))

    def tail(self) -> str:
        """The end of its log."""
        return self.log_path.read_text(errors="replace")[-TAIL_CHARACTERS:]

    def _note(self, what: str) -> None:
        with self.log_path.open("a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} ------- {self.name} {what}\n")


class Fleet:
    """A number of slots, by their place."""

    def __init__(self, slots: list[WorkerSlot]) -> None:
        self.slots = slots

    @property
    def running(self) -> list[WorkerSlot]:
        """Slots with a worker."""
        return [slot for slot in self.slots if slot.running]

    def check(self) -> None:
        """Raise if a worker has ended by itself."""
        for slot in self.slots:
            slot.check()

    def wait_ready(self) -> None:
        """Wait until every running worker is ready."""
        for slot in self.running:
            slot.wait_ready()

    def kill(self) -> None:
        """End them all at once."""
        for slot in self.slots:
            with contextlib.suppress(ProcessLookupError):
                slot.kill()

    def logged(self, pattern: str) -> int:
        """How many lines of all logs match."""
        return sum(slot.logged(pattern) for slot in self.slots)
