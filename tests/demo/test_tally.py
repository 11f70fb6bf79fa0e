"""The demo's picture of the topics: newest ledger counts, burns by window, open anomalies."""

import pytest

from burnline.demo.tally import Tally
from burnline.detection.anomaly import Severity
from burnline.pricing.money import PICO_PER_USD
from tests.demo.examples import NOW_MS, record, story


def tally(**expected: int) -> Tally:
    return Tally(expected or {"s1": 3, "s2": 2}, short_window_s=60, long_window_s=300)


def test_a_newer_record_replaces_the_one_before() -> None:
    seen = tally()
    seen.add_ledger(record("s1", events=1, usd=2))
    seen.add_ledger(record("s2", events=2, usd=1))
    seen.add_ledger(record("s1", events=3, usd=5))
    assert (seen.events, seen.spent_pico_usd) == (5, 6 * PICO_PER_USD)
    assert {ledger.session_id: ledger.events for ledger in seen.ledgers} == {"s1": 3, "s2": 2}
    assert seen.uncounted() == {}
    assert seen.watermark_ms == NOW_MS


def test_uncounted_names_what_is_missing_and_what_is_too_much() -> None:
    seen = tally(s1=3, s2=2, s3=1)
    seen.add_ledger(record("s1", events=4))
    seen.add_ledger(record("s3", events=1))
    assert seen.uncounted() == {"s1": (4, 3), "s2": (0, 2)}


def test_sessions_of_others_are_left_out_and_their_events_counted_apart() -> None:
    seen = tally()
    seen.add_ledger(record("stranger", events=4))
    seen.add_ledger(record("stranger", events=9, usd=9))
    assert not seen.add_notice(story("stranger")[0])
    assert (seen.events, seen.spent_pico_usd, seen.notices, dict(seen.open_anomalies)) == (0, 0, [], {})
    assert seen.events_of_others == 9


def test_an_anomaly_is_open_until_it_is_resolved() -> None:
    seen = tally()
    severities = []
    for notice in story("s1"):
        assert seen.add_notice(notice)
        severities.append(seen.open_anomalies.get("s1"))
    assert severities == [Severity.WARNING, Severity.CRITICAL, None]
    assert len(seen.notices) == 3


@pytest.mark.parametrize(
    ("slices", "short", "long"),
    [
        pytest.param({0: 1}, 60, 12, id="now: in both windows"),
        pytest.param({5: 1}, 60, 12, id="last slice of the short window"),
        pytest.param({6: 1}, 0, 12, id="just out of the short window"),
        pytest.param({29: 1}, 0, 12, id="last slice of the long window"),
        pytest.param({0: 1, 29: 2}, 60, 36, id="sum of both"),
    ],
)
def test_burns_divide_by_the_whole_window(slices: dict[int, int], short: int, long: int) -> None:
    seen = tally()
    seen.add_ledger(record("s1", usd=3, slices=slices))
    (top,) = seen.top(5, NOW_MS)
    assert (top.short_pico_usd_per_hour, top.long_pico_usd_per_hour) == (short * PICO_PER_USD, long * PICO_PER_USD)
    assert (top.session_id, top.model, top.spent_pico_usd) == ("s1", "gpt-4o", 3 * PICO_PER_USD)
    assert seen.burn_pico_usd_per_hour(NOW_MS) == long * PICO_PER_USD


def test_a_session_that_burns_nothing_is_not_at_the_top() -> None:
    seen = tally()
    seen.add_ledger(record("s1", usd=1, slices={30: 1}))
    assert seen.top(5, NOW_MS) == []


def test_the_top_is_ordered_by_the_long_window_and_cut() -> None:
    seen = tally(a=1, b=1, c=1)
    for session_id, usd in (("a", 1), ("b", 3), ("c", 2)):
        seen.add_ledger(record(session_id, slices={0: usd}))
    assert [row.session_id for row in seen.top(2, NOW_MS)] == ["b", "c"]


def test_an_open_anomaly_stays_on_the_list_when_nothing_burns_any_more() -> None:
    seen = tally()
    seen.add_ledger(record("s1", usd=1))
    seen.add_notice(story("s1")[0])
    (top,) = seen.top(5, NOW_MS)
    assert top.severity is Severity.WARNING
