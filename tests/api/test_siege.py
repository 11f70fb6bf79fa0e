"""1,100 connections without a token: silent, a byte at a time, half a request. One honest client is answered all along.

Before the whole API as a process with a usual limit of files, and before the port of the metrics.
"""

import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from burnline.status import MOST_CONNECTIONS, StatusServer

BESIEGERS = 1_100
FILES = 1_024
"""What a process may open by default on most systems."""
ANSWERS = 20
WITHIN_S = 30.0
MOST_LINES = 20
STARTS = (
    b"",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nab",
)


class Besieged(NamedTuple):
    """A server in a process, and what it costs."""

    host: str
    port: int
    pid: int

    @property
    def files(self) -> int:
        """How many files its process has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """The besiegers are sockets of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def siege(server: Besieged) -> Iterator[None]:
    """So many connections, a third of each kind: a byte more of each now and then, and silent ones time and again."""
    over = threading.Event()

    def besiege() -> None:
        with ExitStack() as stack:
            ours: list[socket.socket] = []
            while not over.is_set():
                for one in ours:
                    with suppress(OSError):
                        one.send(b"a", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                for number in range(min(BESIEGERS - len(ours), 200)):
                    with suppress(OSError):
                        one = stack.enter_context(socket.create_connection((server.host, server.port), timeout=1))
                        one.send(STARTS[number % len(STARTS)], socket.MSG_NOSIGNAL)
                        if STARTS[number % len(STARTS)]:
                            ours.append(one)
                over.wait(0.2)

    thread = threading.Thread(target=besiege)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def answered(url: str, times: int) -> None:
    """Ask again and again, each time over a connection of its own; one that is cut is tried anew, as clients do."""
    deadline = time.monotonic() + WITHIN_S * 2
    found = 0
    while found < times:
        with suppress(httpx2.HTTPError):
            found += httpx2.get(url, timeout=WITHIN_S).status_code == 200
        assert time.monotonic() < deadline, f"{found} answers of {times}"
        time.sleep(0.05)


@contextmanager
def api(log: Path) -> Iterator[Besieged]:
    environ = {"BURNLINE_REDIS_URL": "redis://127.0.0.1:1/0", "BURNLINE_API_PORT": "0", "COLUMNS": "200"}
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES})); "
    program = (
        limited + "import runpy, sys; sys.argv = ['burnline', 'api']; runpy.run_module('burnline', run_name='__main__')"
    )
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-c", program], env=os.environ | environ, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        found = re.search(r"http://([0-9.]+):([0-9]+)", process.stdout.readline())
        try:
            assert found, log.read_text("utf-8")
            yield Besieged(found[1], int(found[2]), process.pid)
        finally:
            process.kill()


@contextmanager
def metrics() -> Iterator[Besieged]:
    well: Callable[[], tuple[bool, str]] = lambda: (True, "")  # noqa: E731  # one line is enough
    server = StatusServer("127.0.0.1", 0, CollectorRegistry(), healthy=well, ready=well)
    server.start()
    try:
        host, port = server.address.removeprefix("http://").split(":")
        yield Besieged(host, int(port), os.getpid())
    finally:
        server.stop()


def test_the_api_goes_on_answering() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "errors.log"
        with api(log) as server:
            answered(f"http://{server.host}:{server.port}/healthz", 1)
            threads = server.threads
            with siege(server):
                answered(f"http://{server.host}:{server.port}/healthz", ANSWERS)
                assert server.files < FILES
                assert server.threads <= threads + 8
            assert len(log.read_text("utf-8").splitlines()) <= MOST_LINES


def test_the_port_of_the_metrics_goes_on_answering(capfd: pytest.CaptureFixture[str]) -> None:
    threads = threading.active_count()
    with metrics() as server, siege(server):
        answered(f"http://{server.host}:{server.port}/metrics", ANSWERS)
        assert threading.active_count() <= threads + MOST_CONNECTIONS + 4
    assert len(capfd.readouterr().err.splitlines()) <= MOST_LINES
