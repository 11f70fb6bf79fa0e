"""Every error is a problem (RFC 9457), and says nothing of what is inside."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from burnline.api import problems
from burnline.api.problems import MEDIA_TYPE, Problem
from burnline.readmodel.rows import UnreadableRow
from burnline.settings import load_settings
from tests.api.stage import Api, serving

SECRET = "postgres://admin:hunter2@db"  # noqa: S105  # only a test's


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    problems.install(app)

    @app.get("/own")
    async def own() -> None:
        raise Problem(409, "Twice.", kind="twice", headers={"X-Note": "1"})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError(SECRET)

    @app.get("/damaged")
    async def damaged() -> None:
        raise UnreadableRow(SECRET)

    @app.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/own", 409, "urn:burnline:problem:twice"),
        ("GET", "/nowhere", 404, "about:blank"),
        ("DELETE", "/own", 405, "about:blank"),
        ("GET", "/number/x", 422, "urn:burnline:problem:invalid-request"),
        ("GET", "/broken", 500, "about:blank"),
        ("GET", "/damaged", 503, "urn:burnline:problem:projection-damaged"),
    ],
)
def test_every_error(client: TestClient, method: str, path: str, status: int, kind: str) -> None:
    answer = client.request(method, path)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert (problem["status"], problem["type"], problem["instance"]) == (status, kind, path)
    assert problem["title"]
    assert problem["detail"]
    assert SECRET not in answer.text


def test_headers_are_kept(client: TestClient) -> None:
    assert client.get("/own").headers["x-note"] == "1"
    assert "GET" in client.delete("/own").headers["allow"]


def test_mistakes_are_listed(client: TestClient) -> None:
    (mistake,) = client.get("/number/x").json()["errors"]
    assert mistake["where"] == "path.number"


def test_health_needs_no_redis_and_readiness_does() -> None:
    with serving(load_settings(redis_url="redis://127.0.0.1:1/0")) as api:
        assert api._client.get("/healthz").json() == {"status": "ok"}
        answer = api._client.get("/readyz")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:burnline:problem:redis-away")


def test_ready(reader: Api) -> None:
    assert reader._client.get("/readyz").json() == {"status": "ok"}


def test_the_document_describes_its_problems(reader: Api) -> None:
    document = reader._client.get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    described = document["paths"]["/api/v1/finops/trends"]["get"]["responses"]
    for status in ("422", "503"):
        assert MEDIA_TYPE in described[status]["content"]
