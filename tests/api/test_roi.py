"""Cache impact and ROI over HTTP: FOCUS' example, and days."""

import pytest

from tests.api.stage import OF_ACME, Api, Projection
from tests.api.usage import use
from tests.finance.rows import T0, row
from tests.finance.test_caching import EMBEDDING, FOCUS

MIDNIGHT = T0 - 9 * 3_600_000
DAY_MS = 86_400_000


@pytest.fixture
def used(reader: Api, projected: Projection) -> Api:
    use(projected, FOCUS | {"quarter_start_ms": MIDNIGHT}, EMBEDDING | {"quarter_start_ms": MIDNIGHT - DAY_MS})
    use(projected, row(quarter_start_ms=MIDNIGHT, org_id="globex", kind="embedding", input=10**12))
    return reader.by(OF_ACME)


def test_what_is_left_of_savings(used: Api) -> None:
    answer = used.get("/roi-stats")
    assert (answer["cache_savings_usd"], answer["embedding_cost_usd"], answer["net_usd"]) == ("21.6", "0.6", "19.5")
    assert answer["cache"]["return_on_premium"] == "13.400000"


def test_day_by_day(used: Api) -> None:
    answer = used.get("/cache-impact")
    assert len(answer["days"]) == 30
    before, last = answer["days"][-2:]
    assert (last["date"], last["reduction_usd"], last["without_cache_usd"]) == ("2025-10-09", "20.1", "31.5")
    assert (last["hit_ratio"], before["hit_ratio"]) == ("0.761905", "0.000000")
    assert answer["days"][0]["hit_ratio"] is None
    assert answer["total"]["input_side_usd"] == "12"


def test_nothing_yet(reader: Api) -> None:
    assert reader.get("/cache-impact")["days"] == []
    assert reader.get("/roi-stats")["net_usd"] == "0"
