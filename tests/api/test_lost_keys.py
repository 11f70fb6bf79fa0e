"""Keys that go behind the projector's back, deleted or evicted: every answer is the whole one, or a 503."""

import asyncio
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio
from starlette.testclient import TestClient

from burnline.api.application import build_api
from burnline.readmodel.batch import Role, Stretch, plan
from burnline.readmodel.keys import Control
from burnline.readmodel.store import Store
from burnline.settings import load_settings
from tests.api.live import API, LOCAL, Caller, Clock, live_api
from tests.readmodel import examples
from tests.readmodel.examples import DAY, T0, record
from tests.redis_servers import redis_server

CONTROL = Control("burnline:")
NOW_MS = T0 + 60_000
OTHER_DAY = "2025-10-08"
DAY_MS = 86_400_000
clock = Clock(NOW_MS)
PLACE = "finops.sessions/0"
RECORDS = [
    record(Role.SESSIONS, "s-1", examples.ledger("s-1", 0), partition=0),
    record(Role.SESSIONS, "s-1", examples.ledger("s-1", 1), partition=1),
    record(Role.SESSIONS, "s-2", examples.ledger("s-2", 0, org_id="globex"), partition=0),
    record(Role.USAGE_ROLLUPS, *examples.rollup()),
    record(Role.USAGE_ROLLUPS, *examples.rollup(since_offset=4)),
    record(Role.USAGE_ROLLUPS, *examples.rollup(quarter_start_ms=T0 - DAY_MS)),
    record(Role.ANOMALIES, "s-1", examples.notice("0f0c8ddb-1c7f-5d6e-9f0e-3b1f6e0c8a11")),
    record(Role.BASELINES, "acme/agent-7", examples.baseline()),
    record(Role.BUDGETS, "org/acme@month", examples.budget()),
    record(Role.CONTROLS, "org/acme", examples.control()),
    record(Role.VALUATION_RATES, "acme-ai/gpt-4o@0", examples.valuation_rate()),
    record(Role.PROGRESS, "0", examples.progress()),
    record(Role.PROGRESS, "1", b"{}"),
]
ROUTES = [
    "/trends?days=2&until=2025-10-09",
    "/allocations?days=2&until=2025-10-09",
    "/exports/focus.csv?days=2&until=2025-10-09",
    "/cache-impact?days=2&until=2025-10-09",
    "/burn-rates/active",
    "/sessions/s-1",
    "/anomalies",
    "/anomalies/active",
    "/anomalies/0f0c8ddb-1c7f-5d6e-9f0e-3b1f6e0c8a11",
    "/baselines",
    "/budgets",
    "/budgets/set",
    "/controls/s-1?org_id=acme",
    "/baselines/suggestions",
    "/valuation-rates",
    "/valuation-rates/acme-ai/gpt-4o",
]


async def _fill(url: str) -> str:
    async with redis.asyncio.from_url(url) as client:
        store = Store(client, CONTROL.prefix, "me")
        await store.lead()
        generation = await store.begin({PLACE: 0})
        assert generation is not None
        keys = CONTROL.keys(generation)
        assert await store.switch(generation)
        assert await store.apply(
            generation, plan(RECORDS, [Stretch("finops.sessions", 0, 0, 1)], keys, rollup_ttl_ms=10**13)
        )
        await store.seen(generation, {0: 8})
        return generation


@pytest.fixture
def generation(redis_url: str) -> str:
    """A generation with something of each kind."""
    return asyncio.run(_fill(redis_url))


