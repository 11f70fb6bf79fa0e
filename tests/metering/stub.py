"""A provider on this machine: answers what it is told to, in the provider's own wire format."""

import binascii
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Provider:
    """What it answers next, and what it was asked: request bodies, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.kind = "application/json"
        self.body = b""
        self._next: list[bytes] = []

    def answers(self, answer: Any, *later: Any, status: int = 200) -> None:
        """One JSON object; with several, one after the other, and the last one from then on."""
        first, *self._next = (json.dumps(each).encode() for each in (answer, *later))
        self.status, self.kind, self.body = status, "application/json", first

    def next_body(self) -> bytes:
        """What is answered now."""
        body = self.body
        if self._next:
            self.body = self._next.pop(0)
        return body

    def streams(self, events: list[dict[str, Any]]) -> None:
        """Server-sent events, as OpenAI, Anthropic, Google and Mistral send them."""
        lines = [f"event: {event['type']}\n" if "type" in event else "" for event in events]
        text = "".join(f"{line}data: {json.dumps(event)}\n\n" for line, event in zip(lines, events, strict=True))
        self.status, self.kind, self.body = 200, "text/event-stream", f"{text}data: [DONE]\n\n".encode()

    def streams_as_google(self, events: list[dict[str, Any]]) -> None:
        """Server-sent events without an end of their own."""
        self.streams(events)
        self.body = self.body.removesuffix(b"data: [DONE]\n\n")

    def streams_lines(self, parts: list[dict[str, Any]]) -> None:
        """One JSON object a line, as Ollama sends them."""
        text = "".join(json.dumps(part) + "\n" for part in parts)
        self.status, self.kind, self.body = 200, "application/x-ndjson", text.encode()

    def streams_as_aws(self, events: list[dict[str, Any]]) -> None:
        """AWS' binary event stream, as Bedrock sends it."""
        frames = [_frame(name, json.dumps(body).encode()) for event in events for name, body in event.items()]
        self.status, self.kind, self.body = 200, "application/vnd.amazon.eventstream", b"".join(frames)


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider, served while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            is_json = "json" in self.headers.get("content-type", "")
            stub.asked.append(json.loads(body) if is_json and body else {})
            self._answer()

        def do_GET(self) -> None:
            stub.asked.append({})
            self._answer()

        def _answer(self) -> None:
            body = stub.next_body()
            self.send_response(stub.status)
            self.send_header("content-type", stub.kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("x-amzn-requestid", "aws-1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest's output is for the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()


def _frame(name: str, payload: bytes) -> bytes:
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in {":event-type": name, ":message-type": "event", ":content-type": "application/json"}.items()
    )
    head = struct.pack(">II", 12 + len(headers) + len(payload) + 4, len(headers))
    framed = head + struct.pack(">I", binascii.crc32(head)) + headers + payload
    return framed + struct.pack(">I", binascii.crc32(framed))
