"""How much a request may carry: headers and body."""

from fastapi import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnline.api.problems import Problem, answer

MOST_HEADER_BYTES = 16_384
MOST_HEADERS = 100


class Limits:
    """ASGI middleware: 431 for headers that are too many or too long, 413 for a body that is too long."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        """Stand before `app`; let bodies of at most `max_body_bytes` through, however they are sent."""
        self._app = app
        self._most = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        problem = self._problem(scope["headers"])
        if problem is not None:
            return await answer(Request(scope), problem)(scope, receive, send)
        return await self._app(scope, self._counted(receive), send)

    def _problem(self, headers: list[tuple[bytes, bytes]]) -> Problem | None:
        carried = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MOST_HEADERS or carried > MOST_HEADER_BYTES:
            return Problem(431, f"At most {MOST_HEADERS} headers of {MOST_HEADER_BYTES} bytes.", kind="too-large")
        for name, value in headers:
            if name == b"content-length" and (not value.isdigit() or int(value[:20]) > self._most):
                return Problem(413, self._sentence, kind="too-large")
        return None

    @property
    def _sentence(self) -> str:
        return f"The body of a request has at most {self._most} bytes."

    def _counted(self, receive: Receive) -> Receive:
        carried = 0

        async def counted() -> Message:
            nonlocal carried
            message = await receive()
            if message["type"] == "http.request":
                carried += len(message.get("body", b""))
                if carried > self._most:  # an HTTPException passes through FastAPI's reading of bodies as it is
                    raise HTTPException(413, self._sentence)
            return message

        return counted
