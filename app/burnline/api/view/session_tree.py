"""A session among those that it is a part of, and those that are a part of it. Pure: reads what it is given.

Who delegates to whom is what events say (`parent_session_id`), within one organisation: a tree holds nothing that the
caller may not see. What they say may run in a circle; then each session is told once.
"""

from typing import NamedTuple, Protocol

from burnline.api.view.active import RowId
from burnline.api.view.known_sessions import KnownSession

MOST_ANCESTORS = 100


class Sessions(Protocol):
    """Where a tree is read from: `KnownSessions`."""

    def get(self, row_id: RowId) -> KnownSession | None:
        """A session, if it is known."""
        ...

    def children(self, row_id: RowId) -> list[KnownSession]:
        """The sessions that are a part of one, in their order."""
        ...


class Ancestor(NamedTuple):
    """A session that another one is a part of, directly or not."""

    id: RowId
    known: KnownSession | None
    """None where there is nothing of it: events name it, and it has none itself, or none any more."""


class Node(NamedTuple):
    """A session in a tree."""

    row: KnownSession
    depth: int
    """0 is the one that was asked for."""
    tree_pico_usd: int
    """What it and all below it have spent."""
    tree_sessions: int
    """How many those are, itself included."""


class Tree(NamedTuple):
    """A session with its relatives."""

    ancestors: list[Ancestor]
    """From the root down to the parent."""
    nodes: list[Node]
    """The session itself, then all below it, each before its own children."""


def tree_of(sessions: Sessions, row: KnownSession) -> Tree:
    """The tree around a session, whole."""
    found = _down(sessions, row)
    spent = {each.id: each.spend_pico_usd for each, _, _ in found}
    count = dict.fromkeys(spent, 1)
    for each, _, parent in reversed(found):
        if parent is not None:
            spent[parent] += spent[each.id]
            count[parent] += count[each.id]
    nodes = [Node(each, depth, spent[each.id], count[each.id]) for each, depth, _ in found]
    return Tree(_up(sessions, row), nodes)


def _down(sessions: Sessions, row: KnownSession) -> list[tuple[KnownSession, int, RowId | None]]:
    """Sessions with their depth and the parent they were reached by, each before its children."""
    found: list[tuple[KnownSession, int, RowId | None]] = []
    seen = {row.id}
    waiting: list[tuple[KnownSession, int, RowId | None]] = [(row, 0, None)]
    while waiting:
        each, depth, parent = waiting.pop()
        found.append((each, depth, parent))
        children = [child for child in sessions.children(each.id) if child.id not in seen]
        seen.update(child.id for child in children)
        waiting += [(child, depth + 1, each.id) for child in reversed(children)]
    return found


def _up(sessions: Sessions, row: KnownSession) -> list[Ancestor]:
    found: list[Ancestor] = []
    seen = {row.id}
    parent = row.parent
    while parent is not None and parent not in seen and len(found) < MOST_ANCESTORS:
        seen.add(parent)
        known = sessions.get(parent)
        found.append(Ancestor(parent, known))
        parent = None if known is None else known.parent
    return found[::-1]
