"""Budgets over HTTP: how they stand, with the ledgers' offsets; set and deleted on a real broker."""

import json
from typing import Any

import pytest

from burnline.budgets.budget import Budget
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from tests.api.stage import EDITOR, NOW_MS, OF_ACME, OF_OTHERS, VIEWER, Api, Projection, serving
from tests.api.usage import use
from tests.finance.rows import QUARTER, row

USD = 10**12
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MIDNIGHT_MS = NOW_MS // DAY_MS * DAY_MS
THIS_QUARTER_MS = NOW_MS // QUARTER * QUARTER


def budget(**fields: Any) -> Budget:
    return Budget.model_validate({"scope": "org", "org_id": "acme", "amount_usd": "100", "period": "day", **fields})


@pytest.fixture
def used(reader: Api, projected: Projection) -> Api:
    use(
        projected,
        row(quarter_start_ms=MIDNIGHT_MS - QUARTER, input=9 * USD),
        row(quarter_start_ms=MIDNIGHT_MS, input=30 * USD),
        row(quarter_start_ms=THIS_QUARTER_MS, agent_id="other", team_id=None, input=6 * USD),
        row(quarter_start_ms=THIS_QUARTER_MS, org_id="globex", input=70 * USD),
    )
    projected.budget(budget())
    projected.budget(budget(scope="agent", name="*", amount_usd="40"))
    projected.budget(budget(org_id="*", amount_usd="1000", period="rolling-24h"))
    projected.cut(0, 5)
    return reader


def shown(answer: Any) -> list[tuple[str, str, str, str, str, int]]:
    return [
        (one["org_id"], one["name"], one["budget"], one["spent_usd"], one["saturation"], one["reached_percent"])
        for one in answer["rows"]
    ]


def test_they_stand_as_usage_says_the_fullest_first(used: Api) -> None:
    answer = used.get("/budgets")
    assert shown(answer) == [
        ("acme", "agent-7", "agent/acme/*@day", "30", "0.7500", 50),
        ("acme", "", "org/acme@day", "36", "0.3600", 0),
        ("acme", "other", "agent/acme/*@day", "6", "0.1500", 0),
        ("globex", "", "org/*@rolling-24h", "70", "0.0700", 0),
        ("acme", "", "org/*@rolling-24h", "45", "0.0450", 0),
    ]
    assert (answer["offsets"], answer["subjects"]) == ({"0": 5}, 5)
    (acme,) = (one for one in answer["rows"] if one["budget"] == "org/acme@day")
    assert (acme["period_start"], acme["period_end"]) == ("2025-10-09T00:00:00Z", "2025-10-10T00:00:00Z")
    assert (acme["remaining_usd"], acme["amount_usd"]) == ("64", "100")
    assert acme["exhausted_at"] is not None
    assert float(acme["projected_usd"]) == pytest.approx(36 * DAY_MS / (NOW_MS - MIDNIGHT_MS))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"scope": "agent"}, ["agent-7", "other"]),
        ({"scope": "agent", "name": "other"}, ["other"]),
        ({"org_id": "globex"}, [""]),
        ({"org_id": "nobody"}, []),
        ({"limit": 1, "offset": 1}, [""]),
    ],
)
def test_only_some_of_them(used: Api, asked: dict[str, Any], found: list[str]) -> None:
    assert [one["name"] for one in used.get("/budgets", **asked)["rows"]] == found


def test_a_token_of_one_organisation_sees_its_own_and_what_is_set_for_each(used: Api) -> None:
    assert {one["org_id"] for one in used.by(OF_ACME).get("/budgets")["rows"]} == {"acme"}
    assert used.by(OF_OTHERS).get("/budgets")["rows"] == []
    assert [one["key"] for one in used.by(OF_OTHERS).get("/budgets/set")["rows"]] == ["org/*@rolling-24h"]
    assert len(used.by(OF_ACME).get("/budgets/set")["rows"]) == 3


def test_a_flush_that_is_not_whole_is_said(used: Api, projected: Projection) -> None:
    projected.cut(0, None)
    assert used.get("/budgets")["offsets"] == {"0": None}


def test_a_forecast_goes_on_by_the_line_of_whole_days(used: Api, projected: Projection) -> None:
    use(projected, *(row(quarter_start_ms=MIDNIGHT_MS - day * DAY_MS, input=(5 - day) * USD) for day in (2, 3, 4)))
    answer = used.get("/budgets/forecast", scope="agent", org_id="acme", name="agent-7")
    # 1, 2, 3 and yesterday 9: the line is at 10 for today, and rises by 2.5 a day
    assert (answer["days_known"], answer["next_days_usd"]["7"]) == (4, "122.5")
    unknown = used.get("/budgets/forecast", scope="agent", org_id="acme", name="nobody")
    assert (unknown["days_known"], unknown["next_days_usd"]) == (0, {"7": "0", "14": "0", "30": "0"})
    used.get("/budgets/forecast", status=422, scope="agent", org_id="acme", name="x", tz="Mars")


BODY: dict[str, Any] = {"scope": "agent", "org_id": "acme", "name": "bot", "amount_usd": "50.0", "period": "day"}


def on_topic(settings: Settings) -> dict[str, Any]:
    found = read_newest(client_config(settings), topics_for(settings).budgets, timeout_s=10)
    return {key.decode(): json.loads(value) for key, value in found.items()}


@pytest.mark.broker
def test_a_budget_is_set_and_deleted_on_the_topic(ours: Settings) -> None:
    Projection(ours)
    with serving(ours) as api:
        said = api.by(OF_ACME).put("/budgets", BODY)
        assert (said["key"], said["changed"], said["before"], said["now"]["amount_usd"]) == (
            "agent/acme/bot@day", True, None, "50",
        )  # fmt: skip
        assert on_topic(ours) == {
            "agent/acme/bot@day": {
                **BODY,
                "amount_usd": "50",
                "time_zone": "UTC",
                "thresholds_percent": [50, 80, 95, 100],
                "mode": "observe",
                "source": "api",
                "updated_at": NOW_MS,
            }
        }
        again = api.put("/budgets", BODY)
        assert (again["changed"], again["offset"]) == (False, said["offset"])
        for org_id in ("globex", "*"):
            api.put("/budgets", BODY | {"org_id": org_id}, status=403)
            api.delete("/budgets", status=403, scope="agent", org_id=org_id, name="bot")
        names: dict[str, Any] = {name: BODY[name] for name in ("scope", "org_id", "name", "period")}
        api.by(VIEWER).put("/budgets", BODY, status=403)
        assert api.by(EDITOR).delete("/budgets", **names)["before"]["amount_usd"] == "50"
        assert on_topic(ours) == {}
        api.delete("/budgets", status=404, **names)
        api.put("/budgets", BODY | {"amount_usd": "0", "period": "year"}, status=422)
        assert [one["where"] for one in api.put("/budgets", BODY | {"galaxy": 1}, status=422)["errors"]] == [
            "body.galaxy"
        ]
