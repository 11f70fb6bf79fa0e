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


def test_what_a_semantic_cache_answered(reader: Api, projected: Projection) -> None:
    hit = {"kind": "cache_hit", "input_tokens": 0, "output_tokens": 0, "semantic_cache_savings_usd": "0.5"}
    use(
        projected,
        row(quarter_start_ms=MIDNIGHT, events=5),
        row(quarter_start_ms=MIDNIGHT, events=3, cache_hits=3, **hit),
    )
    *_, last = reader.get("/cache-impact")["days"]
    assert (last["prompts"], last["semantic_hits"], last["semantic_savings_usd"]) == (8, 3, "0.5")
    answer = reader.get("/roi-stats")
    assert (answer["semantic_savings_usd"], answer["cache_savings_usd"], answer["net_usd"]) == ("0.5", "0", "0.5")


def test_what_else_was_metered_is_in_every_sum(reader: Api, projected: Projection) -> None:
    audio = {"input_audio_tokens": 600, "input_audio_cost_usd": "0.0192", "errors": 2}
    use(projected, row(quarter_start_ms=MIDNIGHT, events=2, input=10**12, **audio))
    meters = {"input_audio_tokens": {"units": 600, "cost_usd": "0.0192"}}
    for answer in (reader.get("/allocations"), reader.get("/trends")):
        assert (answer["total"]["meters"], answer["total"]["errors"]) == (meters, 2)
    (group,) = reader.get("/allocations/by-model")["allocations"]
    assert group["meters"] == meters


class TestDrift:
    """What publishers reported beside what rates say."""

    @pytest.fixture
    def drifting(self, reader: Api, projected: Projection) -> Api:
        def compared(ours: str, theirs: str) -> dict[str, str]:
            return {"compared_cost_usd": ours, "compared_reported_usd": theirs}

        use(
            projected,
            row(quarter_start_ms=MIDNIGHT, input=4 * 10**12, **compared("4", "4.4")),
            row(quarter_start_ms=MIDNIGHT, model="cheap", input=10**12, **compared("1", "0.25")),
            row(quarter_start_ms=MIDNIGHT, org_id="globex", model="exact", input=10**12, **compared("1", "1")),
            row(quarter_start_ms=MIDNIGHT, model="house", provider="", reported=5 * 10**12),
            row(quarter_start_ms=MIDNIGHT, model="silent", input=10**12),
        )
        return reader

    def test_by_model_and_provider_furthest_off_first(self, drifting: Api) -> None:
        found = drifting.get("/reported-drift")
        assert [
            (each["provider"], each["model"], each["drift_usd"], each["drift_ratio"], each["uncompared_reported_usd"])
            for each in found["models"]
        ] == [
            ("openai", "cheap", "-0.75", "-0.750000", "0"),
            ("openai", "gpt-4o", "0.4", "0.100000", "0"),
            ("", "house", "0", None, "5"),
            ("openai", "exact", "0", "0.000000", "0"),
        ]
        total = found["total"]
        assert (total["compared_cost_usd"], total["reported_usd"], total["drift_usd"]) == ("6", "5.65", "-0.35")

    def test_only_of_what_the_caller_may_see(self, drifting: Api) -> None:
        found = drifting.by(OF_ACME).get("/reported-drift", limit=1)
        assert ([each["model"] for each in found["models"]], found["groups"]) == (["cheap"], 3)
        assert found["total"]["compared_cost_usd"] == "5"
