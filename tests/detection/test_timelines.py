"""The default rule along drawn timelines: one character is a slice of 10 s, a digit is an event of so many cents.

The lines: short window (6 slices) above 8⅓ cents, critical above 25; long window (30 slices) above 41⅔ cents, critical
above 125; at least 5 cents in the long window.
"""

from decimal import Decimal
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import ResolvedBy, Severity, State
from burnline.detection.baseline import EffectiveBaseline
from burnline.detection.reasons import Reason
from burnline.windows.slices import SLICE_MS, window_sum
from tests.detection.rules import CENT, LIMITS, USD
from tests.detection.timeline import Walker, walk


@pytest.mark.parametrize(
    ("spend", "happened"),
    [
        pytest.param(
            "9...................",
            "....................",
            id="one-dear-call-is-a-burst: the long window stays below",
        ),
        pytest.param(
            "8.....8.....8.....8.....8.....8.....8.....8.....",
            "................................................",
            id="8-cents-a-minute-stay-below: 4.80 USD an hour",
        ),
        pytest.param(
            "9.....9.....9.....9.....9.....9............",
            "........................o.................r",
            id="9-cents-a-minute-are-above: 5.40 USD an hour, the fifth 9 fills the long window",
        ),
        pytest.param(
            "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.",
            "........................................",
            id="steady-and-low: 3 cents a minute",
        ),
        pytest.param(
            "222222222222222222222222222222222222",
            "....................o...............",
            id="steady-12-cents-a-minute: opens when the 21st event brings the long window to 42 cents",
        ),
        pytest.param(
            "99999999999999999999............",
            "....o........e.................r",
            id="runaway: 45 cents open, 126 escalate; the last 9 leave after slice 24, a quiet minute is over at 31",
        ),
        pytest.param(
            "99999999999999999999                ...",
            "....o........e......................r..",
            id="the-same-with-a-silent-partition: resolved as soon as the watermark moves",
        ),
        pytest.param(
            "99999...........4...4............",
            "....o...........r................",
            id="spend-below-the-line-keeps-nothing-open",
        ),
        pytest.param(
            "99999....9......9...........",
            "....o.......................",
            id="each-burst-starts-the-quiet-minute-anew",
        ),
        pytest.param(
            "99999................9................",
            "....o...........r....o...........r....",
            id="the-next-anomaly-opens-sooner: the long window still holds what went before",
        ),
        pytest.param(
            "99999                9.............",
            "....o................x...........r.",
            id="the-event-that-ends-the-silence-comes-after-the-quiet-minute: the same two anomalies",
        ),
        pytest.param(
            "99999      9............",
            "....o.................." + "r",
            id="a-silence-that-is-no-quiet-minute",
        ),
    ],
)
def test_timeline(spend: str, happened: str) -> None:
    marks, _ = walk(spend)
    assert marks == happened


def test_each_event_has_its_reason() -> None:
    _, walker = walk("99999.....9")
    assert walker.reasons == [
        Reason.SHORT_ONLY,
        Reason.SHORT_ONLY,
        Reason.SHORT_ONLY,
        Reason.SHORT_ONLY,
        Reason.OPENED_WARNING,
        Reason.STILL_OPEN,
    ]


def test_one_dear_call_opens_as_critical_and_does_not_escalate() -> None:
    walker = Walker()
    reasons = [walker.spend(0, 126 * CENT), walker.spend(SLICE_MS, 500 * CENT)]
    assert reasons == [Reason.OPENED_CRITICAL, Reason.ALREADY_CRITICAL]
    assert [notice.revision for notice in walker.notices] == [1]


def test_long_only_after_a_burst() -> None:
    walker = Walker()
    walker.spend(0, 30 * CENT)
    walker.spend(1 * SLICE_MS, 11 * CENT)
    assert walker.spend(20 * SLICE_MS, CENT) is Reason.LONG_ONLY


def test_a_late_event_counts_in_the_windows_that_hold_its_slice() -> None:
    _, walker = walk("9999........")
    walker.newest_slice = 11
    assert walker.spend(8 * SLICE_MS, 9 * CENT) is Reason.OPENED_WARNING
    assert walker.notices[0].opened_at == 8 * SLICE_MS


