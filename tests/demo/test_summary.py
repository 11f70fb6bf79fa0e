"""The summary: whole or not, and every lack by name."""

import json

import pytest

from app.demo.output import summary_lines
from app.demo.summary import Summary, missing, summarise
from app.demo.tally import Tally
from tests.demo.examples import record, story


def whole() -> Tally:
    tally = Tally({"s1": 3, "runaway": 2}, short_window_s=60, long_window_s=300)
    tally.add_ledger(record("s1", events=3, usd=1))
    tally.add_ledger(record("runaway", events=2, usd=4))
    for notice in story("runaway"):
        tally.add_notice(notice)
    return tally


def summary_of(tally: Tally, published: int = 5, acknowledged: int = 5) -> Summary:
    return summarise(
        tally,
        "runaway",
        published=published,
        acknowledged=acknowledged,
        duration_s=61.25,
        topic_prefix="finops.",
        brokers="127.0.0.1:1",
    )


def test_a_whole_run_lacks_nothing() -> None:
    summary = summary_of(whole())
    assert summary.complete
    assert (summary.counted, summary.sessions, summary.dead_letters) == (5, 2, 0)
    assert (summary.cost_usd, summary.cache_savings_usd, summary.embedding_cost_usd) == ("5", "1", "0.000000000002")
    assert summary.totals["input_tokens"] == 50
    assert summary.totals["tool_calls"] == 4
    (anomaly,) = summary.anomalies
    assert (anomaly.session_id, anomaly.states) == ("runaway", ["opened", "escalated", "resolved"])
    assert not [line for line in summary_lines(summary) if "missing" in line]


def test_the_summary_is_json_with_amounts_as_strings() -> None:
    printed = json.loads(json.dumps(summary_of(whole()).as_json()))
    assert printed["complete"] is True
    assert printed["cost_usd"] == "5"
    assert printed["anomalies"][0]["severities"] == ["warning", "critical", "critical"]


def test_an_uncounted_event_is_missing() -> None:
    tally = whole()
    tally.add_ledger(record("s1", events=2))
    assert missing(tally, "runaway", published=5, acknowledged=5) == [
        "4 of 5 events are in the ledgers; 1 sessions differ: s1 2 of 3."
    ]


def test_counting_too_much_in_one_session_does_not_make_up_for_another() -> None:
    tally = whole()
    tally.add_ledger(record("s1", events=2))
    tally.add_ledger(record("runaway", events=3))
    (sentence,) = missing(tally, "runaway", published=5, acknowledged=5)
    assert "2 sessions differ" in sentence


@pytest.mark.parametrize(
    ("published", "acknowledged", "said"),
    [
        pytest.param(4, 4, "4 of 5 events were published.", id="not all published"),
        pytest.param(5, 4, "4 of 5 published events were acknowledged.", id="not all acknowledged"),
    ],
)
def test_what_was_not_published_is_missing(published: int, acknowledged: int, said: str) -> None:
    assert missing(whole(), "runaway", published=published, acknowledged=acknowledged) == [said]


def test_dead_letters_are_missing_events() -> None:
    tally = whole()
    tally.dead_letters = 2
    assert missing(tally, "runaway", published=5, acknowledged=5) == ["2 events became dead letters."]


@pytest.mark.parametrize(
    ("states", "said"),
    [(0, "not opened nor escalated nor resolved"), (1, "not escalated nor resolved"), (2, "not resolved")],
)
def test_the_runaway_has_to_go_through_every_state(states: int, said: str) -> None:
    tally = Tally({"s1": 3, "runaway": 2}, short_window_s=60, long_window_s=300)
    tally.add_ledger(record("s1", events=3))
    tally.add_ledger(record("runaway", events=2))
    for notice in [*story("runaway")[:states], *story("s1", "a2")]:
        tally.add_notice(notice)
    summary = summary_of(tally)
    assert summary.missing == [f"The anomaly of session runaway was {said}."]
    assert summary_lines(summary)[-1] == f"missing: The anomaly of session runaway was {said}."
