"""The summary: whole or not, and every lack by name."""

import json

import pytest

from burnline.demo.output import summary_lines
from burnline.demo.spending import OverHttp, Spent
from burnline.demo.summary import Summary, missing, summarise
from burnline.demo.tally import Tally
from burnline.pricing.money import PICO_PER_USD
from tests.demo.examples import record, story

API = "http://127.0.0.1:8080"
SAME = OverHttp(API, Spent(5, 5 * PICO_PER_USD))


def whole() -> Tally:
    tally = Tally({"s1": 3, "runaway": 2}, short_window_s=60, long_window_s=300)
    tally.add_ledger(record("s1", events=3, usd=1))
    tally.add_ledger(record("runaway", events=2, usd=4))
    for notice in story("runaway"):
        tally.add_notice(notice)
    return tally


def missing_of(tally: Tally, published: int = 5, acknowledged: int = 5, over_http: OverHttp | None = None) -> list[str]:
    return missing(tally, "runaway", published=published, acknowledged=acknowledged, over_http=over_http)


def summary_of(tally: Tally, over_http: OverHttp | None = None) -> Summary:
    return summarise(
        tally,
        "runaway",
        published=5,
        acknowledged=5,
        over_http=over_http,
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
    assert not [line for line in summary_lines(summary) if "missing" in line or "HTTP" in line]


def test_a_run_with_an_api_tells_what_it_said() -> None:
    summary = summary_of(whole(), SAME)
    assert summary.complete
    assert (summary.api_url, summary.events_over_http, summary.usd_over_http) == (API, 5, "5")
    assert "over HTTP: 5 USD of 5 events" in summary_lines(summary)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        pytest.param(
            SAME._replace(spent=Spent(5, 5 * PICO_PER_USD - 1)),
            "Over HTTP there are 4.999999999999 USD of 5 events, in the ledgers 5 USD of 5.",
            id="a digit",
        ),
        pytest.param(
            SAME._replace(spent=Spent(4, 5 * PICO_PER_USD)),
            "Over HTTP there are 5 USD of 4 events, in the ledgers 5 USD of 5.",
            id="an event without cost",
        ),
        pytest.param(OverHttp(API), "The API has not said what was spent.", id="never asked"),
        pytest.param(
            OverHttp(API, None, "503 Service Unavailable"),
            "The API has not said what was spent (503 Service Unavailable).",
            id="never answered",
        ),
    ],
)
def test_other_sums_over_http_are_missing(said: OverHttp, sentence: str) -> None:
    assert missing_of(whole(), over_http=said) == [sentence]


def test_the_summary_is_json_with_amounts_as_strings() -> None:
    printed = json.loads(json.dumps(summary_of(whole()).as_json()))
    assert printed["complete"] is True
    assert printed["cost_usd"] == "5"
    assert (printed["api_url"], printed["usd_over_http"]) == (None, None)
    assert printed["anomalies"][0]["severities"] == ["warning", "critical", "critical"]


def test_an_uncounted_event_is_missing() -> None:
    tally = whole()
    tally.add_ledger(record("s1", events=2))
    assert missing_of(tally) == ["4 of 5 events are in the ledgers; 1 sessions differ: s1 2 of 3."]


def test_counting_too_much_in_one_session_does_not_make_up_for_another() -> None:
    tally = whole()
    tally.add_ledger(record("s1", events=2))
    tally.add_ledger(record("runaway", events=3))
    (sentence,) = missing_of(tally)
    assert "2 sessions differ" in sentence


@pytest.mark.parametrize(
    ("published", "acknowledged", "said"),
    [
        pytest.param(4, 4, "4 of 5 events were published.", id="not all published"),
        pytest.param(5, 4, "4 of 5 published events were acknowledged.", id="not all acknowledged"),
    ],
)
def test_what_was_not_published_is_missing(published: int, acknowledged: int, said: str) -> None:
    assert missing_of(whole(), published, acknowledged) == [said]


def test_dead_letters_are_missing_events() -> None:
    tally = whole()
    tally.dead_letters = 2
    assert missing_of(tally) == ["2 events became dead letters."]


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
