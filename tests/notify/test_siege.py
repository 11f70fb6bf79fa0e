"""A thousand notices to a sink that fails in every way, while `burnline notify` is killed again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burnline.settings import Settings
from burnline.topics.ensure import ensure_topics
from tests.notify.stub import Receiver, receiving
from tests.notify.test_runner import in_order, publish, taken, wait_for

pytestmark = [pytest.mark.broker, pytest.mark.long, pytest.mark.timeout(1_500)]

ANOMALIES = 334
"""Three notices each."""
KILLS = 12
FAULTS: tuple[Any, ...] = (500, 503, (429, {"Retry-After": "1"}), "reset", "mid-body", "hang")
SHARE = 0.06
"""Of the attempts that fail."""


def answers(chance: random.Random) -> Iterator[Any]:
    while True:
        yield chance.choice(FAULTS) if chance.random() < SHARE else 200


def command(sinks: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "burnline", "notify", "run", "--sinks", str(sinks), "--metrics-port", "0"]


def test_nothing_is_lost_and_the_order_of_each_anomaly_is_kept(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_topics(settings)
    keys = publish(settings, ANOMALIES)
    chance = random.Random(20)  # noqa: S311  # a siege that can be had again
    env = {
        **os.environ,
        "BURNLINE_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "BURNLINE_TOPIC_PREFIX": settings.topic_prefix,
        "BURNLINE_APP_ID": settings.app_id,
        "BURNLINE_SESSION_TIMEOUT_MS": "6000",
    }
    sinks = tmp_path / "sinks.toml"
    faults = answers(chance)
    with receiving() as receiver:
        receiver.answers = [next(faults) for _ in range(20 * ANOMALIES)]
        sinks.write_text(
            f'[[sinks]]\nname = "hook"\nkind = "webhook"\nurl = "{receiver.url}"\n'
            "allow_local = true\ntimeout_s = 0.7\n",
            encoding="utf-8",
        )
        began_s = time.monotonic()
        with (tmp_path / "log").open("ab") as log:
            for kill in range(1, KILLS + 1):
                process = subprocess.Popen(command(sinks), env=env, cwd=tmp_path, stderr=log)
                at = len(keys) * kill // (KILLS + 1) + chance.randrange(20)
                wait_for(lambda at=at: len(set(taken(receiver))) >= at, 600)  # type: ignore[misc]
                process.kill()
                process.wait(10)
            process = subprocess.Popen(command(sinks), env=env, cwd=tmp_path, stderr=log)
            wait_for(lambda: set(taken(receiver)) == set(keys), 600)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        lasted_s = time.monotonic() - began_s
        assert in_order(taken(receiver))
        with capsys.disabled():
            print("\n" + json.dumps(figures(receiver, keys, lasted_s)))  # what it is measured for


def figures(receiver: Receiver, keys: list[str], lasted_s: float) -> dict[str, Any]:
    arrived = taken(receiver)
    return {
        "notices": len(keys),
        "attempts": receiver.asked,
        "lost": len(set(keys) - set(arrived)),
        "repeated": len(arrived) - len(set(arrived)),
        "kills": KILLS,
        "seconds": round(lasted_s, 1),
    }
