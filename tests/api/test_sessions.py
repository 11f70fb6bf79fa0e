"""`/sessions/{id}`: a session's whole ledger, added up over the partitions that it stands on."""

from typing import Any

import pytest

from burnline.detection.anomaly import notice_value
from tests.api.live import Caller, Clock, Projection, live_api
from tests.ledger.examples import T0, at_slice, ledger, spend


def until_active(api: Caller, session_id: str = "s-1") -> dict[str, Any]:
    """The session, once it is among the active ones."""
    api.until("/burn-rates/active", lambda found: session_id in [row["session_id"] for row in found["rows"]])
    return api.get(f"/sessions/{session_id}")


def test_the_whole_ledger(api: Caller, projection: Projection) -> None:
    projection.feed(
        spend(0, 10),
        spend(1, 12, cached_input_tokens=400),
        spend(1, 0, 1, model="gpt-4o-mini", input_tokens=10_000),
        spend(1, 0, 2, kind="tool_call", input_tokens=0, tool_name="grep"),
    )
    found = until_active(api)
    assert found["events"] == 4
    assert found["tool_calls"] == 1
    assert (found["first_event_at"], found["last_event_at"]) == (T0, at_slice(1))
    assert found["cost_usd"] == "0.023"
    assert {model: (sums["events"], sums["cost_usd"]) for model, sums in found["by_model"].items()} == {
        "gpt-4o": (3, "0.0215"),
        "gpt-4o-mini": (1, "0.0015"),
    }
    assert found["cache_savings_usd"] == "0.0005"
    assert found["slices"] == [
        {"start_at": T0, "spend_usd": "0.01"},
        {"start_at": at_slice(1), "spend_usd": "0.013"},
    ]
    assert found["burn_usd_per_hour"] == {"20s": "4.14", "40s": "2.07"}
    assert found["ratio"] == "4.140"
    assert found["active"] is True


def test_it_says_the_same_as_its_row(api: Caller, projection: Projection) -> None:
    projection.feed(spend(0, 30), spend(1, 40))
    found = until_active(api)
    (row,) = api.get("/burn-rates/active")["rows"]
    shared = found.keys() & row.keys() - {"anomaly"}
    assert len(shared) > 15
    assert {name: found[name] for name in shared} == {name: row[name] for name in shared}
    assert found["anomaly"]["anomaly_id"] == row["anomaly"]["anomaly_id"]


def test_over_partitions(api: Caller, projection: Projection) -> None:
    """A partition judges only what it sees; the reader sees all of it."""
    projection.feed(spend(0, 20), partition=0)
    projection.feed(spend(0, 5, 1), spend(1, 30), partition=3)
    api.until("/burn-rates/active", lambda found: [row["events"] for row in found["rows"]] == [3])
    found = api.get("/sessions/s-1")
    assert found["cost_usd"] == "0.055"
    assert [point["spend_usd"] for point in found["slices"]] == ["0.025", "0.03"]
    assert [(part["source_partition"], part["events"], part["cost_usd"]) for part in found["ledgers"]] == [
        (0, 1, "0.02"),
        (3, 2, "0.035"),
    ]


def test_its_newest_event_is_one_of_the_usage_topic_of_now(api: Caller, projection: Projection) -> None:
    projection.feed(spend(0, 10), spend(0, 10, 1))
    until_active(api)
    assert [part["last_offset"] for part in api.get("/sessions/s-1")["ledgers"]] == [1]
    projection.adopt()
    api.until("/sessions/s-1", lambda found: [part["last_offset"] for part in found["ledgers"]] == [-1])
    projection.feed(spend(0, 5, 2))
    api.until("/sessions/s-1", lambda found: [part["last_offset"] for part in found["ledgers"]] == [0])


def test_one_that_is_active_no_more(redis_url: str, projection: Projection) -> None:
    """It is there until it is retired; its windows are empty."""
    projection.feed(spend(0, 10))
    with live_api(redis_url, Clock(T0 + 3_600_000)) as api:
        found = api.get("/sessions/s-1")
    assert (found["active"], found["cost_usd"], found["burn_usd_per_hour"]) == (
        False,
        "0.01",
        {"20s": "0", "40s": "0"},
    )


@pytest.mark.parametrize("session_id", ["s/1", "s 1", "s%1", "ü", "?", "#", ".well/known"])
def test_any_name(api: Caller, projection: Projection, session_id: str) -> None:
    from urllib.parse import quote

    projection.feed(spend(0, 10, session_id=session_id))
    assert api.get(f"/sessions/{quote(session_id, safe='')}")["session_id"] == session_id


