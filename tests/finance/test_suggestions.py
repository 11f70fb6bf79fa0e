"""Suggested baselines: the rule, its boundaries, and what it leaves out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.baseline import Baseline, Baselines, EffectiveBaseline
from burnline.finance.suggestions import MIN_SESSIONS, SessionSpend, Spread, Suggestion, suggest
from burnline.pricing.money import PICO_PER_USD, pico_from_text, usd_text

WINDOW_MS = 300_000
HOUR_MS = 3_600_000
DEFAULT = EffectiveBaseline(PICO_PER_USD, Decimal(5), "default")
NONE_SET = Baselines(DEFAULT, {})


def session(
    usd: str, *, life_ms: int = HOUR_MS, agent: str = "agent-7", unpriced: int = 0, anomaly: bool = False
) -> SessionSpend:
    return SessionSpend("acme", agent, pico_from_text(usd), 0, life_ms, unpriced, anomaly_open=anomaly)


def suggested(*sessions: SessionSpend, baselines: Baselines = NONE_SET) -> Suggestion:
    (found,) = suggest(sessions, {}, baselines, window_ms=WINDOW_MS)
    return found


def number(found: Suggestion) -> str | None:
    return None if found.suggested_pico_usd_per_hour is None else usd_text(found.suggested_pico_usd_per_hour)


class TestBurn:
    """Of one session."""

    @pytest.mark.parametrize(
        ("life_ms", "burn"),
        [
            pytest.param(2 * HOUR_MS, "0.5", id="two-hours"),
            pytest.param(WINDOW_MS + 1, "11.999960000133", id="just-above-the-window"),
            pytest.param(WINDOW_MS, "12", id="the-window"),
            pytest.param(WINDOW_MS - 1, "12", id="just-below-the-window"),
            pytest.param(0, "12", id="one-event"),
        ],
    )
    def test_by_its_life(self, life_ms: int, burn: str) -> None:
        assert usd_text(session("1", life_ms=life_ms).burn(WINDOW_MS)) == burn


class TestSpread:
    """By nearest rank."""

    @pytest.mark.parametrize(
        ("rates", "median", "p95"),
        [
            pytest.param([7], 7, 7, id="one"),
            pytest.param([1, 2], 1, 2, id="two"),
            pytest.param([3, 1, 2], 2, 3, id="three-in-any-order"),
            pytest.param(range(1, 20), 10, 19, id="nineteen"),
            pytest.param(range(1, 21), 10, 19, id="twenty"),
            pytest.param(range(1, 22), 11, 20, id="twenty-one"),
            pytest.param(range(1, 101), 50, 95, id="hundred"),
        ],
    )
    def test_of_some(self, rates: list[int], median: int, p95: int) -> None:
        assert Spread.of(rates) == (len(rates), median, p95)

    def test_of_none(self) -> None:
        assert Spread.of([]) == (0, 0, 0)


class TestTheRule:
    """Median, and room above p95."""

    @pytest.mark.parametrize("count", [0, 1, MIN_SESSIONS - 1])
    def test_too_few(self, count: int) -> None:
        (found,) = suggest([session("1")] * count, {("acme", "agent-7"): [1]}, NONE_SET, window_ms=WINDOW_MS)
        assert number(found) is None
        assert found.why.startswith(f"Too few sessions to say: {count} ")

    def test_just_enough(self) -> None:
        assert number(suggested(*[session("1")] * MIN_SESSIONS)) == "1"

    @pytest.mark.parametrize(
        ("dearest", "baseline"),
        [
            pytest.param("2.5", "1", id="twice-p95-is-at-the-line"),
            pytest.param("2.6", "1.1", id="twice-p95-is-above-it"),
            pytest.param("100", "40", id="far-above-it"),
        ],
    )
    def test_room_above_p95(self, dearest: str, baseline: str) -> None:
        assert number(suggested(*[session("1")] * 9, session(dearest))) == baseline

    @pytest.mark.parametrize(
        ("usd", "baseline"),
        [("1.01", "1.1"), ("1.1", "1.1"), ("0.123", "0.13"), ("991", "1000"), ("0.001", "0.01"), ("0", "0.01")],
    )
    def test_rounded_up_to_two_digits_and_never_below_a_cent(self, usd: str, baseline: str) -> None:
        assert number(suggested(*[session(usd)] * MIN_SESSIONS)) == baseline

    def test_by_the_multiplier_in_force(self) -> None:
        own = Baseline(org_id="acme", agent_id="agent-7", usd_per_hour="9", multiplier="10")
        found = suggested(*[session("1")] * 9, session("100"), baselines=Baselines(DEFAULT, {own.key(): own}))
        assert (number(found), found.current.source) == ("20", "acme/agent-7")
        assert found.why.endswith("× 10 an anomaly would begin above 200 USD/h.")

    def test_it_says_why(self) -> None:
        assert suggested(*[session("2")] * 10).why == (
            "Over 10 sessions the median is 2 and p95 2 USD/h: the median itself, rounded up. "
            "× 5 an anomaly would begin above 10 USD/h."
        )
        assert "the median is 0.123 and p95 0.123 USD/h" in suggested(*[session("0.12345678")] * 10).why
        assert "raised above the median until 2 × p95" in suggested(*[session("1")] * 9, session("100")).why


class TestLeftOut:
    """What is no usual session."""

    def test_with_an_anomaly_open(self) -> None:
        found = suggested(*[session("1")] * 10, session("1000", anomaly=True))
        assert (number(found), found.left_out_anomalous, found.left_out_unpriced) == ("1", 1, 0)

    def test_with_unpriced_tokens(self) -> None:
        found = suggested(*[session("1")] * 10, session("0", unpriced=1))
        assert (number(found), found.sessions.n, found.left_out_unpriced) == ("1", 10, 1)

    def test_with_both_it_is_left_out_once(self) -> None:
        found = suggested(session("1", unpriced=1, anomaly=True))
        assert (found.sessions.n, found.left_out_anomalous, found.left_out_unpriced) == (0, 1, 0)


def test_one_suggestion_an_agent() -> None:
    found = suggest(
        [session("1", agent="b"), session("1", agent="a")], {("other", "a"): [5, 1, 9]}, NONE_SET, window_ms=WINDOW_MS
    )
    assert [(one.org_id, one.agent_id) for one in found] == [("acme", "a"), ("acme", "b"), ("other", "a")]
    assert [one.quarters for one in found] == [(0, 0, 0), (0, 0, 0), (3, 20, 36)]


@given(
    st.lists(st.integers(0, 10**18), min_size=MIN_SESSIONS, max_size=60), st.decimals("0.000001", "1000000", places=6)
)
def test_twice_p95_never_alerts(costs: list[int], multiplier: Decimal) -> None:
    baselines = Baselines(EffectiveBaseline(0, multiplier, "default"), {})
    spent = [SessionSpend("o", "a", cost, 0, HOUR_MS, 0, anomaly_open=False) for cost in costs]
    (found,) = suggest(spent, {}, baselines, window_ms=WINDOW_MS)
    assert found.suggested_pico_usd_per_hour is not None
    assert found.suggested_pico_usd_per_hour >= max(found.sessions.median, PICO_PER_USD // 100)
    assert found.suggested_pico_usd_per_hour * multiplier >= 2 * found.sessions.p95
