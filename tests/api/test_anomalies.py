"""`/anomalies/active`, `/anomalies` and `/anomalies/{id}`: what is open, what has been, how one went on."""

from typing import Any

import jsonschema
import pytest

from burnline.api.application import build_api
from burnline.detection.anomaly import Anomaly, Evidence, Severity, State, anomaly_id, rfc3339
from burnline.detection.notes import AnomalyNote, Verdict, judged, silenced
from burnline.settings import load_settings
from tests.api.live import Caller, Projection, live_api
from tests.ledger.examples import T0, TOPIC, at_slice, spend
from tests.readmodel.counting import count

HOUR_MS = 3_600_000


def notice(number: int, state: str = "opened 1", **changes: Any) -> Anomaly:
    """A notice of the n-th anomaly, which was opened in the n-th hour."""
    name, revision = state.split()
    evidence = Evidence(TOPIC, 2, number, f"e-{number}")
    session_id = f"s-{number}"
    opened_at = T0 + number * HOUR_MS
    fields: dict[str, Any] = {
        "anomaly_id": anomaly_id(evidence, "acme", session_id),
        "revision": int(revision),
        "state": State(name),
        "severity": Severity.WARNING,
        "org_id": "acme",
        "agent_id": "agent-7",
        "session_id": session_id,
        "opened_at": opened_at,
        "updated_at": opened_at + (int(revision) - 1) * 60_000,
        "burn_usd_per_hour": {"20s": "9", "40s": "6"},
        "baseline_usd_per_hour": "1",
        "baseline_source": "default",
        "multiplier": "5",
        "ratio": "9.000",
        "spend_usd": "0.1",
        "evidence": evidence,
    }
    return Anomaly(**(fields | changes))


def numbers(found: dict[str, Any]) -> list[int]:
    return [int(row["session_id"][2:]) for row in found["rows"]]


def until(api: Caller, wanted: list[int], path: str = "/anomalies", **params: Any) -> dict[str, Any]:
    """The answer, once it holds these."""
    return api.until(path, lambda found: numbers(found) == wanted, **params)


def test_nothing_yet_is_an_empty_list(api: Caller) -> None:
    for path in ("/anomalies", "/anomalies/active"):
        assert api.get(path)["rows"] == []


def test_a_life(api: Caller, projection: Projection) -> None:
    """Opened, escalated, resolved: as the worker published it, with each notice in the timeline."""
    projection.feed(spend(0, 60))
    (row,) = until(api, [1], "/anomalies/active")["rows"]
    assert (row["state"], row["severity"], row["revision"]) == ("opened", "warning", 1)
    projection.feed(spend(1, 300))
    api.until("/anomalies/active", lambda found: found["rows"][0]["severity"] == "critical")
    projection.feed(spend(9, 1, session_id="s-2"), now_ms=at_slice(9))
    assert until(api, [], "/anomalies/active")["next_cursor"] is None
    (last,) = until(api, [1])["rows"]
    assert (last["state"], last["resolved_by"]) == ("resolved", "event_time")
    found = api.get(f"/anomalies/{row['anomaly_id']}")
    assert found["anomaly"] == last
    assert {**found["timeline"][0], "notes": row["notes"]} == row
    assert [one["state"] for one in found["timeline"]] == ["opened", "escalated", "resolved"]


def test_what_was_there_before_the_process(redis_url: str, projection: Projection) -> None:
    for number in range(3):
        projection.notice(notice(number))
    projection.notice(notice(1, "resolved 2"))
    with live_api(redis_url) as api:
        assert numbers(api.get("/anomalies")) == [2, 1, 0]
        assert numbers(api.get("/anomalies/active")) == [2, 0]


