"""The worker's HTTP face: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever runs it."""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

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
        self._server = make_server(host, port, self._answer, ThreadingWSGIServer, handler_class=_Quiet)
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


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Scrapes are no news."""
