"""What can be said when retention has taken the log's beginning, and when only a range is asked for."""

import pytest

from burnline.ledger.audit.cut import MARGIN_MS, Beginning, Scope
from burnline.ledger.audit.outcome import Outcome
from tests.ledger.audit.examples import EVERYTHING, KEEPING, LOG, WHOLE, audited, begun, cut_of, found, wire, worked
from tests.ledger.examples import T0, Topics, at_slice, named, policy


@pytest.fixture
def topics() -> Topics:
    """The log, worked off."""
    return worked(LOG)[-1]


def without_the_first(oldest_ms: int) -> Beginning:
    """The log has lost the first event, of s-1."""
    return Beginning.of_log(1, oldest_ms, 1_000)


def test_what_may_have_begun_before_is_not_checkable(topics: Topics) -> None:
    report = audited(cut_of(topics, LOG), LOG, beginning=without_the_first(T0))
    assert found(report) == []
    assert report.sessions == {Outcome.AGREES: 1, Outcome.NOT_CHECKABLE: 1}
    assert report.not_checkable[0] == 2
    assert not report.rollups_compared


@pytest.mark.parametrize(
    ("later_ms", "outcome"),
    [pytest.param(0, Outcome.DOUBLED, id="long after"), pytest.param(1, Outcome.NOT_CHECKABLE, id="soon after")],
)
def test_what_began_long_after_the_oldest_record_is_checkable(topics: Topics, later_ms: int, outcome: Outcome) -> None:
    beginning = without_the_first(T0 - MARGIN_MS - 1_000 + later_ms)
    assert audited(cut_of(topics, LOG), LOG, beginning=beginning).sessions[outcome] == 1


def test_an_empty_log_says_nothing_of_what_there_was(topics: Topics) -> None:
    report = audited(cut_of(topics, LOG), LOG, beginning=Beginning.of_log(5, None, 0))
    assert (found(report), dict(report.sessions)) == ([], {Outcome.NOT_CHECKABLE: 2})


def test_what_the_log_holds_more_is_missing(topics: Topics) -> None:
    del topics.sessions[named("s-2", "initech")]
    report = audited(cut_of(topics, LOG), LOG, beginning=without_the_first(T0))
    assert found(report) == [(Outcome.MISSING, "s-2", -1)]


def test_what_retention_takes_while_it_is_read_is_not_held_against_ledgers(topics: Topics) -> None:
    audit = begun(cut_of(topics, LOG), policy(), KEEPING, EVERYTHING, ())
    audit.begin(WHOLE)
    audit.take([1, 2, 3, 4], [wire(entry) for entry in LOG[1:]])
    report = audit.finish(first_offset=1, end_offset=5)
    assert (found(report), report.sessions[Outcome.NOT_CHECKABLE], report.whole) == ([], 1, False)


@pytest.mark.parametrize(
    ("scope", "agree"),
    [
        pytest.param(Scope(T0, at_slice(2) + 1), 2, id="all of both"),
        pytest.param(Scope(T0, at_slice(2)), 1, id="the end is exclusive"),
        pytest.param(Scope(T0 + 1, None), 1, id="the beginning is inclusive"),
        pytest.param(Scope(None, at_slice(1) + 1), 1, id="no beginning"),
        pytest.param(Scope(at_slice(1) + 1, None), 0, id="none"),
    ],
)
def test_a_range_chooses_sessions_that_lie_in_it(topics: Topics, scope: Scope, agree: int) -> None:
    report = audited(cut_of(topics, LOG), LOG, scope=scope)
    assert found(report) == []
    assert (report.sessions[Outcome.AGREES], report.sessions[Outcome.OUTSIDE]) == (agree, 2 - agree)
    assert report.recomputed == report.counted


def test_a_ledger_outside_is_not_held_against_the_part_that_is_read(topics: Topics) -> None:
    beginning = Beginning(1, at_slice(1))
    report = audited(cut_of(topics, LOG), LOG, scope=Scope(at_slice(1), None), beginning=beginning)
    assert (found(report), dict(report.sessions)) == ([], {Outcome.AGREES: 1, Outcome.OUTSIDE: 1})


def test_a_ledger_inside_is_checked_from_its_first_event_on(topics: Topics) -> None:
    topics.sessions[named("s-3", "initech")] = topics.sessions[named("s-2", "initech")].replace(b'"s-2"', b'"s-3"')
    beginning = Beginning(1, at_slice(1))
    report = audited(cut_of(topics, LOG), LOG, scope=Scope(at_slice(1), None), beginning=beginning)
    assert found(report) == [(Outcome.DOUBLED, "s-3", 1)]


@pytest.mark.parametrize(
    ("written_ms", "skipped"),
    [(T0 - MARGIN_MS - 1_001, True), (T0 - MARGIN_MS - 1_000, False), (-1, False)],
    ids=["long before", "in time", "not known"],
)
def test_old_records_are_passed_over(written_ms: int, *, skipped: bool) -> None:
    assert Scope(T0, None).skips(written_ms, 1_000) is skipped
    assert not Scope(None, T0).skips(written_ms, 1_000)
