"""Known sessions: their rows added up, found, sorted, and page by page; no I/O."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.api.envelope import Note
from burnline.api.view.known_sessions import (
    KnownSession,
    KnownSessions,
    SessionFilter,
    SessionPlace,
    SessionSort,
    SessionState,
    page_of,
)
from burnline.api.view.names_seen import of_guests
from burnline.readmodel.rows import SessionRow, decode_session
from tests.readmodel import examples
from tests.readmodel.examples import T0

USD = 10**12


def part(session_id: str = "s-1", partition: int = 0, **changes: Any) -> SessionRow:
    return decode_session(examples.ledger(session_id, partition, **changes))


def known(session_id: str = "s-1", **changes: Any) -> KnownSession:
    row = KnownSession(
        session_id=session_id,
        org_id="acme",
        agent_id="agent-7",
        parent_session_id=None,
        first_event_at=T0,
        last_event_at=T0 + 1,
        spend_pico_usd=USD,
        events=1,
        runs=0,
        tool_calls=0,
        input_tokens=10,
        output_tokens=2,
        unpriced_tokens=0,
        models=1,
        main_model="gpt-4o",
        is_retired=False,
    )
    return msgspec.structs.replace(row, **changes)


def ids(rows: list[KnownSession], wanted: SessionFilter) -> list[str]:
    """Of the sessions that are found, the ids."""
    page = page_of(rows, lambda _: None, wanted, SessionSort.SPEND, descending=True, after=None, limit=99)
    assert page.sessions == len(page.rows)
    return sorted(row.session_id for row in page.rows)


class TestRows:
    """What stands and what was retired of a session is one row."""

    def test_over_partitions_and_lives(self) -> None:
        sessions = KnownSessions()
        sessions.put("s-1", [part(partition=1, first_event_at=T0 + 9, last_event_at=T0 + 20)], [part(agent_id="first")])
        (row,) = sessions.rows()
        assert (row.spend_pico_usd, row.events, row.agent_id) == (82 * USD // 100, 2, "first")
        assert (row.last_event_at, row.is_retired, row.models, row.main_model) == (T0 + 20, False, 1, "gpt-4o")

    def test_what_was_retired_alone(self) -> None:
        sessions = KnownSessions()
        sessions.put("s-1", [], [part()])
        assert [row.is_retired for row in sessions.rows()] == [True]
        assert sessions.has_closed("s-1")
        assert sessions.closed_beside(set()) == ["s-1"]
        assert sessions.closed_beside({"s-1"}) == []

    def test_two_organisations_under_one_id_are_two(self) -> None:
        sessions = KnownSessions()
        sessions.put("s-1", [part(), part(org_id="globex")], [])
        assert sorted(row.org_id for row in sessions.rows()) == ["acme", "globex"]
        sessions.put("s-1", [part(org_id="globex")], [])
        assert [row.org_id for row in sessions.rows()] == ["globex"]

    def test_one_of_which_nothing_is_left_goes(self) -> None:
        sessions = KnownSessions()
        sessions.put("s-1", [part()], [])
        sessions.put("s-1", [], [])
        assert sessions.rows() == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(SessionFilter(), ["s-1", "s-2", "s-3"], id="all"),
        pytest.param(SessionFilter(orgs=frozenset({"globex"})), ["s-3"], id="an organisation"),
        pytest.param(SessionFilter(orgs=frozenset()), [], id="no organisation"),
        pytest.param(SessionFilter(agents=frozenset({"Other"})), ["s-2"], id="an agent"),
        pytest.param(SessionFilter(search="OTHER"), ["s-2"], id="part of a name, in any case"),
        pytest.param(SessionFilter(states=frozenset({SessionState.RETIRED})), ["s-2"], id="retired"),
        pytest.param(SessionFilter(states=frozenset({SessionState.IDLE})), ["s-1", "s-3"], id="idle"),
        pytest.param(SessionFilter(from_ms=T0 + 50), ["s-3"], id="newest event at the begin"),
        pytest.param(SessionFilter(from_ms=T0 + 51), [], id="newest event before the begin"),
        pytest.param(SessionFilter(to_ms=T0 + 40), ["s-1", "s-2"], id="begun at the end"),
        pytest.param(SessionFilter(to_ms=T0 + 41), ["s-1", "s-2", "s-3"], id="begun before the end"),
        pytest.param(SessionFilter(anomalous=True), [], id="with an anomaly"),
        pytest.param(SessionFilter(anomalous=False), ["s-1", "s-2", "s-3"], id="without one"),
    ],
)
def test_what_is_asked_for(wanted: SessionFilter, found: list[str]) -> None:
    rows = [
        known("s-1"),
        known("s-2", agent_id="Other", is_retired=True),
        known("s-3", org_id="globex", first_event_at=T0 + 40, last_event_at=T0 + 50),
    ]
    assert ids(rows, wanted) == found


@given(
    spends=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 5),
    order=st.sampled_from(["asc", "desc"]),
)
def test_pages_hold_each_session_once_in_order(spends: list[int], limit: int, order: str) -> None:
    rows = [known(f"s-{number}", spend_pico_usd=spend) for number, spend in enumerate(spends)]
    walked: list[KnownSession] = []
    after: SessionPlace | None = None
    while True:
        page = page_of(
            rows,
            lambda _: None,
            SessionFilter(),
            SessionSort.SPEND,
            descending=order == "desc",
            after=after,
            limit=limit,
        )
        assert (page.sessions, page.spend_pico_usd) == (len(rows), sum(spends))
        assert len(page.rows) <= limit
        walked += page.rows
        after = page.last
        if after is None:
            break
    assert walked == sorted(rows, key=lambda row: (row.spend_pico_usd, row.session_id), reverse=order == "desc")


def test_every_order_can_be_asked_for() -> None:
    for sort in SessionSort:
        page = page_of([known()], lambda _: None, SessionFilter(), sort, descending=True, after=None, limit=1)
        assert page.rows == [known()]


@pytest.mark.parametrize(
    ("asked", "orgs", "unused", "told"),
    [
        pytest.param(["agent-7"], None, [], [], id="an agent with a session"),
        pytest.param(["guest"], None, [], ["guest"], id="one that works in those of others"),
        pytest.param(["guest", "agent-7"], None, [], ["guest"], id="both"),
        pytest.param(["gest"], None, ["gest"], [], id="a name that nobody has: that is said already"),
        pytest.param(["agent-7"], frozenset({"globex"}), [], ["agent-7"], id="in an organisation where it began none"),
        pytest.param([], None, [], [], id="no agent"),
    ],
)
def test_an_agent_that_began_no_session_is_told(
    asked: list[str], orgs: frozenset[str] | None, unused: list[str], told: list[str]
) -> None:
    """Its spend is in sessions of others: an empty list that says nothing would read as 0 USD."""
    sessions = KnownSessions()
    sessions.put("s-1", [part()], [])
    sessions.is_complete = True
    said = [Note(parameter="agent_id", value=name, known=False, did_you_mean=None, detail="") for name in unused]
    found = of_guests(sessions, asked, orgs, said)
    assert [(note.parameter, note.value, note.known) for note in found] == [("agent_id", name, True) for name in told]
