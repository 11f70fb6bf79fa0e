"""Who spent it: in order, page by page, with shares."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.allocation import Group, allocate, share
from burnline.finance.bounds import UnpricedBounds
from burnline.finance.frames import Dimension, empty, read_rows
from tests.finance.rows import row, value

ROWS = [
    row(org_id="acme", agent_id="a", team_id=None, model="m1", input=5),
    row(org_id="acme", agent_id="b", team_id="red", model="m2", input=7),
    row(org_id="globex", agent_id="a", team_id="red", model="m1", input=7),
    row(org_id="globex", agent_id="a", team_id=None, model="m3", output=1, kind="embedding"),
]
FRAME = read_rows([value(each) for each in ROWS], UnpricedBounds.bundled())


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ((), [((), 20)]),
        ((Dimension.ORG,), [(("globex",), 8), (("acme",), 12)][::-1]),
        ((Dimension.ORG, Dimension.AGENT), [(("globex", "a"), 8), (("acme", "b"), 7), (("acme", "a"), 5)]),
        ((Dimension.AGENT, Dimension.ORG), [(("a", "globex"), 8), (("b", "acme"), 7), (("a", "acme"), 5)]),
        ((Dimension.TEAM,), [(("red",), 14), ((None,), 6)]),
        ((Dimension.MODEL,), [(("m1",), 12), (("m2",), 7), (("m3",), 1)]),
        ((Dimension.KIND,), [(("llm",), 19), (("embedding",), 1)]),
    ],
    ids=["nothing", "org", "org and agent", "agent and org", "team", "model", "kind"],
)
def test_dearest_first(by: tuple[Dimension, ...], expected: list[tuple[Group, int]]) -> None:
    found = allocate(FRAME, by, limit=10)
    assert [(each.group, each.totals.cost) for each in found.rows] == expected
    assert (found.total.cost, found.groups) == (20, len(expected))


def test_equal_costs_go_by_name() -> None:
    rows = [row(agent_id=name, team_id=team, input=3) for name in "cab" for team in (None, "x")]
    frame = read_rows([value(each) for each in rows], UnpricedBounds.bundled())
    found = allocate(frame, [Dimension.AGENT, Dimension.TEAM], limit=10)
    assert [each.group for each in found.rows] == [(name, team) for name in "abc" for team in ("x", None)]


def test_what_may_have_cost_more_goes_before_what_cost_nothing() -> None:
    rows = [row(agent_id="free"), row(agent_id="unpriced", unpriced_tokens=110)]
    frame = read_rows([value(each) for each in rows], UnpricedBounds.bundled())
    assert [each.group for each in allocate(frame, [Dimension.AGENT], limit=2).rows] == [("unpriced",), ("free",)]


@given(limit=st.integers(1, 5), by=st.lists(st.sampled_from(Dimension), unique=True, max_size=4))
def test_pages_make_up_the_whole(limit: int, by: list[Dimension]) -> None:
    whole = allocate(FRAME, by, limit=100)
    pages = [allocate(FRAME, by, limit, offset) for offset in range(0, whole.groups + 1, limit)]
    assert [row for page in pages for row in page.rows] == whole.rows
    assert all(page.total == whole.total for page in pages)
    assert sum(row.totals.cost for row in whole.rows) == whole.total.cost


def test_nothing_used() -> None:
    found = allocate(empty(), [Dimension.ORG], limit=10)
    assert (found.rows, found.groups, found.total.cost) == ([], 0, 0)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (1, 3, "0.333333"),
        (2, 3, "0.666667"),
        (3, 3, "1.000000"),
        (0, 3, "0.000000"),
        (-1, 4, "-0.250000"),
        (0, 0, None),
    ],
)
def test_shares(part: int, whole: int, expected: str | None) -> None:
    assert share(part, whole) == (None if expected is None else Decimal(expected))
