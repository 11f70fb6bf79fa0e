"""A filter whose name nobody uses says so, on every route; and tells nobody whom others are."""

import time
from http import HTTPStatus
from typing import Any

import pytest

from tests.api.stage import NOW_MS, OF_ACME, VIEWER, Api, Projection
from tests.api.usage import use
from tests.finance.rows import row

DAY_MS = 86_400_000
QUARTER_MS = 900_000
NOW_QUARTER = NOW_MS // QUARTER_MS * QUARTER_MS
FILTERS = ("org_id", "agent_id", "team_id", "project_code", "provider", "model", "kind")
SUMS = ("/trends", "/allocations", "/allocations/by-model", "/cache-impact", "/roi-stats")
LIVE = ("/burn-rates/active", "/anomalies", "/anomalies/active", "/baselines/suggestions")


@pytest.fixture
def used(reader: Api, projected: Projection) -> Api:
    use(projected, row(quarter_start_ms=NOW_QUARTER, agent_id="code-reviewer", input=1))
    use(projected, row(quarter_start_ms=NOW_QUARTER, org_id="globex", agent_id="secret-agent", team_id="secret"))
    return ready(reader)


def ready(api: Api) -> Api:
    """Once the live view has read the projection."""
    deadline = time.monotonic() + 20
    while api.raw("GET", "/burn-rates/active").status_code != HTTPStatus.OK:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return api


def get(api: Api, path: str, **params: Any) -> Any:
    return api.ask("GET", path, params=params)


def said(answer: Any) -> list[tuple[str, str, str | None]]:
    return [(note["parameter"], note["value"], note["did_you_mean"]) for note in answer["notes"]]


@pytest.mark.parametrize("path", SUMS)
@pytest.mark.parametrize("name", FILTERS)
def test_sums_say_what_is_not_known(used: Api, path: str, name: str) -> None:
    assert said(get(used, path, **{name: "zzz"})) == [(name, "zzz", None)]


@pytest.mark.parametrize("path", LIVE)
@pytest.mark.parametrize(
    ("name", "near", "meant"),
    [("org_id", "acne", "acme"), ("agent_id", "code-reveiwer", "code-reviewer")],
)
def test_live_routes_do_too(used: Api, path: str, name: str, near: str, meant: str) -> None:
    assert said(get(used, path, **{name: near})) == [(name, near, meant)]
    assert said(get(used, path, **{name: meant})) == []


def test_the_line_of_all_sessions_too(used: Api) -> None:
    assert said(used.get("/burn-rates/history", org_id="acne")) == [("org_id", "acne", "acme")]


def test_a_sentence_says_where_was_looked(used: Api) -> None:
    (note,) = used.get("/trends", org_id="acne", days=1)["notes"]
    where = "in the time asked for or in the last 31 days"
    assert note["detail"] == f"No usage of organisation 'acne' was seen {where}; did you mean 'acme'?"
    assert note["known"] is False


@pytest.mark.parametrize(
    ("days_ago", "params", "known"),
    [
        pytest.param(2, {"days": 1}, True, id="not-in-the-time-asked-for-but-lately"),
        pytest.param(31, {"days": 1}, True, id="just-lately"),
        pytest.param(40, {"days": 60}, True, id="in-the-time-asked-for"),
        pytest.param(40, {"days": 30}, False, id="neither"),
    ],
)
def test_known_is_what_was_seen(
    used: Api, projected: Projection, days_ago: int, params: dict[str, int], *, known: bool
) -> None:
    use(projected, row(quarter_start_ms=NOW_QUARTER - days_ago * DAY_MS, agent_id="former"))
    answer = used.ask("GET", "/trends", params={"agent_id": "former", **params})
    assert said(answer) == ([] if known else [("agent_id", "former", None)])


def test_a_name_is_known_once_it_is_used(used: Api, projected: Projection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnline.api.view.names_seen.AGAIN_S", 0.0)
    assert said(used.get("/burn-rates/active", agent_id="new")) == [("agent_id", "new", None)]
    use(projected, row(quarter_start_ms=NOW_QUARTER, agent_id="new"))
    assert said(used.get("/burn-rates/active", agent_id="new")) == []


@pytest.mark.parametrize("path", ["/trends", "/burn-rates/active"])
def test_anothers_names_are_as_unknown_as_none(used: Api, path: str) -> None:
    used.by(VIEWER).get(path, org_id="globex")  # what another caller asked makes no difference
    bound = used.by(OF_ACME)
    assert said(bound.get(path, org_id="globex")) == [("org_id", "globex", None)]
    assert said(bound.get(path, org_id="globax")) == [("org_id", "globax", None)]
    assert said(bound.get(path, agent_id="secret-agnt")) == [("agent_id", "secret-agnt", None)]


def test_files_say_it_in_a_header(used: Api) -> None:
    answer = used.raw("GET", "/exports/allocations.csv", params={"org_id": "acné"})
    assert answer.headers["x-burnline-notes"].startswith("No usage of organisation 'acn%C3%A9' was seen")
    assert "x-burnline-notes" not in used.raw("GET", "/exports/allocations.csv", params={"org_id": "acme"}).headers


def test_a_session_that_there_is_none_of(reader: Api, projected: Projection) -> None:
    projected.session("sess-4711")
    projected.session("sess-4712", org_id="globex")
    ready(reader)
    assert "Did you mean 'sess-4711'?" in reader.by(OF_ACME).get("/sessions/sess-471", 404)["detail"]
    assert "Did you mean" not in reader.get("/sessions/zzz", 404)["detail"]