@pytest.mark.parametrize("session_id", ["s-2", "", "x" * 256])
def test_no_such_session(api: Caller, projection: Projection, session_id: str) -> None:
    projection.feed(spend(0, 10))
    assert api.get(f"/sessions/{session_id}", 404)["type"].endswith(":no-such-session")


def test_a_name_that_no_session_has(api: Caller) -> None:
    assert api.get("/sessions/" + "x" * 257, 422)["type"].endswith(":invalid-request")


def test_unpriced_tokens_have_bounds(api: Caller, projection: Projection) -> None:
    projection.feed(spend(0, 0, model="no-such-model", input_tokens=1_000_000))
    unpriced = api.get("/sessions/s-1")["unpriced"]
    assert unpriced["tokens"] == 1_000_000
    assert 0 < float(unpriced["low_usd"]) < float(unpriced["high_usd"])


def test_its_tree(api: Caller, projection: Projection) -> None:
    projection.feed(
        spend(0, 10, session_id="root"),
        spend(0, 20, session_id="child", parent_session_id="root"),
        spend(0, 40, session_id="leaf", parent_session_id="child", agent_id="digger"),
        spend(0, 5, session_id="root", org_id="globex"),
    )
    api.until("/sessions", lambda found: found["sessions"] == 4)
    root = api.get("/sessions/root", org_id="acme")
    assert (root["parent_session_id"], root["cost_usd"], root["tree"]["spend_usd"]) == (None, "0.01", "0.07")
    assert [
        (node["session_id"], node["depth"], node["agent_id"], node["spend_usd"], node["tree_spend_usd"])
        for node in root["tree"]["nodes"]
    ] == [
        ("root", 0, "agent-7", "0.01", "0.07"),
        ("child", 1, "agent-7", "0.02", "0.06"),
        ("leaf", 2, "digger", "0.04", "0.04"),
    ]
    leaf = api.get("/sessions/leaf")
    assert leaf["parent_session_id"] == "child"
    assert leaf["tree"]["ancestors"] == [
        {"session_id": "root", "known": True},
        {"session_id": "child", "known": True},
    ]
    rows = {(row["session_id"], row["org_id"]): row["parent_session_id"] for row in api.get("/sessions")["rows"]}
    assert rows["leaf", "acme"] == "child"
    api.as_of_orgs("globex")
    other = api.get("/sessions/root")
    assert (other["tree"]["spend_usd"], other["tree"]["sessions"]) == ("0.005", 1)


class TestOrganisations:
    """Callers that are bound to organisations."""

    def test_another_ones_is_not_there(self, api: Caller, projection: Projection) -> None:
        """Nor is it forbidden: that would say that it exists."""
        projection.feed(spend(0, 10))
        api.as_of_orgs("globex")
        hidden = api.get("/sessions/s-1", 404)
        missing = api.get("/sessions/s-2", 404)
        assert hidden["detail"].replace("s-1", "s-2") == missing["detail"]

    def test_two_of_them_under_one_id(self, api: Caller, projection: Projection) -> None:
        """They are two sessions, on one partition too: each sees its own, and who sees both has to say which."""
        projection.feed(spend(0, 10), spend(0, 15, org_id="globex"), partition=3)
        problem = api.get("/sessions/s-1", 409)
        assert problem["type"].endswith(":ambiguous-session")
        assert problem["detail"].endswith("name one by org_id (acme, globex).")
        assert api.get("/sessions/s-1", org_id="acme")["cost_usd"] == "0.01"
        api.as_of_orgs("globex")
        found = api.get("/sessions/s-1")
        assert (found["cost_usd"], found["org_id"]) == ("0.015", "globex")
        assert [part["source_partition"] for part in found["ledgers"]] == [3]


def test_its_notice_and_it_agree(api: Caller, projection: Projection) -> None:
    worker = ledger()
    worker.apply([0], [spend(0, 80)], now_ms=T0)
    (notice,) = worker.take_changes(T0).notices
    assert notice_value(notice)
    projection.feed(spend(0, 80))
    found = api.get("/sessions/s-1")
    assert found["burn_usd_per_hour"] == notice.burn_usd_per_hour
    assert found["anomaly"]["evidence"] == {
        "topic": notice.evidence.topic,
        "partition": notice.evidence.partition,
        "offset": notice.evidence.offset,
        "event_id": notice.evidence.event_id,
    }
