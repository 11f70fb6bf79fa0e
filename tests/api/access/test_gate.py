"""The gate before every route, on a real Redis: who is let in, how often, with how much, and what is written of it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import pytest
import redis
import redis.asyncio
from fastapi import Body, FastAPI
from fastapi.responses import StreamingResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from burnline.api import problems
from burnline.api.access import gate
from burnline.api.access.guard import guard
from burnline.api.access.limits import MOST_HEADER_BYTES, MOST_HEADERS
from burnline.api.access.principal import SCOPE_KEY, Admin, Editor, Principal, Role, Viewer
from burnline.api.access.tokens import mint
from burnline.api.application import build_api
from burnline.api.resources import Resources
from burnline.api.view.catalogue import HeldBook
from burnline.api.view.names_seen import NamesSeen
from burnline.api.view.rollups import RollupCache
from burnline.embedded.ports import free_ports
from burnline.settings import Settings, load_settings
from tests.api.access.issuer import AUDIENCE, Issuer, issuing

NOW = 1_760_000_000_000
KEY = "burnline:tokens"
HERE = ("127.0.0.1", 50_000)
ELSEWHERE = ("192.0.2.7", 50_000)


def application(settings: Settings, now_ms: Callable[[], int] = lambda: NOW) -> FastAPI:
    """A few routes behind the gate."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with redis.asyncio.Redis.from_url(settings.redis_url) as client:
            app.state.resources = Resources(settings, client, now_ms, RollupCache(), NamesSeen(), HeldBook())
            yield

    app = FastAPI(lifespan=lifespan)
    problems.install(app)

    @app.get("/healthz")
    async def healthz() -> str:
        return "well"

    @app.get("/who")
    async def who(caller: Viewer) -> dict[str, Any]:
        orgs = None if caller.orgs is None else sorted(caller.orgs)
        return {"subject": caller.subject, "role": caller.role, "orgs": orgs}

    @app.get("/forgetful")
    async def forgetful() -> str:
        return "never asks who calls"

    @app.put("/thing")
    async def put(caller: Editor, body: Annotated[dict[str, str], Body()]) -> int:
        return len(body)

    @app.delete("/thing")
    async def delete(caller: Admin) -> str:
        return caller.subject

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def forever() -> AsyncIterator[bytes]:
            while True:
                yield b": on and on\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(forever(), media_type="text/event-stream")

    guard(app, settings)
    return app


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@contextmanager
def calling(redis_url: str, client: tuple[str, int] = HERE, **settings: Any) -> Iterator[TestClient]:
    with TestClient(application(load_settings(redis_url=redis_url, **settings)), client=client) as found:
        yield found


