"""Names that were never seen, and what may be meant by them."""

import pytest

from burnline.finance.bounds import UnpricedBounds
from burnline.finance.frames import Dimension, empty, read_rows
from burnline.finance.known import Unknown, names_of, unknown
from burnline.finance.near import NEAR_AMONG, nearest
from tests.finance.rows import row, value

ROWS = [
    row(org_id="northwind", agent_id="code-reviewer", team_id="red", project_code=None),
    row(org_id="globex", agent_id="secret-agent", team_id=None, project_code="p-1", provider="", model="o3"),
]
NAMES = names_of(read_rows([value(one) for one in ROWS], UnpricedBounds.bundled()))
ALL, NORTHWIND = None, frozenset({"northwind"})


@pytest.mark.parametrize(
    ("dimension", "asked", "orgs", "expected"),
    [
        pytest.param(Dimension.ORG, "northwind", ALL, [], id="known"),
        pytest.param(Dimension.ORG, "northwnd", ALL, ["northwind"], id="near"),
        pytest.param(Dimension.AGENT, "Code-Reviewer", ALL, ["code-reviewer"], id="in-capitals"),
        pytest.param(Dimension.MODEL, "zzz", ALL, [None], id="nothing-is-near"),
        pytest.param(Dimension.TEAM, "", ALL, [], id="none-is-no-name"),
        pytest.param(Dimension.KIND, "embedding", ALL, [], id="a-kind-that-was-not-used-yet"),
        pytest.param(Dimension.KIND, "embeding", ALL, ["embedding"], id="no-kind"),
        pytest.param(Dimension.ORG, "globex", NORTHWIND, [None], id="anothers-is-unknown"),
        pytest.param(Dimension.AGENT, "secret-agnt", NORTHWIND, [None], id="and-never-suggested"),
        pytest.param(Dimension.AGENT, "secret-agnt", ALL, ["secret-agent"], id="but-to-who-may-see-it"),
    ],
)
def test_unknown(dimension: Dimension, asked: str, orgs: frozenset[str] | None, expected: list[str | None]) -> None:
    assert [one.did_you_mean for one in unknown({dimension: [asked]}, NAMES, orgs)] == expected


def test_each_value_once_and_by_itself() -> None:
    found = unknown({Dimension.ORG: ["globex", "x", "x"], Dimension.AGENT: ["y"]}, NAMES, ALL)
    assert [(one.dimension, one.value) for one in found] == [(Dimension.ORG, "x"), (Dimension.AGENT, "y")]


def test_the_sentence() -> None:
    one = Unknown(Dimension.ORG, "northwnd", "northwind")
    assert one.sentence("in May") == "No usage of organisation 'northwnd' was seen in May; did you mean 'northwind'?"
    assert one._replace(did_you_mean=None).sentence("in May") == "No usage of organisation 'northwnd' was seen in May"


def test_of_nothing() -> None:
    assert names_of(empty()) == {}


@pytest.mark.parametrize(("count", "found"), [(NEAR_AMONG, "name-1"), (NEAR_AMONG + 1, None)])
def test_too_many_names_are_not_compared(count: int, found: str | None) -> None:
    assert nearest("nam-1", {f"name-{number}" if number < 2 else str(number) for number in range(count)}) == found
