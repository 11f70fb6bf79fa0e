"""A worker of its own process, as an operator would start it; and how fast one, or several, work a backlog off."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from benchmarks.ledgers import LedgerReader
from benchmarks.load import Expected
from burnline.embedded.ports import free_ports
from burnline.embedded.process import OwnedProcess
from burnline.settings import ENV_PREFIX, Settings

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.25
"""Seldom: each look costs the worker some milliseconds."""
READY_POLL_S = 0.01


class Run(NamedTuple):
    """One run over a backlog.

    Attributes:
        events: Records worked off, dead letters among them.
        seconds: From ready, which is before the first record, to the last commit.
        cpu_seconds: Of the worker processes, all threads, over the same time.
        peak_mib: Largest resident memory since the process started (the sum, where there are several workers).
        ready_s: From the start of the process until it applied events, ledgers restored.
    """

    events: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    ready_s: float

    def figures(self) -> dict[str, float]:
        """As they stand in the results."""
        return {
            "events": self.events,
            "seconds": round(self.seconds, 3),
            "events_per_s": round(self.events / self.seconds),
            "cpu_us_per_event": round(self.cpu_seconds / self.events * 1e6, 3),
            "peak_mib": round(self.peak_mib),
            "ready_s": round(self.ready_s, 2),
        }


class WorkerProcess:
    """`burnline worker` under these settings; a context that stops it."""

    def __init__(self, settings: Settings) -> None:
        (self.port,) = free_ports(1)
        self.started_at = time.monotonic()
        # Its own, so that none goes on beside the next measurement when this one is cut off.
        command = [sys.executable, "-m", "burnline", "worker"]
        self.process = OwnedProcess(command, output=sys.stderr.buffer, env=_environment(settings, self.port))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.exit_code is None:
            self.process.ask_to_end()
        self.process.end(grace_s=STOP_TIMEOUT_S)
        if self.process.exit_code != 0 and kind is None:
            raise RuntimeError(f"the worker ended with exit code {self.process.exit_code}")

    def is_ready(self) -> bool:
        """Whether it applies events.

        Raises:
            RuntimeError: It has ended.
            TimeoutError: It has been starting for too long.
        """
        if self.process.exit_code is not None:
            raise RuntimeError(f"the worker ended with exit code {self.process.exit_code}")
        if self.age_s > START_TIMEOUT_S:
            raise TimeoutError(f"the worker was not ready within {START_TIMEOUT_S:g} s")
        with suppress(urllib.error.URLError, ConnectionError), self._open("/readyz"):
            return True
        return False

    @property
    def age_s(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started_at

    def wait_until_ready(self) -> float:
        """Return once the worker applies events, with the seconds since its start; raises as `is_ready` does."""
        while not self.is_ready():
            time.sleep(READY_POLL_S)
        return self.age_s

    def metrics(self) -> dict[str, float]:
        """The newest value of every series."""
        with self._open("/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def done(self) -> int:
        """Records that stand in committed ledgers or dead letters."""
        metrics = self.metrics()
        return int(sum(metrics[f'burnline_events_total{{outcome="{name}"}}'] for name in ("accepted", "dead_letter")))

    def cpu_seconds(self) -> float:
        """Of the process so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """Largest resident memory so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def _open(self, path: str) -> Any:
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10)  # our own worker


def measure(
    settings: Settings, expected: Expected, ledgers: LedgerReader, *, workers: int = 1, timeout_s: float = 600.0
) -> Run:
    """Let workers work off what is on the usage topic, and check the sums.

    Time runs from the first worker's being ready, each worker's CPU from its own.

    Raises:
        TimeoutError: It took too long.
        AssertionError: The ledgers are wrong.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(WorkerProcess(settings)) for _ in range(workers)]
        started_ms, ready_s, cpu_before = _baseline(running)
        # What a former run left has been counted by its worker, not by this one.
        wanted = expected.records - ledgers.records
        _wait_for(running, wanted, timeout_s)
        cpu_seconds = sum(worker.cpu_seconds() for worker in running) - cpu_before
        peak_mib = sum(worker.peak_mib() for worker in running)
    finished_ms = ledgers.check(expected)
    return Run(wanted, (finished_ms - started_ms) / 1000, cpu_seconds, peak_mib, ready_s)


def _baseline(running: Sequence[WorkerProcess]) -> tuple[int, float, float]:
    """When the first worker became ready (epoch ms), how old the last one was then, and the CPU they had used."""
    started_ms, ready_s, cpu_seconds = 0, 0.0, 0.0
    waiting = list(running)
    while waiting:
        for worker in [worker for worker in waiting if worker.is_ready()]:
            waiting.remove(worker)
            started_ms = started_ms or time.time_ns() // 1_000_000
            cpu_seconds += worker.cpu_seconds()
            ready_s = worker.age_s
        time.sleep(READY_POLL_S if waiting else 0)
    return started_ms, ready_s, cpu_seconds


def _wait_for(running: Sequence[WorkerProcess], wanted: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while (done := sum(worker.done() for worker in running)) < wanted:
        for worker in running:
            if worker.process.exit_code is not None:
                raise RuntimeError(f"a worker ended with exit code {worker.process.exit_code} after {done} records")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done} of {wanted} records are in the ledgers after {timeout_s:g} s")
        time.sleep(POLL_S)


def _environment(settings: Settings, port: int) -> dict[str, str]:
    changed = json.loads(settings.model_dump_json(exclude_defaults=True)) | {"metrics_port": port}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    ours = {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in changed.items()}
    return inherited | {f"{ENV_PREFIX}LOG_LEVEL": "warning"} | ours
