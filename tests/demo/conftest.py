"""Something that answers over HTTP, for tests of what the demo makes of it."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Protocol

import pytest


class Serve(Protocol):
    """Answers every GET with a text from now on; gives the address."""

    def __call__(self, text: str, status: int = 200) -> str: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers, and ends them."""
    servers: list[ThreadingHTTPServer] = []

    def start(text: str, status: int = 200) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
