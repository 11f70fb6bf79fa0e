"""Every refused event has its dead letter, once, and no other event has one. In the log, offset 2 was refused."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.rejection import Reason
from burnline.ledger.audit.cut import Beginning
from burnline.ledger.audit.letters import DeadLetters
from burnline.ledger.audit.outcome import Outcome
from tests.ledger.audit.examples import LOG, Found, audited, cut_of, entries, found, letters, worked
from tests.ledger.examples import PARTITION, T0, TOPIC, Topics, usage
from tests.ledger.logs import Entry


@pytest.fixture
def topics() -> Topics:
    """The log, worked off."""
    return worked(LOG)[-1]


@pytest.mark.parametrize(
    ("offsets", "rows"),
    [
        pytest.param([2], [], id="right"),
        pytest.param([], [(Outcome.NO_DEAD_LETTER, "offset 2", 0)], id="lost"),
        pytest.param([2, 2], [(Outcome.REPEATED_DEAD_LETTER, "offset 2", 0)], id="twice"),
        pytest.param([2, 4], [(Outcome.UNFOUNDED_DEAD_LETTER, "offset 4", 0)], id="of a good event"),
    ],
)
def test_against_the_log(topics: Topics, offsets: list[int], rows: Found) -> None:
    assert found(audited(cut_of(topics, LOG, letters=letters(*offsets)), LOG)) == rows


def test_a_good_event_with_one_is_expected_in_no_ledger() -> None:
    log = entries(usage(event_id="a"), usage(event_id="b"))
    topics = worked([log[0], Entry(1, None)])[-1]
    report = audited(cut_of(topics, log, letters=letters(1)), log)
    assert found(report) == [(Outcome.UNFOUNDED_DEAD_LETTER, "offset 1", 0)]


def test_an_event_that_lay_in_the_future_is_passed_over() -> None:
    """It was refused then; by now its time has come."""
    log = entries(usage(event_id="a"), usage(event_id="b", occurred_at=T0 + 10**9))
    topics = worked([log[0], Entry(1, None)])[-1]
    report = audited(cut_of(topics, log, letters=letters(1, reason=Reason.IN_THE_FUTURE)), log)
    assert (found(report), report.refused) == ([], 1)


def test_what_is_not_applied_yet_needs_none(topics: Topics) -> None:
    log = [*LOG, Entry(5, None), Entry(6, usage(event_id="z"))]
    assert found(audited(cut_of(topics, LOG), log)) == []


def test_where_the_log_has_no_record(topics: Topics) -> None:
    log = [*LOG[:3], Entry(4, LOG[3].event), Entry(6, None)]
    topics = worked(log)[-1]
    report = audited(cut_of(topics, log, letters=letters(2, 3, 6)), log)
    assert found(report) == [(Outcome.UNFOUNDED_DEAD_LETTER, "offset 3", 0)]


def test_of_what_the_log_has_lost_they_mean_nothing(topics: Topics) -> None:
    assert found(audited(cut_of(topics, LOG), LOG, beginning=Beginning.of_log(3, None, 0))) == []


def test_that_retention_may_have_removed_are_not_checkable() -> None:
    log = entries(None, usage(), None)
    report = audited(cut_of(worked(log)[-1], log, letters=letters(2, beginning_lost=True)), log)
    assert (found(report), report.letters_not_checkable, report.refused) == ([], 1, 2)


def test_that_come_from_elsewhere_are_told(topics: Topics) -> None:
    strange = letters(2)
    strange.add(7, None)
    strange.add(8, [("burnline-topic", b"other"), ("burnline-partition", b"2"), ("burnline-offset", b"1")])
    rows = [(Outcome.UNFOUNDED_DEAD_LETTER, f"dead letter at {offset}", 0) for offset in (7, 8)]
    assert found(audited(cut_of(topics, LOG, letters=strange), LOG)) == rows


def test_of_a_record_that_was_sent_again_the_last_headers_count() -> None:
    again = DeadLetters(TOPIC, PARTITION)
    place = [("burnline-topic", TOPIC.encode()), ("burnline-partition", b"2")]
    again.add(0, [("burnline-topic", b"other"), ("burnline-offset", b"1"), *place, ("burnline-offset", b"5")])
    assert (again.between(0, 9), again.foreign) == ({5: False}, [])


@given(st.lists(st.integers(0, 20)), st.integers(0, 20), st.integers(0, 20))
def test_in_any_order(offsets: list[int], first: int, last: int) -> None:
    held = letters(*offsets)
    assert held.between(first, last) == {offset: False for offset in offsets if first <= offset <= last}
    assert dict(held.repeated()) == {offset: count for offset, count in Counter(offsets).items() if count > 1}
