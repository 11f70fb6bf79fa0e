"""The worker's HTTP face."""

import errno
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Counter

from burnline.status import MOST_CONNECTIONS, StatusServer


class Part:
    """Something that may be well or not."""

    def __init__(self) -> None:
        self.well = True

    def __call__(self) -> tuple[bool, str]:
        return self.well, "all is well" if self.well else "it has stopped"


class Served:
    """A server with two probes and one counter."""

    def __init__(self, port: int = 0) -> None:
        self.healthy, self.ready = Part(), Part()
        registry = CollectorRegistry()
        Counter("apples", "Apples eaten.", registry=registry).inc(3)
        self.server = StatusServer("127.0.0.1", port, registry, healthy=self.healthy, ready=self.ready)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.address.removeprefix("http://127.0.0.1:"))

    def get(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.headers["Content-Type"], refusal.read()


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    one = Served()
    one.server.start()
    yield one
    one.server.stop()


@pytest.fixture
def served(shared: Served) -> Served:
    """A server that answers, and whose parts are well."""
    shared.healthy.well = shared.ready.well = True
    return shared


def test_metrics(served: Served) -> None:
    status, kind, body = served.get("/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert b"# HELP apples_total Apples eaten.\n" in body
    assert b"\napples_total 3.0\n" in body


def test_one_metric_can_be_asked_for(served: Served) -> None:
    assert served.get("/metrics?name[]=oranges")[::2] == (200, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize(
    ("well", "status", "detail"),
    [pytest.param(True, 200, "all is well", id="well"), pytest.param(False, 503, "it has stopped", id="not-well")],
)
def test_a_probe_says_how_it_is(served: Served, path: str, *, well: bool, status: int, detail: str) -> None:
    (served.healthy if path == "/healthz" else served.ready).well = well
    found, kind, body = served.get(path)
    assert (found, kind) == (status, "application/json")
    assert json.loads(body) == {"ok": well, "detail": detail}


def test_the_probes_are_two(served: Served) -> None:
    """A worker that waits for its partitions is healthy: to restart it would not help."""
    served.ready.well = False
    assert served.get("/healthz")[0] == 200
    assert served.get("/readyz")[0] == 503


@pytest.mark.parametrize("path", ["/", "/metrics/", "/health", "/readyz/x"])
def test_other_paths_are_not_found_and_told_where_to_look(served: Served, path: str) -> None:
    status, _, body = served.get(path)
    assert status == 404
    assert json.loads(body) == {"paths": ["/metrics", "/healthz", "/readyz"]}


def test_port_0_takes_a_free_one(served: Served) -> None:
    other = Served()
    assert 0 < other.port != served.port > 0
    other.server.stop()


def test_a_port_that_is_taken_is_an_error(served: Served) -> None:
    with pytest.raises(OSError, match=r".+") as failure:
        Served(served.port)
    assert failure.value.errno == errno.EADDRINUSE


def test_a_host_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(OSError, match=r".+"):
        StatusServer("192.0.2.1", 0, CollectorRegistry(), healthy=Part(), ready=Part())


@pytest.mark.parametrize("started", [True, False])
def test_stopping_frees_the_port(*, started: bool) -> None:
    one = Served()
    if started:
        one.server.start()
    port = one.port
    one.server.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()


def test_scrapes_are_no_news(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    served.get("/metrics")
    served.get("/nowhere")
    assert capfd.readouterr() == ("", "")


class TestConnections:
    """Whoever opens connections to it takes no threads from those that count, and keeps no scrape out."""

    def test_many_silent_ones(self, served: Served) -> None:
        with ExitStack() as stack:
            silent = [
                stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=20))
                for _ in range(8 * MOST_CONNECTIONS)
            ]
            assert served.get("/metrics")[0] == 200
            threads = [one for one in threading.enumerate() if one.name == "status connection"]
            assert len(threads) <= MOST_CONNECTIONS
            assert silent[0].recv(1) == b""

    @pytest.mark.parametrize("start", [b"", b"GET /metrics HTTP/1.1\r\nX: "], ids=["silent", "slow"])
    def test_one_that_lasts_too_long(self, served: Served, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
        monkeypatch.setattr("burnline.status.PATIENCE_S", 0.3)
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
            connection.sendall(start)
            assert connection.recv(1) == b""
