"""`/sessions`: active, idle and retired ones in one list."""

from typing import Any

import pytest

from tests.api.live import Caller, Clock, Projection
from tests.ledger.examples import T0, at_slice, spend

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def names(found: dict[str, Any]) -> list[str]:
    return [row["session_id"] for row in found["rows"]]


@pytest.fixture
def three(api: Caller, projection: Projection, clock: Clock) -> Caller:
    """One session that is retired, one that is idle, one that is active."""
    projection.feed(spend(0, 30, session_id="old"), partition=1)
    projection.retire("old")
    projection.feed(spend(0, 20, session_id="calm", agent_id="other"), partition=1)
    clock.now_ms = T0 + HOUR_MS
    projection.feed(spend(360, 10, session_id="busy"), now_ms=T0 + HOUR_MS)
    api.until(
        "/sessions",
        lambda found: sorted(row["state"] for row in found["rows"]) == ["active", "idle", "retired"],
    )
    return api


def test_each_of_them(three: Caller) -> None:
    found = three.get("/sessions")
    assert [(row["session_id"], row["state"], row["spend_usd"], row["burn"] is None) for row in found["rows"]] == [
        ("busy", "active", "0.01", False),
        ("old", "retired", "0.03", True),
        ("calm", "idle", "0.02", True),
    ]
    assert (found["sessions"], found["spend_usd"], found["next_cursor"]) == (3, "0.06", None)
    (live,) = three.get("/burn-rates/active")["rows"]
    assert {name: live[name] for name in found["rows"][0]["burn"]} == found["rows"][0]["burn"]


ASKED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "by state": ({"state": "retired"}, ["old"]),
    "by states": ({"state": ["idle", "active"]}, ["busy", "calm"]),
    "by a part of a name": ({"search": "OTH"}, ["calm"]),
    "dearest first": ({"sort": "spend"}, ["old", "calm", "busy"]),
    "what burns first": ({"sort": "burn_short", "limit": 1}, ["busy"]),
    "of today": ({"days": 1}, ["busy", "old", "calm"]),
    "under way since": ({"from": "2025-10-09T09:00:00Z"}, ["busy"]),
    "of yesterday": ({"from": "2025-10-08", "to": "2025-10-09"}, []),
}


def test_what_is_asked_for(three: Caller) -> None:
    found = {question: names(three.get("/sessions", **asked)) for question, (asked, _) in ASKED.items()}
    assert found == {question: wanted for question, (_, wanted) in ASKED.items()}


def test_page_by_page(three: Caller) -> None:
    first = three.get("/sessions", sort="spend", order="asc", limit=2)
    assert names(first) == ["busy", "calm"]
    second = three.get("/sessions", sort="spend", order="asc", limit=2, cursor=first["next_cursor"])
    assert (names(second), second["sessions"], second["next_cursor"]) == (["old"], 3, None)
    assert three.get("/sessions", 422, sort="events", cursor=first["next_cursor"])["type"].endswith(":invalid-cursor")


def test_a_retired_one_is_told_whole(three: Caller) -> None:
    found = three.get("/sessions/old")
    assert (found["retired"], found["active"], found["cost_usd"], found["slices"]) == (True, False, "0.03", [])
    assert [(each["source_partition"], each["retired"]) for each in found["ledgers"]] == [(1, True)]


def test_one_that_begins_anew_is_one_session(three: Caller, projection: Projection) -> None:
    projection.feed(spend(361, 5, session_id="old"), partition=3, now_ms=T0 + HOUR_MS)
    found = three.until("/sessions", lambda found: found["rows"][0]["session_id"] == "old")
    assert (found["rows"][0]["state"], found["rows"][0]["spend_usd"], found["sessions"]) == ("active", "0.035", 3)
    whole = three.get("/sessions/old")
    assert (whole["retired"], whole["cost_usd"], whole["first_event_at"]) == (False, "0.035", T0)
    assert [point["start_at"] for point in whole["slices"]] == [at_slice(361)]


class TestOrganisations:
    """Callers that are bound to organisations."""

    def test_they_find_their_own(self, three: Caller, projection: Projection) -> None:
        projection.feed(spend(360, 15, session_id="hidden", org_id="globex"), now_ms=T0 + HOUR_MS)
        three.until("/sessions", lambda found: found["sessions"] == 4)
        three.as_of_orgs("globex")
        found = three.get("/sessions", search="h")
        assert (names(found), found["sessions"], found["spend_usd"]) == (["hidden"], 1, "0.015")
        assert three.get("/sessions", org_id="acme")["sessions"] == 0
