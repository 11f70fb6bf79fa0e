"""A real Alertmanager: an anomaly appears there, escalates, resolves."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burnline.detection.anomaly import Severity, State
from burnline.detection.notes import Notes, acknowledged, silenced
from burnline.embedded.ports import free_ports
from burnline.notify.channels import channel
from burnline.notify.messages import made_up
from burnline.notify.places import MemoryPlaces
from burnline.notify.sinks import AlertmanagerSink

PROGRAM = "prometheus-alertmanager"
WITHIN_S = 30.0

pytestmark = pytest.mark.needs_tool(PROGRAM)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    (port,) = free_ports(1)
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", encoding="utf-8")
    command = [
        shutil.which(PROGRAM) or PROGRAM, f"--config.file={config}", f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=1).close()  # noqa: S310  # our own address
        except OSError:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        else:
            break
    yield url
    process.terminate()
    process.wait(10)


def firing(url: str) -> dict[str, dict[str, Any]]:
    """Active alerts, by severity."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true", timeout=5) as answer:  # noqa: S310  # our own address
        found: list[dict[str, Any]] = json.load(answer)
    return {alert["labels"]["severity"]: alert for alert in found}


def until(url: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
    deadline = time.monotonic() + WITHIN_S
    while set(found := firing(url)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_an_anomaly_lives_there_as_here(alertmanager: str) -> None:
    sink = AlertmanagerSink(name="am", kind="alertmanager", url=alertmanager, allow_local=True, labels={"env": "test"})
    send = channel(sink, {}, "https://burn.example", now_ms, MemoryPlaces())
    assert send(made_up(State.OPENED, Severity.WARNING, 1, now_ms(), "a-1")).sent
    alert = until(alertmanager, {"warning"})["warning"]
    assert alert["labels"]["env"] == "test"
    assert alert["generatorURL"] == "https://burn.example/anomalies/a-1"
    assert "burns 9 USD/h" in alert["annotations"]["summary"]
    assert send(made_up(State.ESCALATED, Severity.CRITICAL, 2, now_ms(), "a-1")).sent
    until(alertmanager, {"critical"})
    assert send(made_up(State.RESOLVED, Severity.CRITICAL, 3, now_ms(), "a-1")).sent
    until(alertmanager, set())


def silenced_there(url: str) -> list[tuple[str, str, list[str]]]:
    """Silences that hold: their comment, who says so, and what they match."""
    with urllib.request.urlopen(f"{url}/api/v2/silences", timeout=5) as answer:  # noqa: S310  # our own address
        found = json.load(answer)
    return sorted(
        (one["comment"], one["createdBy"], sorted(matcher["value"] for matcher in one["matchers"]))
        for one in found
        if one["status"]["state"] == "active"
    )


def test_what_people_say_here_silences_there(alertmanager: str) -> None:
    """Said again it changes the same silence; taken back it ends it."""
    sink = AlertmanagerSink(name="am", kind="alertmanager", url=alertmanager, allow_local=True)
    send = channel(sink, {}, None, now_ms, MemoryPlaces())
    opened = made_up(State.OPENED, Severity.WARNING, 1, now_ms(), "a-1")
    assert send(opened).sent
    assert send.said is not None
    seen = Notes(acknowledgement=acknowledged(opened, by="ada", at_ms=now_ms(), words="on it"))
    both = seen._replace(silence=silenced(opened, until_ms=now_ms() + 3_600_000, by="ben", at_ms=now_ms(), words=None))
    assert send.said(opened, both).sent
    assert silenced_there(alertmanager) == [
        ("Burnline: acknowledged. on it", "ada", ["a-1", "warning"]),
        ("Burnline: silenced", "ben", ["a-1"]),
    ]
    assert send.said(opened, both).sent
    assert len(silenced_there(alertmanager)) == 2
    assert send.said(opened, seen).sent
    assert silenced_there(alertmanager) == [("Burnline: acknowledged. on it", "ada", ["a-1", "warning"])]
    assert send.said(made_up(State.RESOLVED, Severity.WARNING, 2, now_ms(), "a-1"), seen).sent
    assert silenced_there(alertmanager) == []
