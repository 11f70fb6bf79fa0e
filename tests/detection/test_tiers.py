"""Tiers burn exactly when adding up the events says so."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import Severity
from burnline.detection.tiers import ENDLESS, TIERS, Tier, ends_at, lines_of, look
from burnline.pricing.money import PICO_PER_USD
from burnline.windows.rings import Rings, width_of

LINE = PICO_PER_USD
"""1 USD/h."""
LINES = lines_of(LINE, Decimal("0.8"))


@pytest.mark.parametrize(
    ("tier", "short_usd", "long_usd"),
    [(TIERS[0], "1.2", "14.4"), (TIERS[1], "3", "36"), (TIERS[2], "6", "72")],
    ids=["an-hour", "six-hours", "three-days"],
)
def test_lines_are_so_many_times_what_may_be_spent(tier: Tier, short_usd: str, long_usd: str) -> None:
    lines = LINES[TIERS.index(tier)]
    assert (lines.short, lines.long) == tuple(int(Decimal(usd) * PICO_PER_USD) for usd in (short_usd, long_usd))
    assert lines.recovery_long * 10 == lines.long * 8


@pytest.mark.parametrize(
    ("spent", "burns"), [("14.4", None), ("14.400000000001", TIERS[0])], ids=["at-its-line", "above"]
)
def test_a_tier_burns_above_its_line_and_not_at_it(spent: str, burns: Tier | None) -> None:
    rings = Rings()
    rings.add(7_000, int(Decimal(spent) * PICO_PER_USD))
    assert look(rings, LINES)[0] == burns


def test_what_may_still_be_spent_is_exact() -> None:
    rings = Rings()
    rings.add(7_000, PICO_PER_USD)
    tier, slack = look(rings, LINES)
    assert tier is None
    rings.add(7_000, slack)
    assert look(rings, LINES) == (None, 0)
    rings.add(7_000, 1)
    assert look(rings, LINES) == (TIERS[0], 0)
    assert look(rings, ()) == (None, ENDLESS)


def brute(spent: list[tuple[int, int]], newest: int) -> Tier | None:
    """The first tier of which both windows burn more than so many times the line, over the events themselves."""
    for tier in TIERS:
        above = []
        for length in (tier.short_slices, tier.long_slices):
            width = width_of(length)
            end = newest // width
            held = sum(cost for index, cost in spent if end - length // width < index // width <= end)
            above.append(Fraction(held * 360, length) > Fraction(tier.factor) * LINE)
        if all(above):
            return tier
    return None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 29, 30, 180, 359, 2_159, 2_160, 8_000]), st.integers(0, 12), st.integers(0, 20)
        ),
        max_size=40,
    )
)
def test_tiers_agree_with_the_events_themselves_at_every_one(events: list[tuple[int, int, int]]) -> None:
    rings, newest, spent = Rings(), 10_000, list[tuple[int, int]]()
    slack = -1
    for step, usd, behind in events:
        newest += step
        index, cost = newest - behind, usd * PICO_PER_USD
        rings.add(index, cost)
        spent.append((index, cost))
        slack -= cost
        expected = brute(spent, rings.newest_slice)
        tier = None
        if slack < 0:  # nobody looks before: a tier that burns then would be one that nobody tells
            tier, slack = look(rings, LINES)
        assert tier == expected or (expected is not None and tier is None and slack == 0 and cost == 0)


@given(usd=st.integers(1, 100), jump=st.integers(0, 3_000))
def test_when_it_ends_does_not_depend_on_when_somebody_looks(usd: int, jump: int) -> None:
    rings = Rings()
    rings.add(20_000, usd * PICO_PER_USD)
    whole = ends_at(rings, LINES, 20_001, 60_000)
    assert whole is not None
    first = ends_at(rings, LINES, 20_001, 20_001 + jump)
    assert (first or ends_at(rings, LINES, 20_002 + jump, 60_000)) == whole


def test_the_two_fast_tiers_are_critical_and_the_slow_one_is_not() -> None:
    assert [tier.severity for tier in TIERS] == [Severity.CRITICAL, Severity.CRITICAL, Severity.WARNING]