def test_the_whole_life_of_a_runaway() -> None:
    """A session at 0.4 USD/h begins to burn 20.7 USD/h for 15 minutes: a call every 3 seconds, then nothing."""
    walker = Walker()
    quiet, runaway = 20 * 60, 20 * 60 + 15 * 60
    for second in range(0, quiet, 30):
        walker.spend(second * 1000, 4 * USD // 10 * 30 // 3600)
    for second in range(quiet, runaway, 3):
        walker.spend(second * 1000, 207 * USD // 10 * 3 // 3600)
    walker.look(runaway // 10 + 100, ResolvedBy.CLOCK)

    first, second_notice, last = walker.notices
    assert (first.state, first.severity) == (State.OPENED, Severity.WARNING)
    assert (second_notice.state, second_notice.severity) == (State.ESCALATED, Severity.CRITICAL)
    assert (last.state, last.resolved_by) == (State.RESOLVED, ResolvedBy.CLOCK)
    assert len({notice.anomaly_id for notice in walker.notices}) == 1
    # A call is 1.725 cents. With 2.7 cents from before, the 23rd makes 42.3 in five minutes: above 41⅔.
    assert first.opened_at == (quiet + 22 * 3) * 1000
    # With 0.7 cents from before, the 73rd makes 126.6: above 125.
    assert second_notice.updated_at == (quiet + 72 * 3) * 1000
    # 5 calls in the minute are above 8⅓ cents: so it was until 40 s after the last slice of calls; then a quiet minute.
    assert last.updated_at == (runaway + 40 + 60) * 1000


def test_a_raised_baseline_resolves_what_is_open() -> None:
    marks, walker = walk("333333333333333333333333333333")
    assert marks == ".............o................"
    walker.baseline = EffectiveBaseline(10 * USD, Decimal(5), "acme/agent-7")
    walker.look(30)
    notice = walker.notices[-1]
    assert (notice.state, notice.baseline_usd_per_hour) == (State.RESOLVED, "10")
    assert notice.baseline_source == "acme/agent-7"
    assert notice.updated_at == 30 * SLICE_MS


def test_a_lowered_baseline_escalates_with_the_next_event() -> None:
    _, walker = walk("333333333333333333333333333333")
    walker.baseline = EffectiveBaseline(USD // 10, Decimal(5), "acme/*")
    assert walker.spend(30 * SLICE_MS, 1) is Reason.ESCALATED
    assert (walker.notices[-1].baseline_usd_per_hour, walker.notices[-1].baseline_source) == ("0.1", "acme/*")


def test_a_lowered_baseline_opens_with_the_next_event() -> None:
    _, walker = walk("111111")
    walker.baseline = EffectiveBaseline(0, Decimal(5), "acme/agent-7")
    assert walker.spend(6 * SLICE_MS, 1) is Reason.OPENED_CRITICAL
    assert walker.notices[-1].ratio is None


@given(st.integers(1, 200 * CENT), st.integers(0, 30))
def test_steady_spend_opens_exactly_when_it_fills_the_long_window(per_slice: int, jitter_s: int) -> None:
    walker = Walker()
    for index in range(40):
        walker.spend(index * SLICE_MS + jitter_s % 10 * 1000, per_slice)
    if 6 * per_slice <= LIMITS.warning_short:
        assert walker.notices == []
    else:
        needed = LIMITS.warning_long // per_slice + 1
        first_above = max(needed, LIMITS.warning_short // per_slice + 1)
        assert walker.notices[0].opened_at // SLICE_MS == first_above - 1


bursts = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40 * CENT)), max_size=40)


@given(bursts)
def test_a_session_that_never_fills_five_minutes_raises_none(events: list[tuple[int, int]]) -> None:
    walker, kept = Walker(), dict[int, int]()
    for index, pico_usd in sorted(events):
        more = {**kept, index: kept.get(index, 0) + pico_usd}
        if window_sum(more, index, 30) <= LIMITS.warning_long:
            kept = more
            walker.spend(index * SLICE_MS, pico_usd)
    assert walker.notices == []


drawn = st.text("....  013599", max_size=150)


@given(drawn)
def test_notices_of_a_session_tell_whole_lives(spend: str) -> None:
    _, walker = walk(spend)
    lives = [[*life] for _, life in groupby(walker.notices, key=lambda notice: notice.anomaly_id)]
    assert len({life[0].anomaly_id for life in lives}) == len(lives)
    for life in lives:
        assert [notice.revision for notice in life] == [*range(1, len(life) + 1)]
        states = [notice.state for notice in life]
        assert states[0] is State.OPENED
        assert states[1:] in ([], [State.ESCALATED], [State.RESOLVED], [State.ESCALATED, State.RESOLVED])
        assert len({notice.opened_at for notice in life}) == 1
        times = [notice.updated_at for notice in life]
        assert times == sorted(times)
    for life in lives[:-1]:
        assert life[-1].state is State.RESOLVED
    still_open = bool(lives) and lives[-1][-1].state is not State.RESOLVED
    assert (walker.anomaly is not None) == still_open


@given(drawn)
def test_looking_more_often_changes_nothing(spend: str) -> None:
    # The watermark stands still in a blank; looking there as well must not be seen, once an event follows.
    rarely = walk(spend.replace(".", " ") + "0")[1]
    often = walk(spend.replace(" ", ".") + "0")[1]
    assert rarely.notices == often.notices
    assert rarely.anomaly == often.anomaly
