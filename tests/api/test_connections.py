"""Connections without a token, over real sockets: silent, slow, too many. Who asks is answered all the same."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx2
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from burnline.api.connections import QUIET_S, Seldom, bounded, most_connections, tell_seldom

WITHIN_S = 60.0
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"%02d" % len(body)})


@contextmanager
def served(most: int = 5, head_s: float = 60.0, body_s: float = 60.0) -> Iterator[int]:
    protocol = bounded(most, head_s=head_s, body_s=body_s)
    server = uvicorn.Server(uvicorn.Config(echo, port=0, lifespan="off", log_config=None, http=protocol))
    bound = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield int(bound.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        bound.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S)


def is_cut(connection: socket.socket) -> bool:
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "start", [b"", b"G", REQUEST, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"],
    ids=["silent", "a letter", "no end of the headers", "no end of the body"],
)  # fmt: skip
def test_who_does_not_end_a_request_is_cut(start: bytes) -> None:
    with served(head_s=0.3, body_s=0.3) as port, connect(port) as connection:
        connection.sendall(start)
        assert is_cut(connection)


@pytest.mark.parametrize("start", [REQUEST + b"X: ", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n"],
                         ids=["headers", "body"])  # fmt: skip
def test_single_bytes_buy_no_time(start: bytes) -> None:
    with served(head_s=0.5, body_s=0.5) as port, connect(port) as connection:
        connection.sendall(start)
        began_s = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began_s < WITHIN_S:
                connection.sendall(b"a")
                time.sleep(0.05)
        assert time.monotonic() - began_s < WITHIN_S


def test_a_second_request_has_its_own_time() -> None:
    with served(head_s=0.5) as port, connect(port) as connection:
        for _ in range(3):
            connection.sendall(REQUEST + b"\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\n00"):
                answer += connection.recv(1000)
            time.sleep(0.3)  # together longer than one request may take
        connection.sendall(b"G")
        assert is_cut(connection)


def test_many_silent_ones_keep_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    with served(most=5) as port, ExitStack() as stack:
        silent = [stack.enter_context(connect(port)) for _ in range(60)]
        for _ in range(5):
            assert httpx2.get(f"http://127.0.0.1:{port}/", timeout=WITHIN_S).text == "00"
        assert is_cut(silent[0])
    assert len([line for line in caplog.records if "is cut" in line.message]) == 1


def test_what_cannot_be_taken_is_said_once() -> None:
    said: list[str] = []
    now = [0.0]
    seldom = Seldom(said.append, lambda: now[0])
    for _ in range(1_000):
        seldom.say("full")
    now[0] = QUIET_S
    seldom.say("full")
    assert said == ["full (1 since the last such line)", "full (1000 since the last such line)"]


def test_a_loop_out_of_files_says_so_seldom(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        tell_seldom(loop)
        for _ in range(500):
            loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": OSError(24)})
        loop.call_exception_handler({"message": "something else"})

    with caplog.at_level(logging.ERROR):
        asyncio.run(story())
    assert len([line for line in caplog.records if "accept" in line.message]) == 1
    assert [line for line in caplog.records if "something else" in line.message]


@pytest.mark.parametrize(("files", "most"), [(64, 1), (1_024, 768), (1_048_576, 1_000), (-1, 1_000)])
def test_files_are_kept_free_for_others(monkeypatch: pytest.MonkeyPatch, files: int, most: int) -> None:
    limits: Callable[[int], tuple[int, int]] = lambda _: (files, files)  # noqa: E731
    monkeypatch.setattr("resource.getrlimit", limits)
    assert most_connections() == most
