"""A ledger that was tampered with is found and named, whatever was done to it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from burnline.ledger.audit.outcome import Outcome
from tests.ledger.audit.examples import LOG, Found, audited, cut_of, entries, found, found_of_sessions, worked
from tests.ledger.examples import T0, Topics, named, usage

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def topics() -> Topics:
    """The log, worked off."""
    return worked(LOG)[-1]


def of_model(**changes: Any) -> Edit:
    """Edit the model's sums, and the totals with them."""

    def edit(fields: dict[str, Any]) -> None:
        fields["by_model"]["gpt-4o"].update(changes)
        fields.update(changes)

    return edit


def of_record(**changes: Any) -> Edit:
    """Edit only the record's own fields."""
    return lambda fields: fields.update(changes)


@pytest.mark.parametrize(
    ("edit", "outcome", "events"),
    [
        pytest.param(of_model(events=1), Outcome.MISSING, -1, id="an event less"),
        pytest.param(of_model(events=3), Outcome.DOUBLED, 1, id="an event more"),
        pytest.param(of_model(input_tokens=19_999), Outcome.ALTERED, 0, id="a token less"),
        pytest.param(of_model(output_tokens=1), Outcome.ALTERED, 0, id="a token more"),
        pytest.param(of_model(cost_usd="0.050000000001"), Outcome.WRONG_AMOUNT, 0, id="a pico-USD more"),
        pytest.param(of_model(unpriced_tokens=5), Outcome.WRONG_AMOUNT, 0, id="tokens said to have no rate"),
        pytest.param(of_record(runs=2), Outcome.ALTERED, 0, id="a run more"),
        pytest.param(of_record(agent_id="agent-8"), Outcome.ALTERED, 0, id="another owner"),
        pytest.param(of_record(first_event_at=T0 - 1), Outcome.ALTERED, 0, id="another time"),
        pytest.param(of_record(last_offset=0), Outcome.ALTERED, 0, id="an older offset"),
        pytest.param(of_record(version=2), Outcome.UNREADABLE, 0, id="a newer version"),
        pytest.param(of_model(cost_usd="much"), Outcome.UNREADABLE, 0, id="no amount"),
    ],
)
def test_a_ledger(topics: Topics, edit: Edit, outcome: Outcome, events: int) -> None:
    tamper(topics, edit)
    report = audited(cut_of(topics, LOG), LOG)
    assert found(report) == [(outcome, "s-1", events)]
    assert report.findings.differences == 1
    assert report.sessions[Outcome.AGREES] == 1


@pytest.mark.parametrize(
    ("edit", "rows"),
    [
        pytest.param(of_record(events=3), [(Outcome.CONTRADICTORY, "s-1", 0)], id="totals"),
        pytest.param(of_record(source_partition=0), [(Outcome.CONTRADICTORY, "s-1", 0)], id="partition"),
        pytest.param(of_record(session_id="s-3"), [(Outcome.CONTRADICTORY, "s-1", 0)], id="session"),
        pytest.param(
            of_record(last_offset=5), [(Outcome.AHEAD, "s-1", 0), (Outcome.ALTERED, "s-1", 0)], id="ahead of progress"
        ),
    ],
)
def test_a_record_against_itself_and_its_place(topics: Topics, edit: Edit, rows: Found) -> None:
    tamper(topics, edit)
    assert found(audited(cut_of(topics, LOG), LOG)) == rows


def tamper(topics: Topics, edit: Edit) -> None:
    fields = json.loads(topics.sessions[named("s-1")])
    edit(fields)
    topics.sessions[named("s-1")] = json.dumps(fields, separators=(",", ":")).encode()


def test_what_differs_is_said(topics: Topics) -> None:
    tamper(topics, of_model(events=1, input_tokens=5_000, output_tokens=1, cost_usd="0.01"))
    (row,) = audited(cut_of(topics, LOG), LOG).findings.rows[Outcome.MISSING]
    assert (row.partition, row.events, row.tokens, row.pico_usd) == (2, -1, -14_999, -40_000_000_000)
    assert row.detail == "events of gpt-4o -1, input_tokens of gpt-4o -15000, output_tokens of gpt-4o +1, and 1 more"


def test_which_owner_it_should_have_is_said(topics: Topics) -> None:
    tamper(topics, of_record(agent_id="agent-8", last_event_at=T0))
    (row,) = audited(cut_of(topics, LOG), LOG).findings.rows[Outcome.ALTERED]
    assert row.detail == f"agent_id agent-8 instead of agent-7, last_event_at {T0} instead of {T0 + 20_000}"


def test_a_ledger_that_is_gone(topics: Topics) -> None:
    del topics.sessions[named("s-2", "initech")]
    assert found(audited(cut_of(topics, LOG), LOG)) == [(Outcome.MISSING, "s-2", -1)]


def test_a_ledger_of_no_event(topics: Topics) -> None:
    topics.sessions[named("s-3", "initech")] = topics.sessions[named("s-2", "initech")].replace(b'"s-2"', b'"s-3"')
    assert found(audited(cut_of(topics, LOG), LOG)) == [(Outcome.DOUBLED, "s-3", 1)]


def test_ledgers_without_progress(topics: Topics) -> None:
    report = audited(cut_of(topics, LOG, progress_after=None), LOG)
    assert found_of_sessions(report) == [(Outcome.AHEAD, "s-2", 0), (Outcome.AHEAD, "s-1", 0)]


def test_a_log_that_ends_too_early(topics: Topics) -> None:
    """What ledgers hold more than is left of it is not held against them."""
    report = audited(cut_of(topics, LOG), LOG[:2])
    assert found(report) == [(Outcome.LOG_CUT, "partition 2", 0)]
    assert report.sessions == {Outcome.AGREES: 1, Outcome.NOT_CHECKABLE: 1}


def test_rows_are_counted_beyond_those_that_are_kept() -> None:
    log = entries(*(usage(session_id=f"s-{number}") for number in range(8)))
    report = audited(cut_of(worked(log)[-1], log, ledgers={}), log)
    assert [subject for _, subject, _ in found(report)] == ["s-0", "s-1", "s-2", "s-3", "s-4"]
    assert report.findings.differences == 8
