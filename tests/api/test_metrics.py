"""Requests are counted by route template, and every one of them once: those too that reach no route or no answer."""

import asyncio
import time
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from burnline.api.metrics import ApiMetrics, Measured, install
from burnline.settings import load_settings
from tests.api.stage import Api, serving

Counted = dict[tuple[str, str, str], float]


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/sessions/{session_id}")
    async def session(session_id: str) -> str:
        if session_id == "broken":
            raise RuntimeError(session_id)
        return session_id

    install(app, "/api")
    return app


def _counted(client: TestClient) -> Counted:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "burnline_api_requests_total"
    }


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("GET", "/sessions/secret-1", ("/sessions/{session_id}", "GET", "200"), id="template, not path"),
        pytest.param("GET", "/sessions/broken", ("/sessions/{session_id}", "GET", "500"), id="a failure of ours"),
        pytest.param("POST", "/sessions/x", ("/sessions/{session_id}", "POST", "405"), id="a method it does not have"),
        pytest.param("GET", "/no/such", ("none", "GET", "404"), id="no route"),
        pytest.param("BREW", "/no/such", ("none", "other", "404"), id="a method nobody knows"),
    ],
)
def test_a_request_counts_once(method: str, path: str, expected: tuple[str, str, str]) -> None:
    with TestClient(_app(), raise_server_exceptions=False) as client:
        client.request(method, path)
        assert _counted(client) == {expected: 1.0}
        assert _counted(client) == {expected: 1.0, ("/metrics", "GET", "200"): 1.0}


def test_what_was_never_answered_has_status_0_and_its_time() -> None:
    registry, seconds = CollectorRegistry(), iter([10.0, 12.5])

    async def falls_silent(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        pytest.fail("nothing was to be sent")

    app = Measured(falls_silent, ApiMetrics(registry), prefix="/api", clock=lambda: next(seconds))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(app({"type": "http", "method": "GET"}, receive, send))
    labels = {"route": "none", "method": "GET", "status": "0"}
    assert registry.get_sample_value("burnline_api_requests_total", labels) == 1.0
    assert registry.get_sample_value("burnline_api_request_seconds_sum", {"route": "none"}) == 2.5


def test_the_api_counts_what_its_gate_refuses() -> None:
    with serving(load_settings(redis_url="redis://127.0.0.1:1/0", api_requests_per_s=1)) as api:
        _until(lambda: api._client.get("/healthz").status_code == 429)
        _until(lambda: api._client.get("/healthz").status_code == 200)
        _until(
            lambda: (
                (scraped := api._client.get("/metrics")).status_code == 200
                and 'route="none",status="429"' in scraped.text
            )
        )


def _until(met: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20.0
    while not met():
        assert time.monotonic() < deadline_s


def test_the_templates_of_the_api_are_whole(reader: Api) -> None:
    reader._client.get("/api/v1/finops/sessions/no-such")
    assert {route for route, _, _ in _counted(reader._client)} == {"/api/v1/finops/sessions/{session_id:path}"}
