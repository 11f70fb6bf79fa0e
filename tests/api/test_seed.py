"""The seed's routes: its record shapes, its doubles, its defaults, over the same numbers as Burnline's own."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from burnline.api.writing import read_entries
from burnline.detection.baseline import Baseline
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from tests.api import live
from tests.api.live import Clock
from tests.api.stage import API, EDITOR, OF_ACME, VIEWER, Api, Projection, serving
from tests.api.usage import use
from tests.finance.rows import T0, row
from tests.ledger.examples import spend

SEED = f"/seed{API}"
MIDNIGHT = T0 - 9 * 3_600_000
USD = 10**12


@pytest.fixture
def seeded(reading: Settings, projected: Projection) -> Iterator[Api]:
    """The API with the seed's routes, over three days' usage."""
    hit = {"kind": "cache_hit", "input_tokens": 0, "output_tokens": 0, "semantic_cache_savings_usd": "0.5"}
    use(
        projected,
        row(quarter_start_ms=MIDNIGHT, input=3 * USD, savings=USD // 4),
        row(quarter_start_ms=MIDNIGHT, kind="run", model="agent", events=2, input_tokens=0, output_tokens=0),
        row(quarter_start_ms=MIDNIGHT, events=3, cache_hits=3, **hit),
        row(quarter_start_ms=MIDNIGHT, agent_id="other", model="gpt-4o-mini", input=USD),
        row(quarter_start_ms=MIDNIGHT - 60 * 86_400_000, kind="embedding", model="text-embedding-3-small", input=USD),
        row(quarter_start_ms=MIDNIGHT, org_id="globex", agent_id="theirs", input=4 * USD),
    )
    with serving(reading.model_copy(update={"seed_api": "true"})) as api:
        yield api.by(OF_ACME)


def get(api: Api, path: str, status: int = 200) -> Any:
    response = api.fetch(SEED + path)
    assert response.status_code == status, response.text
    return response.json()


def test_they_are_off_by_default(reader: Api) -> None:
    assert reader.fetch(f"{SEED}/trends").status_code == 404


def test_they_are_described_where_they_are_on(seeded: Api) -> None:
    paths = seeded.fetch("/openapi.json").json()["paths"]
    own = [
        operation for path, operations in paths.items() if path.startswith(SEED) for operation in operations.values()
    ]
    assert len(own) == 12
    for operation in own:
        assert operation["summary"]
        assert operation["description"]
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))


def test_the_records_are_those_of_the_seed(seeded: Api) -> None:
    """Bare arrays, names and doubles as a client of the seed reads them."""
    days = get(seeded, "/trends")
    assert (len(days), days[-1]) == (7, {"date": "2025-10-09", "runCount": 2, "estimatedUsd": 4.0})
    assert days[0] == {"date": "2025-10-03", "runCount": 0, "estimatedUsd": 0.0}
    assert get(seeded, "/allocations") == [
        {"dimension": "agent", "label": "agent-7", "runCount": 2, "allocationPercent": 75.0},
        {"dimension": "agent", "label": "other", "runCount": 0, "allocationPercent": 25.0},
        {"dimension": "org", "label": "acme", "runCount": 2, "allocationPercent": 100.0},
    ]
    by_model = {each.pop("modelId"): each for each in get(seeded, "/allocations/by-model")}
    assert by_model["gpt-4o"] == {"runCount": 0, "allocationPercent": 75.0, "estimatedUsd": 3.0}
    assert by_model["agent"] == {"runCount": 2, "allocationPercent": 0.0, "estimatedUsd": 0.0}
    assert get(seeded, "/cache-impact")[-1] == {"date": "2025-10-09", "totalPrompts": 5, "cacheHits": 3}
    assert get(seeded, "/roi-stats") == {
        "totalCacheSavingsUsd": 0.75,
        "totalEmbeddingCostUsd": 1.0,
        "netRoiUsd": -0.25,
    }
    rates = {each["modelId"]: each for each in get(seeded, "/valuation-rates")}
    assert rates["gpt-4o"] == {
        "modelId": "gpt-4o",
        "inputRatePerKTokens": 0.0025,
        "outputRatePerKTokens": 0.01,
        "cachedInputRatePerKTokens": 0.00125,
        "reasoningRatePerKTokens": 0.01,
    }
    assert "agent" not in rates


@pytest.mark.parametrize(("asked", "days"), [(-5, 1), (0, 1), (1, 1), (90, 90), (91, 90), (10**9, 90)])
def test_days_are_clamped(seeded: Api, asked: int, days: int) -> None:
    assert len(get(seeded, f"/trends?days={asked}")) == days


def test_what_burns_and_whose_tree_it_is(redis_url: str, projection: live.Projection) -> None:
    projection.feed(
        spend(0, 30, session_id="root"),
        spend(0, 80, session_id="child", parent_session_id="root", agent_id="digger"),
        spend(0, 10, session_id="leaf", parent_session_id="child"),
    )
    with live.live_api(redis_url, Clock(), seed_api=True) as api:
        api.until("/sessions", lambda found: found["sessions"] == 3)

        def ask(path: str) -> Any:
            return api.client.get(SEED + path).json()

        assert ask("/burn-rates/active") == [
            {"sessionId": "child", "cumulativeUsd": 0.08},
            {"sessionId": "root", "cumulativeUsd": 0.03},
            {"sessionId": "leaf", "cumulativeUsd": 0.01},
        ]
        assert ask("/anomalies/active") == [
            {
                "sessionId": "child",
                "agentId": "digger",
                "burnRateUsdPerHour": 14.4,
                "baselineUsdPerHour": 1.0,
                "anomalyRatio": 14.4,
            }
        ]
        assert ask("/runs/root/tree-cost") == {"rootRunId": "root", "treeTotalCostUsd": 0.12, "runCount": 3}
        leaf = {"id": "leaf", "agentId": "agent-7", "depth": 2, "totalCostUsd": 0.01, "subRuns": []}
        tree = ask("/runs/root/cost-tree")
        (child,) = tree["subRuns"]
        assert [{name: one[name] for name in leaf} for one in child["subRuns"]] == [leaf]
        assert (tree["depth"], tree["totalCostUsd"], child["agentId"]) == (0, 0.03, "digger")
        assert ask("/runs/root/cost-tree?maxDepth=1")["subRuns"][0]["subRuns"] == []
        assert api.client.get(f"{SEED}/runs/nobody/tree-cost").status_code == 404


@pytest.fixture
def writing(ours: Settings) -> Iterator[Api]:
    """The same with a broker."""
    projected = Projection(ours)
    projected.progress()
    theirs = {"org_id": "globex", "agent_id": "theirs"}
    use(projected, row(quarter_start_ms=MIDNIGHT, input=USD), row(quarter_start_ms=MIDNIGHT, input=USD, **theirs))
    with serving(ours.model_copy(update={"seed_api": "true"})) as api:
        yield api


def put(api: Api, path: str, body: Any, status: int = 200) -> Any:
    response = api.place(SEED + path, json=body)
    assert response.status_code == status, response.text
    return response.json()


def test_what_is_set(writing: Api, ours: Settings) -> None:
    """Rates are everybody's, a baseline that of the token's own organisation and of an agent that it has seen."""
    rate = {"modelId": "house-model", "inputRatePerKTokens": 0.002, "outputRatePerKTokens": 0.008}
    answer = put(writing.by(EDITOR), "/valuation-rates", [rate])
    assert answer == [rate | {"cachedInputRatePerKTokens": 0.0, "reasoningRatePerKTokens": 0.0}]
    topics = topics_for(ours)
    rates, _ = asyncio.run(read_entries(ours, topics.valuation_rates, ValuationRate.parse))
    (stored,) = rates.values()
    assert (stored.model, stored.input_usd_per_million_tokens) == ("house-model", "2")
    assert (stored.cached_input_usd_per_million_tokens, stored.reasoning_usd_per_million_tokens) == ("2", "8")

    body = {"baselineUsdPerHour": 4.5}
    assert put(writing.by(OF_ACME), "/baselines/agent-7", body) == {"agentId": "agent-7", "baselineUsdPerHour": 4.5}
    put(writing, "/baselines/theirs", body, 404)
    put(writing, "/valuation-rates", [rate], 403)
    put(writing.by(EDITOR), "/baselines/agent-7", body, 403)
    put(writing.by(VIEWER), "/baselines/agent-7", body, 403)
    put(writing.by(OF_ACME), "/baselines/agent-7", {"baselineUsdPerHour": -1}, 422)
    found, _ = asyncio.run(read_entries(ours, topics.baselines, Baseline.parse))
    assert [(each.org_id, each.agent_id, each.usd_per_hour) for each in found.values()] == [("acme", "agent-7", "4.5")]
