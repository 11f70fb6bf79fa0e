"""One name per thing, and no parameter that a route does not know, on every route."""

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from burnline.api.application import ROUTERS
from burnline.api.names import FORMER_NAMES, renamed
from burnline.finance.frames import Dimension
from tests.api.stage import Api, Projection
from tests.api.usage import use
from tests.finance.rows import row

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
GETS = sorted(route.path for route in ROUTES if "GET" in (route.methods or ()))
PATH = {"{anomaly_id}": "0f0c8ddb-1c7f-5d6e-9f0e-3b1f6e0c8a11", "{partition}": "0", "{offset}": "0", "{org}": "a"}


def path_of(route: str) -> str:
    for name, value in PATH.items():
        route = route.replace(name, value)
    return route.replace("{session_id:path}", "s").replace("{provider}", "p").replace("{model:path}", "m")


@pytest.mark.parametrize("route", GETS)
def test_every_route_refuses_what_it_does_not_know(reader: Api, route: str) -> None:
    problem = reader.get(path_of(route), 422, nobody_calls_it_so="1")
    assert problem["type"] == "urn:burnline:problem:invalid-request"
    assert problem["errors"][0]["where"] == "query.nobody_calls_it_so"


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [
        ("orgid", "org_id"),
        ("Org_ID", "org_id"),
        ("orgs", "org_id"),
        ("agnet", "agent_id"),
        ("project_id", "project_code"),
        ("timezone", None),
        ("day", "days"),
    ],
)
def test_it_says_what_may_be_meant(reader: Api, given_name: str, meant: str | None) -> None:
    (mistake,) = reader.get("/trends", 422, **{given_name: "x"})["errors"]
    wanted = "known are" if meant is None else f"did you mean `{meant}`?"
    assert wanted in mistake["detail"]


def test_all_that_are_unknown_are_named_at_once(reader: Api) -> None:
    errors = reader.get("/trends", 422, fro="x", tz="UTC", till="y")["errors"]
    assert [one["where"] for one in errors] == ["query.fro", "query.till"]


@pytest.fixture
def used(reader: Api, projected: Projection) -> Api:
    use(
        projected,
        row(org_id="acme", agent_id="a", team_id="red", project_code="p", input=1),
        row(org_id="globex", agent_id="b", team_id="blue", project_code="q", input=10),
    )
    return reader


@pytest.mark.parametrize(("former", "present", "value"), [
    ("org", "org_id", "acme"), ("agent", "agent_id", "a"), ("team", "team_id", "red"), ("project", "project_code", "p"),
])  # fmt: skip
def test_former_names_ask_the_same(used: Api, former: str, present: str, value: str) -> None:
    found = used.get("/trends", 200, **{present: value})
    assert found["total"]["events"] == 1
    assert used.get("/trends", 200, **{former: value}) == found
    assert used.get("/trends", 200, **{former: value, present: value}) == found
    both = used.get("/trends", 422, **{former: value, present: "else"})
    assert both["errors"][0]["where"] == f"query.{former}"
    assert f"former name of `{present}`" in both["detail"]


@pytest.mark.parametrize(("former", "present"), FORMER_NAMES.items())
def test_groups_have_the_events_names(used: Api, former: str, present: str) -> None:
    for asked in (former, present):
        answer = used.get("/allocations", group_by=asked)
        assert answer["group_by"] == [present]
        assert all(list(one["group"]) == [present] for one in answer["allocations"])


def test_a_dimension_is_called_as_its_column() -> None:
    assert {Dimension(former).value for former in FORMER_NAMES} == set(FORMER_NAMES.values())
    with pytest.raises(ValueError, match="organisation"):
        Dimension("organisation")


NAMES = st.sampled_from([*FORMER_NAMES, *FORMER_NAMES.values(), "x"])


@given(st.lists(st.tuples(NAMES, st.text(max_size=3)), max_size=6), st.sets(NAMES))
def test_renaming_loses_and_adds_no_value(given_pairs: list[tuple[str, str]], known: set[str]) -> None:
    found = renamed(given_pairs, known)
    assert {value for _, value in found} == {value for _, value in given_pairs}
    assert renamed(found, known) == found
