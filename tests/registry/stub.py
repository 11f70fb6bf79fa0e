"""A schema registry on this machine: the part of Confluent's HTTP API that readers use, and nothing of it is real."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = dict[str, Any]


class Registry:
    """What it has, by the paths below its address, and what it was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        """Paths with their queries, and who asked: `Authorization`."""
        self.status: int | None = None
        """What it answers whatever it is asked for, if it is set."""

    def has(
        self, number: int | str, schema: str, kind: str | None = None, references: list[Answer] | None = None
    ) -> None:
        """A schema by its id, or by its GUID."""
        told = {"schema": schema, **({"schemaType": kind} if kind else {}), "references": references or []}
        self.answers[f"/schemas/{'ids' if isinstance(number, int) else 'guids'}/{number}"] = told

    def has_version(self, subject: str, version: int, schema: str, references: list[Answer] | None = None) -> None:
        """A schema that others refer to."""
        told = {"subject": subject, "version": version, "id": 900 + version, "schema": schema}
        self.answers[f"/subjects/{subject}/versions/{version}"] = {**told, "references": references or []}

    def answer(self, path: str) -> tuple[int, Answer]:
        """Its answer to a path."""
        if self.status is not None:
            return self.status, {"error_code": self.status * 100 + 1, "message": "no"}
        found = self.answers.get(path.partition("?")[0])
        return (404, {"error_code": 40403, "message": "Schema not found"}) if found is None else (200, found)


@contextmanager
def registry(port: int = 0) -> Iterator[Registry]:
    """One, served while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class calls it so
            stub.asked.append((self.path, self.headers.get("Authorization")))
            status, answer = stub.answer(self.path)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    stub = Registry(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
