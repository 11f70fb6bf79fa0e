"""What each policy would have done: held against what was told, by who may see it."""

import time
from typing import Any

import pytest

from burnline.api.view.policy_shapes import PolicyRow, outcomes, visible_to
from burnline.detection.anomaly import Anomaly
from burnline.detection.policy_record import PolicyRecord
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from tests.api.stage import OF_OTHERS, Api, Projection, serving

NOON = 1_772_452_800_000
"""2026-03-02T12:00:00Z."""
MIDNIGHT = NOON + 12 * 3_600_000
MAIN, NIGHTLY = ("acme", "main"), ("acme", "nightly")


def record(name: str, **fields: Any) -> PolicyRecord:
    return PolicyRecord.model_validate({"name": name, "org": "acme", **fields})


def incident(agent_id: str, at_ms: int = NOON, spend_usd: str = "1", anomaly_id: str = "a-1") -> Anomaly:
    """The newest notice of an incident of the learned rules, as far as policies look at one."""
    fields: Any = {"anomaly_id": anomaly_id, "org_id": "acme", "agent_id": agent_id, "updated_at": at_ms}
    return Anomaly.model_construct(**fields, spend_usd=spend_usd)


def told(*incidents: Anomaly, **records: PolicyRecord) -> dict[str, PolicyRow]:
    at_work = {MAIN: NOON, NIGHTLY: MIDNIGHT}
    return {row.name: row for row in outcomes(records, at_work, incidents)}


def test_an_incident_counts_for_the_one_policy_that_holds_for_its_agent() -> None:
    rows = told(
        incident("nightly"), incident("main", anomaly_id="a-2"), incident("main", anomaly_id="a-3"),
        all=record("all"), nights=record("nights", agent="nightly"),
    )  # fmt: skip
    assert {name: (row.would_tell, row.agents) for name, row in rows.items()} == {"all": (2, 1), "nights": (1, 1)}
    assert rows["all"].newest == "a-2"


def test_the_most_specific_stand_first() -> None:
    assert list(told(all=record("all"), any=record("any", org="*"), one=record("one", agent="main"))) == [
        "one", "all", "any",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spend_usd", "tells"), [("1.499999999999", 0), ("1.5", 1)], ids=["a pico-dollar below", "at it"]
)
def test_what_has_spent_too_little_is_held(spend_usd: str, tells: int) -> None:
    (row,) = told(incident("main", spend_usd=spend_usd), dear=record("dear", minimum_spend_usd="1.5")).values()
    assert (row.would_tell, row.would_hold) == (tells, 1 - tells)


@pytest.mark.parametrize(("at_ms", "tells"), [(NOON, 1), (MIDNIGHT, 0)], ids=["by day", "by night"])
def test_what_comes_in_quiet_hours_is_held(at_ms: int, tells: int) -> None:
    (row,) = told(incident("main", at_ms), quiet=record("quiet", quiet=["22:00-06:00"])).values()
    assert (row.would_tell, row.would_hold, row.newest) == (tells, 1 - tells, "a-1" if tells else None)


def test_one_that_holds_for_nobody_or_is_always_quiet_is_inert() -> None:
    rows = told(
        gone=record("gone", agent="gone"), mute=record("mute", agent="main", quiet=["00:00-12:00", "12:00-24:00"]),
        works=record("works"),
    )  # fmt: skip
    assert {name: row.inert for name, row in rows.items()} == {"gone": True, "mute": True, "works": False}
    assert rows["works"].last_could_fire == "2026-03-03T00:00:00.000Z on acme / nightly; it holds for 1 agent"


def test_others_see_those_about_anybody_only() -> None:
    records = [record("own"), record("shared", org="*"), record("others", org="others")]
    assert list(visible_to(records, lambda org_id: org_id == "acme")) == ["own", "shared"]


def test_they_are_read_from_their_topic(ours: Settings) -> None:
    """With what is seen and what is no policy left out."""
    Projection(ours).progress()
    topic = topics_for(ours).policies
    for key, value in (("nights", record("nights").model_dump_json(exclude_none=True)), ("broken", "{")):
        write_key(client_config(ours), topic, key, value.encode(), timeout_s=10)
    with serving(ours) as api:
        found = once_read(api)
        assert (found["days"], found["incidents"]) == (7, 0)
        (row,) = found["rows"]
        assert (row["name"], row["org_id"], row["agents"], row["would_tell"], row["inert"]) == (
            "nights",
            "acme",
            0,
            0,
            True,
        )
        assert api.by(OF_OTHERS).get("/policies", days=90)["rows"] == []


def once_read(api: Api) -> Any:
    """The answer, once the live part has read the projection."""
    deadline = time.monotonic() + 60
    while (answer := api.raw("GET", "/policies")).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)
    return answer.json()
