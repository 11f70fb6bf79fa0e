"""Run a worker over a published load, and say how fast it was and whether its sums are right."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple

from app.embedded.ports import free_ports
from app.kafka import client_config
from app.settings import Settings
from app.topics.catalogue import topics_for
from app.topics.reading import read_to_end
from benchmarks.load import Expected

READ_TIMEOUT_S = 30.0


class Run(NamedTuple):
    """One worker's run over a backlog."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float

    @property
    def events_per_s(self) -> float:
        """Throughput from ready to the last commit."""
        return self.events / self.seconds

    @property
    def cpu_us_per_event(self) -> float:
        """CPU of the worker process, all threads."""
        return self.cpu_seconds / self.events * 1e6


class WorkerProcess:
    """A `burnline worker` of its own process, as an operator would start it."""

    def __init__(self, settings: Settings, *, log_level: str = "warning") -> None:
        (self.port,) = free_ports(1)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BURNLINE_")} | {
            "BURNLINE_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "BURNLINE_TOPIC_PREFIX": settings.topic_prefix,
            "BURNLINE_APP_ID": settings.app_id,
            "BURNLINE_PARTITIONS": str(settings.partitions),
            "BURNLINE_FLUSH_INTERVAL_MS": str(settings.flush_interval_ms),
            "BURNLINE_METRICS_PORT": str(self.port),
            "BURNLINE_LOG_LEVEL": log_level,
        }
        self.process = subprocess.Popen([sys.executable, "-m", "app", "worker"], env=environment)

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Return once the worker applies events."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the worker ended with exit code {self.process.returncode}")
            with suppress(urllib.error.URLError, ConnectionError), self._open("/readyz"):
                return
            time.sleep(0.02)
        raise TimeoutError(f"the worker was not ready within {timeout_s:g} s")

    def metrics(self) -> dict[str, float]:
        """The newest value of every series."""
        with self._open("/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def _open(self, path: str) -> Any:
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5)  # our own worker


def measure(settings: Settings, expected: Expected, *, timeout_s: float = 600.0) -> Run:
    """Let one worker work off the backlog, and check its sums."""
    worker = WorkerProcess(settings)
    try:
        worker.wait_until_ready()
        started_ms = time.time_ns() // 1_000_000
        cpu_before = worker.metrics()["process_cpu_seconds_total"]
        wanted = expected.events + expected.bad
        deadline = time.monotonic() + timeout_s
        while True:
            metrics = worker.metrics()
            done = sum(
                metrics[f'burnline_events_total{{outcome="{outcome}"}}'] for outcome in ("accepted", "dead_letter")
            )
            if done >= wanted:
                break
            if time.monotonic() > deadline or worker.process.poll() is not None:
                raise TimeoutError(f"{done:.0f} of {wanted} events are in the ledgers after {timeout_s:g} s")
            time.sleep(0.1)
        rss = metrics["process_resident_memory_bytes"] / 2**20
    finally:
        worker.stop()
    check_sums(settings, expected)
    finished_ms = last_write_ms(settings)
    return Run(wanted, (finished_ms - started_ms) / 1000, metrics["process_cpu_seconds_total"] - cpu_before, rss)


def check_sums(settings: Settings, expected: Expected) -> None:
    """Compare every ledger with the sums of the load, to the last digit.

    Raises:
        AssertionError: They differ.
    """
    found: dict[str, Decimal] = {}
    counted: dict[str, int] = {}
    for record in _values(settings, topics_for(settings).sessions.name):
        found[record["session_id"]] = Decimal(record["cost_usd"])
        counted[record["session_id"]] = record["events"]
    if found != expected.usd_by_session or sum(counted.values()) != expected.events:
        wrong = {
            key: (value, found.get(key)) for key, value in expected.usd_by_session.items() if found.get(key) != value
        }
        raise AssertionError(
            f"{sum(counted.values())} of {expected.events} events; {len(wrong)} ledgers differ: "
            f"{dict(list(wrong.items())[:3])}"
        )


def last_write_ms(settings: Settings) -> int:
    """When the newest progress was written."""
    return max(
        int(record["written_at_ms"])
        for record in _values(settings, topics_for(settings).progress.name)
        if record["next_offset"]
    )


def _values(settings: Settings, topic: str) -> Iterator[dict[str, Any]]:
    partitions = range(settings.partitions)
    for messages in read_to_end(client_config(settings), topic, partitions, timeout_s=READ_TIMEOUT_S):
        for message in messages:
            value = message.value()
            if value is not None:
                yield json.loads(value)
