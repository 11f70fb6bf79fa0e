"""A receiver that misbehaves on request: what it has taken, and how it answers next."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """Answers POSTs. `answers` are taken one by one; then it is well (200)."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    """A status, (status, headers), (status, headers, JSON), or one of `reset`, `mid-body`, `hang`."""
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """What was answered with 200, in order."""
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self) -> Any:
        with self.lock:
            self.asked += 1
            return self.answers.pop(0) if self.answers else 200


@contextmanager
def receiving(*answers: Any) -> Iterator[Receiver]:
    receiver = Receiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = receiver.next_answer()
            if answer == "reset":
                self.connection.close()
                return
            if answer == "mid-body":
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nbegun")
                self.connection.close()
                return
            if answer == "hang":
                time.sleep(1.5)
                return
            status, headers, *said = answer if isinstance(answer, tuple) else (answer, {})
            content = json.dumps(said[0]).encode() if said else b""
            if status == 200:
                own = {name.lower(): value for name, value in self.headers.items()}
                receiver.taken.append(({**own, ":path": self.path}, body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
            pass

        def handle(self) -> None:
            with suppress(ConnectionError, ValueError):  # broken connections are what is wanted
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # broken connections are what is wanted
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
