"""Session trees: who is a part of whom, and what that comes to; no I/O."""

from typing import Any

import pytest

from burnline.api.view.active import RowId
from burnline.api.view.known_sessions import KnownSessions
from burnline.api.view.session_tree import Tree, tree_of
from burnline.readmodel.rows import decode_session
from tests.readmodel import examples
from tests.readmodel.examples import T0

CENT = 10**10


def known(**parents: str | None) -> KnownSessions:
    """Sessions that begin one after the other and have spent 1, 2, 4, 8 … cents."""
    sessions = KnownSessions()
    for number, (session_id, parent) in enumerate(parents.items()):
        put(sessions, session_id, parent, first_event_at=T0 + number, cost_usd=f"{0.01 * 2**number:.2f}")
    return sessions


def put(sessions: KnownSessions, session_id: str, parent: str | None, **changes: Any) -> None:
    named: dict[str, Any] = {} if parent is None else {"parent_session_id": parent}
    sessions.put(session_id, [decode_session(examples.ledger(session_id, **named, **changes))], [])


def tree(sessions: KnownSessions, session_id: str, org_id: str = "acme") -> Tree:
    row = sessions.get(RowId(session_id, org_id))
    assert row is not None
    return tree_of(sessions, row)


def shown(found: Tree) -> list[tuple[str, int, int, int]]:
    """Of each node its id, depth, cents of its tree, and sessions in that."""
    return [(node.row.session_id, node.depth, node.tree_pico_usd // CENT, node.tree_sessions) for node in found.nodes]


FAMILY: dict[str, str | None] = {"root": None, "left": "root", "leaf": "left", "right": "root", "stranger": None}


@pytest.mark.parametrize(
    ("of", "ancestors", "nodes"),
    [
        pytest.param(
            "root",
            [],
            [("root", 0, 15, 4), ("left", 1, 6, 2), ("leaf", 2, 4, 1), ("right", 1, 8, 1)],
            id="of a root: all below it, each before its own children",
        ),
        pytest.param("left", ["root"], [("left", 0, 6, 2), ("leaf", 1, 4, 1)], id="of a child: not its siblings"),
        pytest.param("leaf", ["root", "left"], [("leaf", 0, 4, 1)], id="of a leaf"),
        pytest.param("stranger", [], [("stranger", 0, 16, 1)], id="of one alone"),
    ],
)
def test_a_tree(of: str, ancestors: list[str], nodes: list[tuple[str, int, int, int]]) -> None:
    found = tree(known(**FAMILY), of)
    assert [each.id.session_id for each in found.ancestors] == ancestors
    assert shown(found) == nodes


def test_a_parent_that_has_nothing_of_its_own() -> None:
    sessions = known(one="nobody", other="nobody")
    (above,) = tree(sessions, "one").ancestors
    assert (above.id, above.known) == (RowId("nobody", "acme"), None)
    assert [row.session_id for row in sessions.children(above.id)] == ["one", "other"]


def test_a_circle_is_gone_round_once() -> None:
    found = tree(known(a="c", b="a", c="b"), "a")
    assert [each.id.session_id for each in found.ancestors] == ["b", "c"]
    assert shown(found) == [("a", 0, 7, 3), ("b", 1, 6, 2), ("c", 2, 4, 1)]


def test_another_organisations_session_under_the_parents_id_is_no_parent() -> None:
    sessions = KnownSessions()
    put(sessions, "root", None, org_id="globex")
    put(sessions, "child", "root")
    (above,) = tree(sessions, "child").ancestors
    assert above.known is None
    assert shown(tree(sessions, "root", "globex")) == [("root", 0, 41, 1)]


def test_one_that_goes_leaves_its_parent() -> None:
    sessions = known(root=None, child="root")
    sessions.put("child", [], [])
    assert shown(tree(sessions, "root")) == [("root", 0, 1, 1)]
    put(sessions, "child", "elsewhere")
    assert shown(tree(sessions, "root")) == [("root", 0, 1, 1)]
    assert [row.session_id for row in sessions.children(RowId("elsewhere", "acme"))] == ["child"]


def test_ten_thousand_levels_are_no_recursion() -> None:
    chain = {f"s-{number}": f"s-{number - 1}" for number in range(1, 10_000)}
    sessions = KnownSessions()
    for session_id, parent in chain.items():
        put(sessions, session_id, parent)
    found = tree(sessions, "s-1")
    assert (found.nodes[0].tree_sessions, found.nodes[-1].depth) == (9_999, 9_998)