class TestActive:
    """Those that are not resolved, by their urgency."""

    def test_critical_first_then_the_latest_change(self, api: Caller, projection: Projection) -> None:
        projection.notice(notice(0, severity=Severity.CRITICAL))
        projection.notice(notice(1))
        projection.notice(notice(2))
        projection.notice(notice(3, "escalated 2", severity=Severity.CRITICAL))
        projection.notice(notice(4, "resolved 3", severity=Severity.CRITICAL))
        until(api, [3, 0, 2, 1], "/anomalies/active")

    def test_pages(self, api: Caller, projection: Projection) -> None:
        for number in range(7):
            projection.notice(notice(number, severity=(Severity.WARNING, Severity.CRITICAL)[number % 2]))
        whole = until(api, [5, 3, 1, 6, 4, 2, 0], "/anomalies/active")
        assert whole["next_cursor"] is None
        walked: list[int] = []
        cursor: dict[str, Any] = {}
        for _ in range(3):
            page = api.get("/anomalies/active", limit=3, **cursor)
            walked += numbers(page)
            cursor = {"cursor": page["next_cursor"]}
        assert walked == numbers(whole)
        assert page["next_cursor"] is None

    @pytest.mark.parametrize(
        ("params", "wanted"),
        [
            pytest.param({"severity": "critical"}, [1], id="severity"),
            pytest.param({"org": "globex"}, [2], id="org"),
            pytest.param({"agent": "agent-7"}, [1, 2], id="agent"),
            pytest.param({"org": "initech"}, [], id="unknown-org"),
        ],
    )
    def test_filters(self, api: Caller, projection: Projection, params: dict[str, Any], wanted: list[int]) -> None:
        projection.notice(notice(0, agent_id="other"))
        projection.notice(notice(1, severity=Severity.CRITICAL))
        projection.notice(notice(2, org_id="globex"))
        until(api, [1, 2, 0], "/anomalies/active")
        assert numbers(api.get("/anomalies/active", **params)) == wanted


def history(api: Caller, projection: Projection) -> None:
    """Five anomalies, an hour apart; 0 and 1 were resolved two minutes after their opening."""
    for number in range(5):
        projection.notice(notice(number, org_id=("acme", "globex")[number % 2], agent_id=f"agent-{number % 3}"))
    projection.notice(notice(0, "resolved 3", org_id="acme", agent_id="agent-0"))
    projection.notice(notice(1, "resolved 3", org_id="globex", agent_id="agent-1", severity=Severity.CRITICAL))
    until(api, [1, 0], state="resolved")


