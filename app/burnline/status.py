"""The worker's HTTP face: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever runs it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

MOST_CONNECTIONS = 16
"""At once: a few scrapes and probes. Each has a thread, beside those that count events."""
PATIENCE_S = 10.0
"""How long a connection may last."""
SLOT_WAIT_S = 0.2

StartResponse = Callable[..., Any]
Probe = Callable[[], tuple[bool, str]]
"""Says whether all is well, and what is or is not, in a sentence."""


class StatusServer:
    """Serves metrics and probes from a thread of its own, so that a busy event loop is seen from outside."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, *, healthy: Probe, ready: Probe) -> None:
        """Bind at once; `port` 0 takes a free one.

        Raises:
            OSError: The address is taken or not ours.
        """
        self._metrics = make_wsgi_app(registry)
        self._probes = {"/healthz": healthy, "/readyz": ready}
        self._server = make_server(host, port, self._answer, _Bounded, handler_class=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="status", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, as a URL without a path."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Answer requests."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            body: Iterable[bytes] = self._metrics(environ, start_response)
            return body
        probe = self._probes.get(path)
        if probe is None:
            return _json(start_response, "404 Not Found", {"paths": ["/metrics", *self._probes]})
        well, sentence = probe()
        status = "200 OK" if well else "503 Service Unavailable"
        return _json(start_response, status, {"ok": well, "detail": sentence})


def _json(start_response: StartResponse, status: str, body: dict[str, Any]) -> list[bytes]:
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode() + b"\n"]


class _Bounded(WSGIServer):
    """A thread per connection, but few of them; where all are taken, the oldest connection gives way to a new one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._slots = threading.Semaphore(MOST_CONNECTIONS)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer it in a thread of its own."""
        if not self._slots.acquire(blocking=False):
            self._cut(before=float("inf"), at_most=1)
            if not self._slots.acquire(timeout=SLOT_WAIT_S):
                self.shutdown_request(request)
                return
        with self._lock:
            self._open[request] = time.monotonic()
        arguments = (request, client_address)
        threading.Thread(target=self._serve, args=arguments, name="status connection", daemon=True).start()

    def service_actions(self) -> None:
        """Cut what has lasted for too long; called twice a second, and after each connection."""
        self._cut(before=time.monotonic() - PATIENCE_S, at_most=MOST_CONNECTIONS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that broke off or were cut: who opens them could fill the log."""

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001  # as in socketserver: said, or not, by handle_error
            self.handle_error(request, client_address)
        finally:
            with self._lock:
                del self._open[request]
                self.shutdown_request(request)
            self._slots.release()

    def _cut(self, *, before: float, at_most: int) -> None:
        with self._lock:
            for request in [one for one, since in self._open.items() if since < before][:at_most]:
                with suppress(OSError):  # its other end is gone already
                    request.shutdown(socket.SHUT_RDWR)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Scrapes are no news."""
