"""What the API counts about its own requests, and `/metrics`, where Prometheus reads it.

Labels come from the routes and never from a request: no path, caller or organisation is a label.
"""

import time
from collections.abc import Callable

from fastapi import FastAPI, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METRICS_PATH = "/metrics"
NO_ROUTE = "none"
"""Label of requests that reached no route: of nothing that there is, or refused before it."""
OTHER_METHOD = "other"
BROKEN_OFF = "0"
"""Status of a request that was never answered: the caller left, or the process ended."""
FAILED = 500
LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ApiMetrics:
    """Requests by route, method and status, and the time until each began to be answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all of it."""
        self.requests = Counter(
            "burnline_api_requests",
            "Requests by route template, method and HTTP status; status 0 was never answered.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "burnline_api_request_seconds",
            "From a request until its answer began, by route template; a stream's end is not waited for.",
            ["route"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )

    def answered(self, route: str, method: str, status: int | None, seconds: float) -> None:
        """Count one request.

        Args:
            route: Template of its route, such as `/api/v1/finops/sessions/{session_id}`; `NO_ROUTE` without one.
            method: As the request names it.
            status: HTTP status, None if it was never answered.
            seconds: Until the answer began, or until it broke off.
        """
        known = method if method in _METHODS else OTHER_METHOD
        self.requests.labels(route, known, BROKEN_OFF if status is None else str(status)).inc()
        self.seconds.labels(route).observe(seconds)


class Measured:
    """ASGI middleware, outermost: sees each request as its caller does, those included that the gate refuses."""

    def __init__(
        self, app: ASGIApp, metrics: ApiMetrics, *, prefix: str, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Stand before `app`, whose routers stand below `prefix` or at the root; `clock` counts seconds."""
        self._app = app
        self._metrics = metrics
        self._prefix = prefix
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, and count it once."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began_s, answered = self._clock(), False

        def count(status: int | None) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self._metrics.answered(self._route(scope), scope["method"], status, self._clock() - began_s)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            return await self._app(scope, receive, watched)
        except Exception:
            count(FAILED)  # whatever stands outside answers so
            raise
        finally:
            count(None)

    def _route(self, scope: Scope) -> str:
        # The router leaves the route that it chose: its template below its router's prefix, which is not in it.
        template = getattr(scope.get("route"), "path", None)
        if not isinstance(template, str):
            return NO_ROUTE
        below = scope["path"].startswith(f"{self._prefix}/") and not template.startswith(self._prefix)
        return self._prefix + template if below else template


def install(app: FastAPI, prefix: str) -> None:
    """Serve `/metrics`, and count every request from now on. To be called last: what is added later stands outside.

    Args:
        app: With routers at its root and below `prefix`.
        prefix: Such as `/api`.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    metrics = ApiMetrics(registry)

    async def scraped() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route(METRICS_PATH, scraped, include_in_schema=False, response_model=None)
    app.add_middleware(Measured, metrics=metrics, prefix=prefix)