@pytest.fixture
def client(redis_url: str, generation: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as one:
        yield one


def kinds(client: "redis.Redis", generation: str) -> list[str]:
    prefix = CONTROL.keys(generation).prefix
    return sorted(str(name).removeprefix(prefix) for name in client.scan_iter(f"{prefix}*"))


KINDS = [
    "anomalies", "anomalies:open", "anomaly:0f0c8ddb-1c7f-5d6e-9f0e-3b1f6e0c8a11", "baselines", "budgets",
    "change_seq", "changes", "controls", "counts", "ends", "expires", "feed", "offsets", "progress", "rates",
    "rates:history:acme-ai/gpt-4o@0", f"rollups:{OTHER_DAY}", f"rollups:{DAY}", "rollups:cuts", "rollups:days",
    "rollups:rev", "seen_at_ms", "session:s-1", "session:s-2", "sessions", "sessions:org:acme", "sessions:org:globex",
    "unreadable",
]  # fmt: skip


def test_these_are_all_kinds_of_keys(client: "redis.Redis", generation: str) -> None:
    assert kinds(client, generation) == KINDS


def test_no_key_may_be_dropped_by_its_time(client: "redis.Redis", generation: str) -> None:
    keys = CONTROL.keys(generation)
    assert {client.ttl(keys.prefix + kind) for kind in KINDS} == {-1}


def answers(api: Caller) -> dict[str, tuple[int, str]]:
    found = {route: api.client.get(API + route) for route in ROUTES}
    return {route: (one.status_code, one.text) for route, one in found.items()}


@pytest.fixture(scope="module")
def whole() -> dict[str, tuple[int, str]]:
    """What the routes answer while nothing is lost."""
    server = redis_server()
    server.start()
    asyncio.run(_fill(server.url))
    with live_api(server.url, clock) as api:
        found = answers(api)
    server.kill()
    assert {status for status, _ in found.values()} == {200}
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_who_reads_it_for_the_first_time_gets_the_whole_or_a_503(
    redis_url: str, client: "redis.Redis", generation: str, whole: dict[str, tuple[int, str]], kind: str
) -> None:
    client.delete(CONTROL.keys(generation).prefix + kind)
    with live_api(redis_url, clock, ready=False) as api:
        api.until_loaded()
        for route, (status, text) in answers(api).items():
            assert status == 503 or text == whole[route][1], route


@pytest.mark.parametrize(
    ("kind", "route"),
    [
        (f"rollups:{DAY}", "/trends?days=2&until=2025-10-09"),
        ("rollups:rev", "/allocations?days=2&until=2025-10-09"),
        ("session:s-1", "/sessions/s-1"),
        ("session:s-2", "/burn-rates/active"),
        ("sessions", "/burn-rates/active"),
        ("sessions:org:globex", "/baselines/suggestions"),
        ("anomalies", "/anomalies"),
        ("baselines", "/baselines"),
        ("budgets", "/budgets"),
        ("rollups:cuts", "/budgets"),
        ("rates:history:acme-ai/gpt-4o@0", "/valuation-rates/acme-ai/gpt-4o"),
        ("counts", "/trends"),
    ],
)
def test_the_503_says_so(redis_url: str, client: "redis.Redis", generation: str, kind: str, route: str) -> None:
    client.delete(CONTROL.keys(generation).prefix + kind)
    with live_api(redis_url, clock, ready=False) as api:
        api.as_of_orgs("globex", "acme")
        api.until_problem(route, "projection-incomplete")
        assert "has lost a part" in api.get(route, 503)["detail"]


def test_a_field_of_a_day_is_missed(redis_url: str, client: "redis.Redis", generation: str) -> None:
    rows = CONTROL.keys(generation).rollups(DAY)
    client.hdel(rows, str(client.hkeys(rows)[0]))
    with live_api(redis_url, clock, ready=False) as api:
        api.until_problem("/trends?until=2025-10-09", "projection-incomplete")


class TestEviction:
    """What Redis does when its memory is full, as the projector has told readers."""

    def test_readers_get_503_and_why(self, redis_url: str, client: "redis.Redis") -> None:
        with TestClient(build_api(load_settings(redis_url=redis_url), now_ms=clock), client=LOCAL) as http:
            assert http.get(f"{API}/trends").status_code == 200
            client.set(CONTROL.unfit, "Redis drops any key.")
            refused = http.get(f"{API}/trends")
            assert refused.status_code == 503
            assert refused.json()["type"] == "urn:burnline:problem:redis-drops-keys"
            assert refused.json()["detail"] == "Redis drops any key."
            assert http.get("/readyz").status_code == 503
            client.delete(CONTROL.unfit)
            assert http.get(f"{API}/trends").status_code == 200