def token(client: redis.Redis, role: Role = Role.VIEWER, *orgs: str, **changes: Any) -> dict[str, str]:
    """A token in Redis; the header that shows it."""
    text, record = mint("ci", role, frozenset(orgs) or None, now_ms=NOW, expires_at=None)
    client.hset(KEY, record.id, record.model_copy(update=changes).model_dump_json())
    return bearer(text)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tokens be read at each request."""
    monkeypatch.setattr("burnline.api.access.token_store.MAX_AGE_S", 0.0)


def challenge(answer: Any) -> str:
    """The challenge of a 401 that is a problem."""
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:burnline:problem:unauthenticated"
    return str(answer.headers["www-authenticate"])


def test_without_configured_access_whoever_is_here_may_do_everything(redis_url: str) -> None:
    with calling(redis_url) as api:
        assert api.get("/who").json() == {"subject": "anonymous", "role": "admin", "orgs": None}
        assert api.delete("/thing").status_code == 200


def test_and_whoever_is_elsewhere_nothing(redis_url: str) -> None:
    with calling(redis_url, ELSEWHERE) as api:
        assert challenge(api.get("/who")) == 'Bearer realm="burnline"'
        assert api.get("/healthz").status_code == 200


def test_nor_whoever_is_here_when_it_listens_to_others(redis_url: str) -> None:
    with calling(redis_url, api_host="192.0.2.1") as api:
        assert challenge(api.get("/who"))


def test_nor_a_page_of_somebody_else_s_in_a_browser_here(redis_url: str) -> None:
    with calling(redis_url) as api:
        assert challenge(api.get("/who", headers={"Origin": "https://evil.example.com"}))


def test_the_first_token_ends_it_while_the_api_runs(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    with calling(redis_url) as api:
        assert api.get("/who").status_code == 200
        first = token(client, Role.EDITOR, "acme", revoked_at=NOW)
        assert challenge(api.get("/who"))
        assert "revoked" in api.get("/who", headers=first).json()["detail"]
        client.delete(KEY)
        assert challenge(api.get("/who")), "a Redis that lost its data must not open the door again"


def test_a_token_names_its_role_and_organisations(redis_url: str, client: redis.Redis) -> None:
    own = token(client, Role.EDITOR, "b", "a")
    with calling(redis_url, ELSEWHERE) as api:
        found = api.get("/who", headers=own).json()
    assert (found["role"], found["orgs"]) == ("editor", ["a", "b"])
    assert found["subject"].startswith("token:")


def test_what_is_let_in_by_nothing(redis_url: str, client: redis.Redis) -> None:
    known = token(client)["Authorization"].partition(" ")[2]
    unknown = [f"{known[:-1]}{'A' if known[-1] != 'A' else 'B'}", f"bl_{'0' * 12}_{'A' * 43}", "bl_", "x.y.z", "x", ""]
    with calling(redis_url) as api:
        for text in unknown:
            refused = api.get("/who", headers=bearer(text))
            assert 'error="invalid_token"' in challenge(refused)
        assert challenge(api.get("/who", headers={"Authorization": f"Basic {known}"}))
        assert challenge(api.get("/who", headers=[("Authorization", f"Bearer {known}")] * 2))
        assert api.get("/who", headers={"Authorization": f"bearer  {known}"}).status_code == 401
        assert api.get("/who", headers={"Authorization": f"bEARER {known}"}).status_code == 200


def test_wrong_and_unknown_get_the_same_answer(redis_url: str, client: redis.Redis) -> None:
    token_id = token(client)["Authorization"].split("_")[1]
    with calling(redis_url) as api:
        wrong, unknown = (api.get("/who", headers=bearer(f"bl_{one}_{'A' * 43}")) for one in (token_id, "0" * 12))
    assert wrong.content == unknown.content
    assert wrong.headers == unknown.headers


def test_a_token_ends_when_it_expires(redis_url: str, client: redis.Redis) -> None:
    own = token(client, expires_at=NOW)
    with calling(redis_url) as api:
        refused = api.get("/who", headers=own)
    assert challenge(refused)
    assert "expired" in refused.json()["detail"]


def test_revocation_holds_within_a_second(redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    own = token(client)
    with calling(redis_url) as api:
        assert api.get("/who", headers=own).status_code == 200
        token_id = own["Authorization"].split("_")[1]
        record = json.loads(client.hget(KEY, token_id) or b"")
        client.hset(KEY, token_id, json.dumps(record | {"revoked_at": NOW}))
        assert challenge(api.get("/who", headers=own))


def test_a_route_that_never_asks_is_closed_too(redis_url: str, client: redis.Redis) -> None:
    own = token(client)
    with calling(redis_url) as api:
        assert challenge(api.get("/forgetful"))
        assert challenge(api.get("/no/such/route"))
        assert api.get("/forgetful", headers=own).status_code == 200


def test_an_application_without_its_gate_lets_nobody_in() -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/who")
    async def who(caller: Viewer) -> str:
        return caller.subject

    with TestClient(app, client=HERE) as api:
        assert challenge(api.get("/who"))


@pytest.mark.parametrize(
    ("role", "may_put", "may_delete"),
    [(Role.VIEWER, 403, 403), (Role.EDITOR, 200, 403), (Role.ADMIN, 200, 200)],
    ids=list(Role),
)
def test_roles(redis_url: str, client: redis.Redis, role: Role, may_put: int, may_delete: int) -> None:
    own = token(client, role)
    with calling(redis_url) as api:
        put, delete = api.put("/thing", json={}, headers=own), api.delete("/thing", headers=own)
    assert (put.status_code, delete.status_code) == (may_put, may_delete)
    if may_delete == 403:
        assert delete.json()["type"] == "urn:burnline:problem:forbidden"


def test_without_redis_nobody_can_be_known() -> None:
    with calling(f"redis://127.0.0.1:{free_ports(1)[0]}/0") as api:
        for headers in ({}, bearer(f"bl_{'0' * 12}_{'A' * 43}")):
            answer = api.get("/who", headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:burnline:problem:redis-away")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


def test_a_jwt_lets_in_what_its_claims_say(redis_url: str, issuer: Issuer) -> None:
    own = bearer(issuer.token(burnline_role=["viewer", "editor"], burnline_orgs=["acme"]))
    with calling(redis_url, ELSEWHERE, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as api:
        assert api.get("/who", headers=own).json() == {"subject": "oidc:ada", "role": "editor", "orgs": ["acme"]}


def test_with_an_issuer_nobody_is_anonymous(redis_url: str, issuer: Issuer) -> None:
    with calling(redis_url, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as api:
        assert challenge(api.get("/who"))
        assert issuer.asked == []


def test_an_issuer_that_is_away_is_a_503_and_no_refusal(redis_url: str, issuer: Issuer) -> None:
    issuer.answers["/jwks"] = (500, b"")
    with calling(redis_url, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as api:
        answer = api.get("/who", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:burnline:problem:issuer-away")
    assert answer.headers["retry-after"]


def test_a_jwt_without_a_role_is_known_and_may_nothing(redis_url: str, issuer: Issuer) -> None:
    with calling(redis_url, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as api:
        answer = api.get("/who", headers=bearer(issuer.token(burnline_role=None)))
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:burnline:problem:no-role")
        assert challenge(api.get("/who", headers=bearer(issuer.token(aud="others"))))


def test_a_caller_may_ask_so_often(redis_url: str, client: redis.Redis) -> None:
    one, other = token(client), token(client)
    with calling(redis_url, api_requests_per_s=3) as api:
        answers = [api.get("/who", headers=one) for _ in range(8)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert answers[0].status_code == answers[2].status_code == 200
        assert limited
        assert limited[0].headers["retry-after"] == "1"
        assert limited[0].json()["type"] == "urn:burnline:problem:too-many-requests"
        assert api.get("/who", headers=other).status_code == 200


def test_who_guesses_is_limited_by_address_and_takes_nothing_from_others_there(
    redis_url: str, client: redis.Redis
) -> None:
    own = token(client)
    with calling(redis_url, api_requests_per_s=3) as api:
        assert [api.get("/who", headers=bearer("bl_x")).status_code for _ in range(6)].count(429) >= 2
        assert api.get("/healthz").status_code == 429
        assert api.get("/who", headers=own).status_code == 200


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3::4", 1), "2001:db8:1:2::/64"),
        (("pipe", 1), "pipe"),
        (None, "unknown"),
    ],
    ids=["IPv4", "IPv6 network", "no address", "unknown"],
)
def test_what_counts_as_an_address(client: tuple[str, int] | None, address: str) -> None:
    assert gate._address({"client": client}) == address


@pytest.mark.parametrize(("size", "status"), [(1024, 200), (1025, 413)], ids=["at most", "one more"])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_how_long_a_body_may_be(redis_url: str, size: int, status: int, *, chunked: bool) -> None:
    body = b'{"a":"' + b"x" * (size - 8) + b'"}'
    content = iter([body[:500], body[500:]]) if chunked else body
    with calling(redis_url, api_max_body_bytes=1024) as api:
        answer = api.put("/thing", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    if status == 413:
        assert "1024 bytes" in answer.json()["detail"]


@pytest.mark.parametrize("length", ["many", "-1", "9" * 30], ids=["no number", "negative", "huge"])
def test_a_length_that_is_none(redis_url: str, length: str) -> None:
    with calling(redis_url) as api:
        assert api.put("/thing", content=b"{}", headers={"Content-Length": length}).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [{f"X-{number}": "1" for number in range(MOST_HEADERS)}, {"X-Long": "x" * MOST_HEADER_BYTES}],
    ids=["too many", "too long"],
)
def test_how_much_may_stand_in_headers(redis_url: str, headers: dict[str, str]) -> None:
    with calling(redis_url) as api:
        answer = api.get("/who", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (431, "application/problem+json")


@pytest.mark.parametrize("path", ["/who", "/healthz", "/no/such/route"])
def test_what_every_answer_tells_browsers_and_caches(redis_url: str, path: str) -> None:
    with calling(redis_url) as api:
        headers = api.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"


PREFLIGHT = {"Origin": "https://finance.example.com", "Access-Control-Request-Method": "PUT"}


def test_pages_of_other_origins_may_not_call(redis_url: str) -> None:
    with calling(redis_url) as api:
        answer = api.options("/thing", headers=PREFLIGHT)
    assert answer.status_code >= 400
    assert "access-control-allow-origin" not in answer.headers


def test_unless_a_setting_names_them(redis_url: str, client: redis.Redis) -> None:
    token(client)
    allowed = "https://finance.example.com, https://b.example.com"
    with calling(redis_url, api_cors_origins=allowed) as api:
        assert api.options("/thing", headers=PREFLIGHT).headers["access-control-allow-origin"] == PREFLIGHT["Origin"]
        refused = api.get("/who", headers={"Origin": "https://b.example.com"})
        assert challenge(refused), "a page may call, and still has to say who calls"
        assert refused.headers["access-control-allow-origin"] == "https://b.example.com"
        other = api.options("/thing", headers=PREFLIGHT | {"Origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in other.headers


def test_a_line_for_each_write_and_no_secret_anywhere(
    redis_url: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    editor = token(client, Role.EDITOR)
    secret = editor["Authorization"].split("_", 2)[2]
    token_id = editor["Authorization"].split("_")[1]
    with caplog.at_level(logging.DEBUG), calling(redis_url) as api:
        caplog.clear()
        api.get("/who", headers=editor)
        api.put("/thing", json={"a": "private"}, headers=editor)
        api.delete("/thing", headers=editor)
        api.put("/thing%0A2026 forged?token=abc", json={}, headers=bearer(f"bl_{token_id}_{'A' * 43}"))
    lines = [line.getMessage() for line in caplog.records if line.name == "burnline.api.audit"]
    assert lines == [
        f"'token:{token_id}' (editor) from 127.0.0.1: PUT '/thing': 200",
        f"'token:{token_id}' (editor) from 127.0.0.1: DELETE '/thing': 403",
        "nobody from 127.0.0.1: PUT '/thing%0A2026%20forged': 401 (1 since the last such line)",
    ]
    assert secret not in caplog.text
    assert "private" not in caplog.text


def test_who_is_not_let_in_does_not_fill_the_log(
    redis_url: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    token(client)
    with caplog.at_level(logging.INFO), calling(redis_url) as api:
        for _ in range(20):
            api.put("/thing", json={})
    assert len([line for line in caplog.records if line.name == "burnline.api.audit"]) == 1


class Listening:
    """A caller of the stream, straight at the application, for as long as it is let."""

    def __init__(self, app: FastAPI, headers: dict[str, str]) -> None:
        self.sent: list[Any] = []
        self._app = app
        self._scope = {
            "type": "http", "method": "GET", "path": "/stream", "raw_path": b"/stream", "query_string": b"",
            "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80), "client": HERE, "http_version": "1.1",
            "headers": [(b"host", b"127.0.0.1"), *((k.lower().encode(), v.encode()) for k, v in headers.items())],
        }  # fmt: skip

    async def listen(self, within_s: float) -> None:
        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            self.sent.append(message)

        async with asyncio.timeout(within_s):
            await self._app(self._scope, receive, send)


@pytest.mark.parametrize("how", ["revoked", "first token"])
def test_a_stream_ends_within_a_second_when_its_caller_is_let_in_no_more(
    redis_url: str, client: redis.Redis, how: str
) -> None:
    async def story() -> None:
        app = application(load_settings(redis_url=redis_url))
        headers = token(client) if how == "revoked" else {}
        async with app.router.lifespan_context(app):
            caller = Listening(app, headers)
            listening = asyncio.create_task(caller.listen(5))
            await asyncio.sleep(0.2)
            assert caller.sent[0]["status"] == 200
            assert not listening.done()
            if how == "revoked":
                token_id = headers["Authorization"].split("_")[1]
                record = json.loads(client.hget(KEY, token_id) or b"")
                client.hset(KEY, token_id, json.dumps(record | {"revoked_at": NOW}))
            else:
                token(client)
            began = asyncio.get_running_loop().time()
            await listening
            assert asyncio.get_running_loop().time() - began < 1.2
            assert caller.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}

    asyncio.run(story())


def test_a_stream_outlives_a_redis_that_is_away_and_ends_with_its_reader(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        monkeypatch.setattr(gate, "RECHECK_S", 0.01)
        settle(monkeypatch)
        app = application(load_settings(redis_url=redis_url))
        async with app.router.lifespan_context(app):
            caller = Listening(app, token(client))
            listening = asyncio.create_task(caller.listen(5))
            await asyncio.sleep(0.1)
            app.state.resources.redis.connection_pool.connection_kwargs["port"] = free_ports(1)[0]
            await app.state.resources.redis.connection_pool.disconnect()
            await asyncio.sleep(0.2)
            assert not listening.done()
            listening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listening

    asyncio.run(story())


def test_whoever_mounts_the_application_may_say_who_calls(redis_url: str, client: redis.Redis) -> None:
    token(client)
    inner = application(load_settings(redis_url=redis_url))

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        scope[SCOPE_KEY] = Principal("mounted", Role.VIEWER, frozenset())
        await inner(scope, receive, send)

    with TestClient(outer, client=ELSEWHERE) as api:
        assert api.get("/who").json()["subject"] == "mounted"


class TestCookie:
    """A browser that was signed in: its cookie is the token, and only pages of this origin may write by it."""

    @staticmethod
    def kept(shown: dict[str, str]) -> dict[str, str]:
        return {"Cookie": f"theme=dark; burnline_token={shown['Authorization'].removeprefix('Bearer ')}"}

    def test_it_stands_for_the_token(self, redis_url: str, client: redis.Redis) -> None:
        cookie = self.kept(token(client, Role.VIEWER, "acme"))
        with calling(redis_url) as api:
            assert api.get("/who", headers=cookie).json() == {
                "subject": api.get("/who", headers=cookie).json()["subject"],
                "role": "viewer",
                "orgs": ["acme"],
            }

    def test_a_wrong_one_is_nobody(self, redis_url: str, client: redis.Redis) -> None:
        token(client)
        with calling(redis_url) as api:
            assert "invalid_token" in challenge(api.get("/who", headers={"Cookie": "burnline_token=bl_wrong"}))

    def test_a_shown_token_goes_before_it(self, redis_url: str, client: redis.Redis) -> None:
        cookie = self.kept(token(client, Role.ADMIN))
        with calling(redis_url) as api:
            assert challenge(api.get("/who", headers=cookie | bearer("bl_wrong")))

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            pytest.param({"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}, 200, id="own page"),
            pytest.param({"Origin": "http://testserver"}, 200, id="own page of a browser without fetch metadata"),
            pytest.param({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 403, id="another site"),
            pytest.param({"Origin": "http://evil.example"}, 403, id="another origin"),
            pytest.param({"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"}, 403, id="a sister site"),
            pytest.param({"Origin": "null"}, 403, id="a sandboxed frame"),
            pytest.param({}, 403, id="no origin at all"),
        ],
    )
    def test_it_writes_from_its_own_pages_only(
        self, redis_url: str, client: redis.Redis, headers: dict[str, str], status: int
    ) -> None:
        cookie = self.kept(token(client, Role.EDITOR))
        with calling(redis_url) as api:
            assert api.put("/thing", json={"a": "b"}, headers=cookie | headers).status_code == status

    def test_signing_in_and_out(self, redis_url: str, client: redis.Redis) -> None:
        """The cookie is set for a token that is let in, out of reach of scripts and of other sites."""
        shown = token(client, Role.EDITOR, "acme")
        app = build_api(load_settings(redis_url=redis_url))
        with TestClient(app, client=HERE) as api:
            assert challenge(api.post("/api/v1/finops/me/cookie", headers=bearer("bl_wrong")))
            answer = api.post("/api/v1/finops/me/cookie", headers=shown)
            assert answer.status_code == 204
            set_cookie = answer.headers["set-cookie"]
            for attribute in ("burnline_token=", "HttpOnly", "SameSite=strict", "Path=/"):
                assert attribute in set_cookie
            me = api.get("/api/v1/finops/me").json()
            assert (me["role"], me["orgs"], me["may_edit"]) == ("editor", ["acme"], True)
            own = {"Origin": "http://testserver"}
            assert api.delete("/api/v1/finops/me/cookie", headers=own).status_code == 204
            assert challenge(api.get("/api/v1/finops/me"))


def test_web_sockets_are_closed(redis_url: str) -> None:
    with calling(redis_url) as api, pytest.raises(WebSocketDisconnect) as closed, api.websocket_connect("/who"):
        pass
    assert closed.value.code == 1008


def test_the_api_as_a_whole_stands_behind_it(redis_url: str, client: redis.Redis) -> None:
    token(client)
    app = build_api(load_settings(redis_url=redis_url, api_requests_per_s=0))
    with TestClient(app, client=HERE) as api:
        document = api.get("/openapi.json").json()
        for route, operations in document["paths"].items():
            for method in operations:
                if route not in gate.OPEN_PATHS:
                    assert challenge(api.request(method, route)), f"{method} {route} is open"
        assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