class TestHistory:
    """All that are kept, the latest opening first."""

    @pytest.mark.parametrize(
        ("params", "wanted"),
        [
            pytest.param({}, [4, 3, 2, 1, 0], id="all"),
            pytest.param({"state": "opened"}, [4, 3, 2], id="state"),
            pytest.param({"state": ["opened", "resolved"]}, [4, 3, 2, 1, 0], id="two-states"),
            pytest.param({"state": "escalated"}, [], id="none-in-this-state"),
            pytest.param({"severity": "critical"}, [1], id="severity"),
            pytest.param({"org": "globex"}, [3, 1], id="org"),
            pytest.param({"agent": ["agent-0", "agent-2"]}, [3, 2, 0], id="agents"),
            pytest.param({"org": "globex", "agent": "agent-0"}, [3], id="org-and-agent"),
            pytest.param({"to": T0 + 2 * HOUR_MS}, [1, 0], id="opened-before"),
            pytest.param({"to": T0 + 2 * HOUR_MS + 1}, [2, 1, 0], id="opened-a-moment-before"),
            pytest.param({"from": T0 + HOUR_MS + 120_000}, [4, 3, 2, 1], id="still-open-then"),
            pytest.param({"from": T0 + HOUR_MS + 120_001}, [4, 3, 2], id="resolved-by-then"),
            pytest.param({"from": T0 + HOUR_MS, "to": T0 + 3 * HOUR_MS}, [2, 1], id="in-between"),
        ],
    )
    def test_only_those(self, api: Caller, projection: Projection, params: dict[str, Any], wanted: list[int]) -> None:
        history(api, projection)
        moments = {name: rfc3339(at_ms) for name, at_ms in params.items() if name in {"from", "to"}}
        assert numbers(api.get("/anomalies", **(params | moments))) == wanted

    @pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
    def test_each_comes_once_while_others_open_and_resolve(
        self, api: Caller, projection: Projection, limit: int
    ) -> None:
        history(api, projection)
        walked: list[int] = []
        cursor: dict[str, Any] = {}
        for step in range(10):
            page = api.get("/anomalies", limit=limit, **cursor)
            walked += numbers(page)
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
            projection.notice(notice(10 + step))
            if step == 1:
                projection.notice(notice(2, "resolved 2", org_id="acme", agent_id="agent-2"))
            api.until("/anomalies", lambda found, number=10 + step: number in numbers(found))  # type: ignore[misc]
        assert walked == [4, 3, 2, 1, 0]

    @pytest.mark.parametrize(
        "params",
        [
            pytest.param({"from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, id="nothing-in-between"),
            pytest.param({"from": "2026-01-02T00:00:00"}, id="no-offset"),
            pytest.param({"from": "yesterday"}, id="no-time"),
            pytest.param({"state": "closed"}, id="no-state"),
            pytest.param({"severity": "low"}, id="no-severity"),
            pytest.param({"limit": 501}, id="too-many"),
            pytest.param({"cursor": "e30"}, id="no-cursor"),
        ],
    )
    def test_what_is_refused(self, api: Caller, params: dict[str, Any]) -> None:
        assert api.get("/anomalies", 422, **params)["status"] == 422

    def test_an_old_notice_changes_nothing(self, api: Caller, projection: Projection) -> None:
        """As when a feed is written anew after a rebuild."""
        projection.notice(notice(0, "resolved 2"))
        projection.notice(notice(0))
        projection.notice(notice(1))
        (_, row) = until(api, [1, 0])["rows"]
        assert row["state"] == "resolved"


class TestTimeline:
    """One anomaly that is not there."""

    def test_no_such_anomaly(self, api: Caller) -> None:
        problem = api.get("/anomalies/00000000-0000-5000-8000-000000000000", 404)
        assert problem["type"].endswith(":no-such-anomaly")

    def test_no_id(self, api: Caller) -> None:
        assert api.get("/anomalies/4711", 422)["errors"][0]["where"] == "path.anomaly_id"


class TestOrganisations:
    """Callers that are bound to organisations."""

    def test_a_bound_caller_sees_its_own_only(self, api: Caller, projection: Projection) -> None:
        history(api, projection)
        hidden, shown = (api.get("/anomalies", org=org)["rows"][0]["anomaly_id"] for org in ("acme", "globex"))
        api.as_of_orgs("globex")
        assert numbers(api.get("/anomalies")) == [3, 1]
        assert numbers(api.get("/anomalies/active")) == [3]
        assert numbers(api.get("/anomalies", org="acme")) == []
        assert api.get(f"/anomalies/{shown}")["anomaly"]["org_id"] == "globex"
        assert api.get(f"/anomalies/{hidden}", 404)["type"].endswith(":no-such-anomaly")


def test_the_bytes_are_what_the_document_says(api: Caller, projection: Projection) -> None:
    history(api, projection)
    document = build_api(load_settings()).openapi()
    schema = {"$ref": "#/components/schemas/Anomalies", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(api.get("/anomalies", limit=2))


def test_those_that_are_kept_no_more_go(redis_url: str, projection: Projection) -> None:
    from unittest.mock import patch

    projection.notice(notice(0))
    projection.notice(notice(1))
    with patch("burnline.api.view.live.TIDY_S", 0.05), live_api(redis_url) as api:
        projection.redis.zrem(projection.keys.anomalies, notice(0).anomaly_id)
        projection.redis.delete(projection.keys.anomaly(notice(0).anomaly_id))
        count(projection.redis, projection.keys, projection.keys.anomalies)
        until(api, [1])
        assert numbers(api.get("/anomalies/active")) == [1]


def said(verdict: Verdict) -> AnomalyNote:
    return judged(notice(0), verdict, by="ada", at_ms=T0, words=None)


def test_answers_carry_what_is_said_as_it_changes(api: Caller, projection: Projection) -> None:
    projection.notice(notice(0))
    nothing = {"acknowledgement": None, "silence": None, "feedback": None}
    (row,) = api.until("/anomalies", lambda found: len(found["rows"]) == 1)["rows"]
    assert row["notes"] == nothing
    projection.note(said(Verdict.TRUE))
    projection.note(silenced(notice(0), until_ms=T0 + 1, by="ada", at_ms=T0, words=None))
    whole = api.until("/anomalies/active", lambda found: found["rows"][0]["notes"]["silence"] is not None)
    (row,) = whole["rows"]
    assert row["notes"]["feedback"]["verdict"] == "true"
    assert api.get(f"/anomalies/{notice(0).anomaly_id}")["anomaly"] == row
    projection.note(said(Verdict.FALSE))
    api.until("/anomalies", lambda found: found["rows"][0]["notes"]["feedback"]["verdict"] == "false")
