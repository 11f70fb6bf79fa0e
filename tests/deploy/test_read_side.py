"""The read side by the commands, settings and health checks of the compose file, only on other addresses."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import redis

from burnline.embedded.ports import LOOPBACK, free_ports
from burnline.embedded.valkey import valkey_program
from tests.brokers import MakeSettings
from tests.deploy.files import DEPLOY, first_token, health_check, services

WITHIN_S = 90.0
"""A start and an answer are a matter of a second; of many, where other tests take the processors."""
NOBODY = "127.0.0.1:1"


def _environment(name: str, **replaced: object) -> dict[str, str]:
    """What a service's process finds, but for addresses."""
    own = {f"BURNLINE_{setting.upper()}": str(value) for setting, value in replaced.items()}
    return {**os.environ, **services()[name]["environment"], **own, "COLUMNS": "200"}


def _burnline(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "burnline", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=WITHIN_S)


@contextmanager
def _running(name: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "burnline", *services()[name]["command"]]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def _is_well(name: str, environment: dict[str, str]) -> bool:
    script, *told = health_check(name)
    command = [sys.executable, str(DEPLOY / Path(script).name), *told]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def _becomes_well(name: str, environment: dict[str, str]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not _is_well(name, environment):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.timeout(300)
def test_the_api_waits_for_the_first_token_and_serves_nobody_without_one(redis_url: str) -> None:
    (port,) = free_ports(1)
    environment = _environment("api", kafka_bootstrap_servers=NOBODY, redis_url=redis_url, api_port=port)
    before = _burnline(services()["api"]["command"], environment)
    assert before.returncode == 2
    assert "create a token first (burnline tokens create --name NAME --role admin)" in before.stderr

    token = _burnline(first_token(), environment).stdout.strip()
    with _running("api", environment) as api:
        assert _becomes_well("api", environment)
        url = f"http://{LOOPBACK}:{port}/api/v1/finops/baselines"
        assert httpx2.get(url, timeout=WITHIN_S).status_code == 401
        let_in = httpx2.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=WITHIN_S)
        assert let_in.status_code == 503  # but there is no picture yet
        api.send_signal(signal.SIGTERM)
        assert api.wait(WITHIN_S) == 0
    assert not _is_well("api", environment)


def test_the_projector_is_well(make_settings: MakeSettings, redis_url: str) -> None:
    (port,) = free_ports(1)
    settings = make_settings()
    environment = _environment(
        "projector",
        kafka_bootstrap_servers=settings.kafka_bootstrap_servers,
        topic_prefix=settings.topic_prefix,
        redis_url=redis_url,
        projector_metrics_port=port,
    )
    with _running("projector", environment) as projector:
        assert _becomes_well("projector", environment)
        projector.send_signal(signal.SIGTERM)
        assert projector.wait(WITHIN_S) == 0


@contextmanager
def _valkey(folder: Path, port: int) -> Iterator["redis.Redis"]:
    program, *options = services()["valkey"]["command"]
    assert program == "valkey-server"
    command = [str(valkey_program()), *options, "--bind", LOOPBACK, "--port", str(port), "--dir", str(folder)]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL) as process,
        redis.Redis(LOOPBACK, port, decode_responses=True) as client,
    ):
        try:
            deadline = time.monotonic() + WITHIN_S
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                else:
                    break
            yield client
            process.terminate()
            process.wait(WITHIN_S)
        finally:
            process.kill()


def test_valkey_takes_its_options_and_keeps_tokens_over_a_restart(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with _valkey(tmp_path, port) as client:
        assert client.config_get("maxmemory-policy", "appendonly", "save") == {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "save": "",
        }
        client.hset("burnline:tokens", "one", "hashed")
    with _valkey(tmp_path, port) as client:
        assert client.hgetall("burnline:tokens") == {"one": "hashed"}
