"""Allocations over HTTP: shares of what the caller sees, page by page."""

from decimal import Decimal

import pytest

from tests.api.stage import OF_ACME, Api, Projection
from tests.api.usage import use
from tests.finance.rows import T0, row

MIDNIGHT = T0 - 9 * 3_600_000
ROWS = [
    row(quarter_start_ms=MIDNIGHT, org_id="acme", agent_id="a", model="m1", input=1),
    row(quarter_start_ms=MIDNIGHT, org_id="acme", agent_id="b", model="m2", input=3),
    row(quarter_start_ms=MIDNIGHT, org_id="globex", agent_id="a", model="m1", provider="", input=4),
]


@pytest.fixture
def used(reader: Api, projected: Projection) -> Api:
    use(projected, *ROWS)
    return reader


def test_by_org_and_agent_unless_told_otherwise(used: Api) -> None:
    answer = used.get("/allocations")
    found = [(row["group"], row["share"]) for row in answer["allocations"]]
    assert found == [
        ({"org_id": "globex", "agent_id": "a"}, "0.500000"),
        ({"org_id": "acme", "agent_id": "b"}, "0.375000"),
        ({"org_id": "acme", "agent_id": "a"}, "0.125000"),
    ]
    assert answer["group_by"] == ["org_id", "agent_id"]
    assert (answer["period"]["first"], answer["period"]["last"]) == ("2025-10-03", "2025-10-09")


def test_by_any_dimensions(used: Api) -> None:
    answer = used.get("/allocations", group_by=["kind", "model", "kind"])
    assert [row["group"] for row in answer["allocations"]] == [
        {"kind": "llm", "model": "m1"},
        {"kind": "llm", "model": "m2"},
    ]


def test_by_model(used: Api) -> None:
    answer = used.get("/allocations/by-model")
    assert [row["group"] for row in answer["allocations"]] == [
        {"provider": "", "model": "m1"},
        {"provider": "openai", "model": "m2"},
        {"provider": "openai", "model": "m1"},
    ]


def test_shares_are_of_what_the_caller_sees(used: Api) -> None:
    answer = used.by(OF_ACME).get("/allocations")
    assert [(row["group"]["org_id"], row["share"]) for row in answer["allocations"]] == [
        ("acme", "0.750000"),
        ("acme", "0.250000"),
    ]
    assert (answer["total"]["cost_usd"], answer["groups"]) == ("0.000000000004", 2)


def test_pages(used: Api) -> None:
    pages = [used.get("/allocations", limit=1, offset=offset) for offset in range(4)]
    assert [row["group"]["agent_id"] for page in pages for row in page["allocations"]] == ["a", "b", "a"]
    assert {page["total"]["cost_usd"] for page in pages} == {"0.000000000008"}
    assert {page["groups"] for page in pages} == {3}


def test_nothing_yet(reader: Api) -> None:
    answer = reader.get("/allocations")
    assert (answer["allocations"], answer["groups"]) == ([], 0)
    assert reader.get("/allocations/by-model")["allocations"] == []


def test_nothing_that_cost_anything_has_no_share(reader: Api, projected: Projection) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT, unpriced_tokens=110))
    (only,) = reader.get("/allocations")["allocations"]
    assert only["share"] is None
    assert Decimal(only["unpriced"]["high_usd"]) > 0


@pytest.mark.parametrize(
    "params",
    [{"limit": 1001}, {"limit": 0}, {"offset": -1}, {"offset": 1_000_001}, {"group_by": "day"}, {"days": 401}],
    ids=str,
)
def test_what_cannot_be_asked(reader: Api, params: dict[str, object]) -> None:
    assert reader.get("/allocations", 422, **params)["errors"]
