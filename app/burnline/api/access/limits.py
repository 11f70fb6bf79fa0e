"""How much a request may carry: headers and body."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from fastapi import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnline.api.problems import Problem, answer

MOST_HEADER_BYTES = 16_384
MOST_HEADERS = 100
INGEST_PATHS = frozenset({"/v1/traces", "/v1/logs", "/api/v1/events"})
"""Where usage comes in: bodies are longer there."""


class Limits:
    """ASGI middleware: 431 for headers that are too many or too long, 413 for a body that is too long."""

    def __init__(
        self, app: ASGIApp, max_body_bytes: int, larger: Mapping[Collection[str], int] = MappingProxyType({})
    ) -> None:
        """Stand before `app`; let bodies of at most `max_body_bytes` through, however they are sent.

        Args:
            app: What the requests are for.
            max_body_bytes: Longest body.
            larger: Paths with another limit, and that.
        """
        self._app = app
        self._most = max_body_bytes
        self._larger = {path: most for paths, most in larger.items() for path in paths}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        most = self._larger.get(scope["path"], self._most)
        problem = self._problem(scope["headers"], most)
        if problem is not None:
            return await answer(Request(scope), problem)(scope, receive, send)
        return await self._app(scope, self._counted(receive, most), send)

    def _problem(self, headers: list[tuple[bytes, bytes]], most: int) -> Problem | None:
        carried = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MOST_HEADERS or carried > MOST_HEADER_BYTES:
            return Problem(431, f"At most {MOST_HEADERS} headers of {MOST_HEADER_BYTES} bytes.", kind="too-large")
        for name, value in headers:
            if name == b"content-length" and (not value.isdigit() or int(value[:20]) > most):
                return Problem(413, _sentence(most), kind="too-large")
        return None

    @staticmethod
    def _counted(receive: Receive, most: int) -> Receive:
        carried = 0

        async def counted() -> Message:
            nonlocal carried
            message = await receive()
            if message["type"] == "http.request":
                carried += len(message.get("body", b""))
                if carried > most:  # an HTTPException passes through FastAPI's reading of bodies as it is
                    raise HTTPException(413, _sentence(most))
            return message

        return counted


def _sentence(most: int) -> str:
    return f"The body of a request has at most {most} bytes."
