"""Baselines over HTTP, on a real broker and a real Redis: looked at, set, deleted, suggested."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from burnline.detection.baseline import Baseline
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from tests.api.stage import EDITOR, NOW_MS, OF_ACME, OF_OTHERS, VIEWER, Api, Projection, serving
from tests.api.usage import use
from tests.finance.rows import QUARTER, T0, row

PATH = "/baselines/acme/agent-7"
BODY = {"usd_per_hour": "2.50"}


@pytest.fixture
def api(ours: Settings) -> Iterator[Api]:
    Projection(ours)
    with serving(ours) as api:
        yield api


def on_topic(settings: Settings) -> dict[str, Any]:
    found = read_newest(client_config(settings), topics_for(settings).baselines, timeout_s=10)
    return {key.decode(): json.loads(value) for key, value in found.items()}


class TestPut:
    """Set, with an acknowledgement."""

    def test_it_is_on_the_topic_when_it_is_answered(self, api: Api, ours: Settings) -> None:
        said = api.put(PATH, BODY)
        assert on_topic(ours) == {
            "acme/agent-7": {
                "org_id": "acme",
                "agent_id": "agent-7",
                "usd_per_hour": "2.5",
                "source": "api",
                "updated_at": NOW_MS,
            }
        }
        assert (said["topic"], said["partition"], said["offset"]) == (topics_for(ours).baselines.name, 0, 0)

    def test_it_says_what_takes_effect_from_when(self, api: Api) -> None:
        said = api.put(PATH, BODY | {"multiplier": "4"})
        assert (said["key"], said["changed"], said["effective_from_ms"]) == ("acme/agent-7", True, NOW_MS)
        assert said["now"] == {
            "usd_per_hour": "2.5",
            "multiplier": "4",
            "anomaly_above_usd_per_hour": "10",
            "baseline_source": "acme/agent-7",
        }
        assert (said["before"]["usd_per_hour"], said["before"]["baseline_source"]) == ("1", "default")

    def test_the_same_again_writes_nothing(self, ours: Settings, api: Api) -> None:
        first = api.put(PATH, BODY)
        with serving(ours, NOW_MS + 5_000) as later:
            again = later.put(PATH, {"usd_per_hour": "2.5"})
        assert (again["changed"], again["offset"]) == (False, first["offset"])
        assert again["effective_from_ms"] == NOW_MS
        assert again["now"] == again["before"] == first["now"]

    def test_another_replaces_it(self, api: Api, ours: Settings) -> None:
        api.put(PATH, BODY)
        said = api.put(PATH, {"usd_per_hour": "3"})
        assert (said["changed"], said["offset"], said["before"]["usd_per_hour"]) == (True, 1, "2.5")
        assert on_topic(ours)["acme/agent-7"]["usd_per_hour"] == "3"

    @pytest.mark.parametrize(
        ("path", "key"),
        [
            pytest.param("/baselines/*/*", "*/*", id="any"),
            pytest.param("/baselines/%2A/agent-7", "*/agent-7", id="any-org"),
            pytest.param("/baselines/acme/eu/agent", "acme/eu/agent", id="slash-in-the-agent"),
            pytest.param("/baselines/acme/eu%2Fagent", "acme/eu/agent", id="encoded-slash-in-the-agent"),
            pytest.param("/baselines/acme%2Feu/agent", "acme%2Feu/agent", id="slash-in-the-org"),
            pytest.param("/baselines/50%25/a", "50%25/a", id="percent-in-the-org"),
            pytest.param("/baselines/baselines/a", "baselines/a", id="called-like-the-path"),
        ],
    )
    def test_names(self, api: Api, ours: Settings, path: str, key: str) -> None:
        assert api.put(path, BODY)["key"] == key
        assert list(on_topic(ours)) == [key]

    def test_nothing_may_be_spent(self, api: Api) -> None:
        assert api.put(PATH, {"usd_per_hour": "0"})["now"]["anomaly_above_usd_per_hour"] == "0"

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            pytest.param({}, "body.usd_per_hour", id="missing"),
            pytest.param({"usd_per_hour": 2.5}, "body.usd_per_hour", id="number"),
            pytest.param({"usd_per_hour": "-1"}, "body.usd_per_hour", id="negative"),
            pytest.param({"usd_per_hour": "1000000000.1"}, "body.usd_per_hour", id="high"),
            pytest.param({"usd_per_hour": "1", "multiplier": "0"}, "body.multiplier", id="no-multiplier"),
            pytest.param({"usd_per_hour": "1", "multiplier": "1000001"}, "body.multiplier", id="great-multiplier"),
            pytest.param({"usd_per_hour": "1", "multiplir": "2"}, "body.multiplir", id="misspelt"),
            pytest.param({"usd_per_hour": "1", "source": ""}, "body.source", id="no-source"),
        ],
    )
    def test_refused(self, api: Api, ours: Settings, body: dict[str, Any], where: str) -> None:
        assert [mistake["where"] for mistake in api.put(PATH, body, 422)["errors"]] == [where]
        assert on_topic(ours) == {}

    @pytest.mark.parametrize("path", ["/baselines/acme/a%07b", "/baselines/acme/" + "x" * 257], ids=["control", "long"])
    def test_refused_by_its_names(self, api: Api, path: str) -> None:
        assert [mistake["where"] for mistake in api.put(path, BODY, 422)["errors"]] == ["path.agent_id"]


class TestWho:
    """Editors, and for their own organisations."""

    def test_viewers_may_not(self, api: Api, ours: Settings) -> None:
        api.by(VIEWER).put(PATH, BODY, 403)
        api.delete(PATH, 403)
        assert on_topic(ours) == {}

    def test_those_of_some_may_for_them(self, api: Api) -> None:
        assert api.by(OF_ACME).put(PATH, BODY)["changed"]
        assert api.delete(PATH)["changed"]

    @pytest.mark.parametrize("org", ["others", "*", "acme%2Fx", "Acme"])
    def test_and_for_no_others(self, api: Api, ours: Settings, org: str) -> None:
        api.by(EDITOR).put(f"/baselines/{org}/a", BODY)
        before = on_topic(ours)
        api.by(OF_ACME).put(f"/baselines/{org}/a", {"usd_per_hour": "9"}, 403)
        api.delete(f"/baselines/{org}/a", 403)
        assert on_topic(ours) == before


class TestDelete:
    """What lies below it counts again."""

    def test_what_holds_then(self, api: Api, ours: Settings) -> None:
        api.put("/baselines/acme/*", {"usd_per_hour": "7"})
        api.put(PATH, BODY)
        said = api.delete(PATH)
        assert (said["before"]["usd_per_hour"], said["now"]["usd_per_hour"]) == ("2.5", "7")
        assert (said["now"]["baseline_source"], said["offset"]) == ("acme/*", 2)
        assert list(on_topic(ours)) == ["acme/*"]

    def test_none(self, api: Api) -> None:
        api.delete(PATH, 404)


def baseline(org: str, agent: str, usd: str = "2") -> Baseline:
    return Baseline(org_id=org, agent_id=agent, usd_per_hour=usd, source="test", updated_at=NOW_MS)


class TestList:
    """What was set, in pages."""

    def test_nothing_yet(self, reader: Api) -> None:
        said = reader.get("/baselines")
        assert (said["rows"], said["next_cursor"]) == ([], None)
        assert (said["default"]["usd_per_hour"], said["default"]["multiplier"]) == ("1", "5")

    def test_with_what_it_comes_to(self, reader: Api, projected: Projection) -> None:
        projected.baseline(baseline("acme", "a"))
        (row,) = reader.by(VIEWER).get("/baselines")["rows"]
        assert (row["org_id"], row["agent_id"], row["usd_per_hour"], row["source"]) == ("acme", "a", "2", "test")
        assert (row["anomaly_above_usd_per_hour"], row["updated_at"]) == ("10", NOW_MS)

    @pytest.mark.parametrize("limit", [1, 2, 3, 4])
    def test_pages(self, reader: Api, projected: Projection, limit: int) -> None:
        names = [("*", "*"), ("a", "z"), ("b", "a")]
        for org, agent in names:
            projected.baseline(baseline(org, agent))
        found: list[Any] = []
        params: dict[str, Any] = {"limit": limit}
        while params.get("cursor", "") is not None:
            said = reader.get("/baselines", **params)
            found += [(row["org_id"], row["agent_id"]) for row in said["rows"]]
            params["cursor"] = said["next_cursor"]
        assert found == names

    def test_those_of_some_see_theirs_and_everybodys(self, reader: Api, projected: Projection) -> None:
        for org, agent in [("*", "*"), ("*", "secret"), ("acme", "*"), ("acme", "a"), ("others", "secret")]:
            projected.baseline(baseline(org, agent))
        rows = reader.by(OF_ACME).get("/baselines")["rows"]
        assert [(row["org_id"], row["agent_id"]) for row in rows] == [("*", "*"), ("acme", "*"), ("acme", "a")]

    def test_without_a_projection(self, reader: Api, projected: Projection) -> None:
        projected.wipe()
        for path in ("/baselines", "/baselines/suggestions"):
            assert reader.get(path, 503)["type"] == "urn:burnline:problem:projection-missing"


class TestSuggestions:
    """From what sessions burned."""

    def test_nothing_yet(self, reader: Api) -> None:
        said = reader.get("/baselines/suggestions")
        assert (said["rows"], said["period"]["first"], said["period"]["last"]) == ([], "2025-09-26", "2025-10-09")
        assert "Computed on the ledgers" in said["rule"]

    def test_median_p95_and_why(self, reader: Api, projected: Projection) -> None:
        for number in range(1, 21):  # an hour each: 0.1 to 2 USD/h
            projected.session(f"s-{number}", cost_usd=f"{number / 10:.1f}")
        (row,) = reader.get("/baselines/suggestions")["rows"]
        assert (row["org_id"], row["agent_id"]) == ("acme", "agent-7")
        assert row["sessions"] == {"n": 20, "median_usd_per_hour": "1", "p95_usd_per_hour": "1.9"}
        assert row["suggested_usd_per_hour"] == "1"
        assert row["why"].startswith("Over 20 sessions the median is 1 and p95 1.9 USD/h")
        assert row["current"]["baseline_source"] == "default"

    def test_too_few_say_so_instead_of_a_number(self, reader: Api, projected: Projection) -> None:
        projected.session("s-1")
        (row,) = reader.get("/baselines/suggestions")["rows"]
        assert row["suggested_usd_per_hour"] is None
        assert row["why"] == "Too few sessions to say: 1 with a known cost and without an anomaly, 10 wanted."

    def test_a_session_on_two_partitions_is_one(self, reader: Api, projected: Projection) -> None:
        projected.session("s-1", cost_usd="1")
        projected.session("s-1", cost_usd="2", source_partition=1, agent_id="other", first_event_at=NOW_MS - 1_000)
        (row,) = reader.get("/baselines/suggestions")["rows"]
        assert (row["agent_id"], row["sessions"]["n"], row["sessions"]["median_usd_per_hour"]) == ("agent-7", 1, "3")

    def test_quarter_hours_of_the_rollups(self, reader: Api, projected: Projection) -> None:
        """Of retired sessions, too: 0.25 USD in a quarter-hour are 1 USD/h."""
        quarter = 10**12 // 4
        use(projected, row(input=quarter), row(quarter_start_ms=T0 - QUARTER, input=3 * quarter, model="x"))
        use(projected, row(quarter_start_ms=T0 - 2 * QUARTER))
        (found,) = reader.get("/baselines/suggestions")["rows"]
        assert found["quarter_hours"] == {"n": 2, "median_usd_per_hour": "1", "p95_usd_per_hour": "3"}
        assert found["sessions"] == {"n": 0, "median_usd_per_hour": None, "p95_usd_per_hour": None}

    @pytest.mark.parametrize(
        ("last_event_at", "n"),
        [
            pytest.param(1_759_968_000_000, 1, id="at-the-first-midnight"),
            pytest.param(1_759_968_000_000 - 1, 0, id="just-before-it"),
        ],
    )
    def test_days(self, reader: Api, projected: Projection, last_event_at: int, n: int) -> None:
        projected.session("s-1", last_event_at=last_event_at, first_event_at=last_event_at)
        assert len(reader.get("/baselines/suggestions", days=1)["rows"]) == n

    def test_those_of_some_see_theirs(self, reader: Api, projected: Projection) -> None:
        projected.session("s-1")
        projected.session("s-2", org_id="others", agent_id="secret")
        use(projected, row(input=1), row(org_id="others", agent_id="secret", input=1))
        assert [one["org_id"] for one in reader.by(OF_OTHERS).get("/baselines/suggestions")["rows"]] == ["others"]
        assert reader.get("/baselines/suggestions", org="acme")["rows"] == []
        assert [one["org_id"] for one in reader.by(OF_ACME).get("/baselines/suggestions")["rows"]] == ["acme"]

    def test_filters_and_pages(self, reader: Api, projected: Projection) -> None:
        for number in range(4):
            projected.session(f"s-{number}", agent_id=f"agent-{number}")
        assert [one["agent_id"] for one in reader.get("/baselines/suggestions", agent="agent-2")["rows"]] == ["agent-2"]
        first = reader.get("/baselines/suggestions", limit=3)
        second = reader.get("/baselines/suggestions", limit=3, cursor=first["next_cursor"])
        assert [len(first["rows"]), len(second["rows"]), second["next_cursor"]] == [3, 1, None]

    @pytest.mark.parametrize("params", [{"days": 0}, {"days": 401}, {"limit": 0}, {"cursor": "x"}], ids=str)
    def test_refused(self, reader: Api, params: dict[str, Any]) -> None:
        reader.get("/baselines/suggestions", 422, **params)
