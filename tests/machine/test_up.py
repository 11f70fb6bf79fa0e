"""`burnline up` as a person uses it: published, killed, started again, and the sums are the same to the last digit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from burnline.embedded.jars import KAFKA_VERSION
from burnline.embedded.ports import free_ports
from burnline.machine.supervisor import State
from burnline.publisher import UsagePublisher
from burnline.settings import ENV_PREFIX
from tests.cli.reach import objects, run
from tests.embedded.test_jars import cached_jars

WITHIN_S = 120.0
EVENTS, SESSIONS = 600, 20
EVENT = {
    "org_id": "acme", "agent_id": "coder", "provider": "openai", "model": "gpt-4o", "input_tokens": 3000,
    "output_tokens": 500,
}  # fmt: skip
EVENT_USD = Decimal("0.0125")
"""gpt-4o: 3,000 tokens at 2.50 USD, 500 at 10 USD the million."""

pytestmark = [pytest.mark.timeout(400), pytest.mark.needs_tool("mvn"), pytest.mark.needs_system("linux")]


def at(folder: Path) -> tuple[str, str]:
    return "--data-dir", str(folder)


class Up:
    """One `burnline up --json`."""

    def __init__(self, folder: Path) -> None:
        self.said: list[dict[str, Any]] = []
        command = [sys.executable, "-P", "-m", "burnline", "up", *at(folder), "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def until(self, **wanted: object) -> dict[str, Any]:
        """Read until an object has these fields."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if wanted.items() <= self.said[-1].items():
                return self.said[-1]
        raise AssertionError(f"it ended: {self.said}")

    def pid_of(self, part: str) -> int:
        return int(next(each["pid"] for each in reversed(self.said) if each.get("part") == part and "pid" in each))


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    """Started, and gone with all its parts at the end."""
    one = Up(folder)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Ports of its own, for this process and those that it starts; and Kafka's jars, without fetching them."""
    names = ("METRICS_PORT", "PROJECTOR_METRICS_PORT", "DETECT_METRICS_PORT", "BUDGETS_METRICS_PORT", "API_PORT")
    kafka, redis, *others = free_ports(2 + len(names))
    ports = dict(zip(names, others, strict=True))
    given = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka}", "REDIS_URL": f"redis://127.0.0.1:{redis}/0", **ports}
    for name, value in given.items():
        monkeypatch.setenv(ENV_PREFIX + name, str(value))
    cached_jars(tmp_path / "cache" / "burnline" / f"apache-kafka-{KAFKA_VERSION}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return ports


def published(numbers: range) -> None:
    now_ms = time.time_ns() // 1_000_000
    with UsagePublisher.from_settings() as publisher:
        for number in numbers:
            event = {"event_id": f"e-{number}", "session_id": f"s-{number % SESSIONS}", "occurred_at": now_ms}
            publisher.publish({**EVENT, **event})


def until_counted(events: int) -> dict[str, Decimal]:
    """Each session's cost, once all these events are in the ledgers."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        found = objects("sessions")
        if sum(each["events"] for each in found) == events:
            return {each["session_id"]: Decimal(each["cost_usd"]) for each in found}
        assert time.monotonic() < deadline, found


def test_published_killed_and_started_again_the_sums_are_the_same(ports: dict[str, int], tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as first:
        assert first.until()["dashboard"] == f"http://127.0.0.1:{ports['API_PORT']}/"
        first.until(state="at work")
        published(range(EVENTS // 2))
        until_counted(EVENTS // 2)
        assert f"is in use by the `burnline up` of process {first.process.pid}" in run("up", *at(data), code=1).stderr
        os.kill(first.pid_of("worker"), signal.SIGKILL)
        assert first.until(part="worker", state=State.ENDED)["code"] == -signal.SIGKILL
        published(range(EVENTS // 2, EVENTS))
        first.process.kill()  # while the worker is away: what is acknowledged is in Kafka alone
    with up(data) as second:
        second.until(state="at work")
        assert until_counted(EVENTS) == {f"s-{number}": EVENT_USD * EVENTS / SESSIONS for number in range(SESSIONS)}
        run("verify")
        second.process.send_signal(signal.SIGTERM)
        second.said += [json.loads(line) for line in second.process.stdout or ()]
        assert second.process.wait(WITHIN_S) == 0
    stopped = [each["part"] for each in second.said if each.get("state") == State.STOPPED]
    assert set(stopped[-2:]) == {"kafka", "valkey"}
    assert set(stopped[:-2]) == {"worker", "projector", "api", "detect", "budgets"}
