"""The API as a whole in the test's process: a real broker, a real Redis, and a projection written by hand."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from burnline.api.access.principal import ANONYMOUS, SCOPE_KEY, Principal, Role
from burnline.api.application import build_api
from burnline.budgets.budget import Budget
from burnline.controls.control import Control as AskedOf
from burnline.detection.baseline import Baseline
from burnline.ledger.progress import Progress
from burnline.pricing.valuation import ValuationRate
from burnline.readmodel.keys import Control, Keys
from burnline.readmodel.rows import encode_control, encode_progress, encode_rate_change
from burnline.settings import Settings
from tests.readmodel.counting import count

NOW_MS = 1_760_000_000_000
"""2025-10-09T08:53:20Z."""
API = "/api/v1/finops"

VIEWER = Principal("token:viewer", Role.VIEWER, None)
EDITOR = Principal("token:editor", Role.EDITOR, None)
OF_ACME = Principal("token:acme", Role.EDITOR, frozenset({"acme"}))
OF_OTHERS = Principal("token:others", Role.VIEWER, frozenset({"others"}))


class Caller:
    """Who calls, as the gate before the application would have found out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.principal = ANONYMOUS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SCOPE_KEY] = self.principal
        await self._app(scope, receive, send)


class Api:
    """Requests to the API."""

    def __init__(self, client: TestClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller

    def by(self, principal: Principal) -> "Api":
        """Call as somebody from now on."""
        self._caller.principal = principal
        return self

    def raw(self, method: str, path: str, **options: Any) -> Any:
        """The response."""
        return self._client.request(method, API + path, **options)

    def send(self, path: str, **options: Any) -> Any:
        """The response to a POST to a path outside of the reports."""
        return self._client.post(path, **options)

    def place(self, path: str, **options: Any) -> Any:
        """The response to a PUT to a path outside of the reports."""
        return self._client.put(path, **options)

    def fetch(self, path: str) -> Any:
        """The response to a GET of a path outside of the reports."""
        return self._client.get(path)

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """The JSON of an answer, whose status is as expected."""
        response = self.raw(method, path, **options)
        assert response.status_code == status, response.text
        if status >= 400:
            assert response.headers["content-type"] == "application/problem+json"
        return response.json()

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        return self.ask("GET", path, status, params=params)

    def put(self, path: str, body: Any, status: int = 200, **params: Any) -> Any:
        return self.ask("PUT", path, status, json=body, params=params)

    def delete(self, path: str, status: int = 200, **params: Any) -> Any:
        return self.ask("DELETE", path, status, params=params)


class Projection:
    """What a projector would have written."""

    def __init__(self, settings: Settings) -> None:
        self.redis = redis.Redis.from_url(settings.redis_url)
        self._control = Control(settings.redis_prefix)
        self.keys: Keys = self._control.keys("1")
        self.redis.set(self._control.generation, "1")
        self.redis.set(self.keys.seen_at_ms, str(NOW_MS))
        count(self.redis, self.keys)

    def wipe(self) -> None:
        self.redis.flushall()

    def progress(self, partition: int = 0, *, next_offset: int = 5, watermark_ms: int = NOW_MS) -> None:
        row = encode_progress(Progress(1, "usage", partition, next_offset, watermark_ms, NOW_MS))
        self.redis.hset(self.keys.progress, str(partition), row)
        self.redis.hset(self.keys.ends, str(partition), str(next_offset))
        count(self.redis, self.keys, self.keys.progress, self.keys.ends)

    def rate(self, rate: ValuationRate, offset: int = 0) -> None:
        value = rate.model_dump_json(exclude_none=True).encode()
        self.redis.hset(self.keys.rates, rate.key(), value)
        self.redis.lpush(self.keys.rate_history(rate.key()), encode_rate_change(offset, NOW_MS, value))
        count(self.redis, self.keys, self.keys.rates, self.keys.rate_history(rate.key()))

    def rate_deleted(self, key: str, offset: int) -> None:
        self.redis.hdel(self.keys.rates, key)
        self.redis.lpush(self.keys.rate_history(key), encode_rate_change(offset, NOW_MS, None))
        count(self.redis, self.keys, self.keys.rates, self.keys.rate_history(key))

    def catalogues(self, records: Mapping[str, bytes]) -> None:
        """Exactly these records of the topic `catalogues`."""
        self.redis.delete(self.keys.catalogues)
        for key, value in records.items():
            self.redis.hset(self.keys.catalogues, key, value)
        count(self.redis, self.keys, self.keys.catalogues)

    def baseline(self, baseline: Baseline) -> None:
        self.redis.hset(self.keys.baselines, baseline.key(), baseline.model_dump_json(exclude_none=True))
        count(self.redis, self.keys, self.keys.baselines)

    def budget(self, budget: Budget) -> None:
        self.redis.hset(self.keys.budgets, budget.key(), budget.model_dump_json(exclude_none=True))
        count(self.redis, self.keys, self.keys.budgets)

    def control(self, control: AskedOf, epoch: int) -> None:
        record = control.model_dump_json(exclude_none=True).encode()
        self.redis.hset(self.keys.controls, control.key(), encode_control(epoch, record))
        count(self.redis, self.keys, self.keys.controls)

    def cut(self, partition: int, next_offset: int | None) -> None:
        """How far the ledgers are at the rollups; None: a flush is not whole."""
        self.redis.hset(self.keys.rollup_cuts, str(partition), "" if next_offset is None else next_offset)
        count(self.redis, self.keys, self.keys.rollup_cuts)

    def session(self, session_id: str = "sess-1", **changes: Any) -> None:
        """A ledger on one partition."""
        sums = {"events": 1, "input_tokens": 10, "output_tokens": 2, "cached_input_tokens": 0, "cache_write_tokens": 0,
                "reasoning_tokens": 0, "unpriced_tokens": 0, "cost_usd": "0.5", "cache_savings_usd": "0",
                "embedding_cost_usd": "0"}  # fmt: skip
        row = {"version": 1, "session_id": session_id, "org_id": "acme", "agent_id": "agent-7", "source_partition": 0,
               "last_offset": 3, "first_event_at": NOW_MS - 3_600_000, "last_event_at": NOW_MS, "runs": 0,
               "tool_calls": 0, "by_model": {}, "slices": [], **sums, **changes}  # fmt: skip
        self.redis.hset(self.keys.session(session_id), str(row["source_partition"]), json.dumps(row))
        self.redis.zadd(self.keys.sessions, {session_id: row["last_event_at"]})
        self.redis.zadd(self.keys.sessions_of(row["org_id"]), {session_id: row["last_event_at"]})
        count(self.redis, self.keys, self.keys.sessions, self.keys.sessions_of(row["org_id"]))


@contextmanager
def serving(settings: Settings, now_ms: int = NOW_MS) -> Iterator[Api]:
    """The API, started."""
    caller = Caller(build_api(settings, now_ms=lambda: now_ms))
    with TestClient(caller, raise_server_exceptions=False) as client:
        yield Api(client, caller)
