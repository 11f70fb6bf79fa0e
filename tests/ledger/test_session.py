"""One session's ledger: windows that move on, and totals over models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.ledger.session import SUM_FIELDS, Ledger, ModelSums, add_up
from burnline.windows.slices import window_sum

SHORT, LONG = 2, 5


def opened() -> Ledger:
    return Ledger("s-1", "acme", "agent-7", 0, 0)


def spend(held: Ledger, index: int, pico_usd: int) -> None:
    """What a ledger is put through by an event in a new slice."""
    held.advance(index, SHORT, LONG)
    held.slices[index] = pico_usd
    held.short_pico_usd += pico_usd
    held.long_pico_usd += pico_usd


@pytest.mark.parametrize(
    ("step", "short", "long"),
    [
        pytest.param(1, 10, 11, id="both-hold-it"),
        pytest.param(2, 0, 11, id="the-short-one-has-just-let-it-go"),
        pytest.param(3, 0, 11, id="the-long-one-just-holds-both"),
        pytest.param(4, 0, 10, id="the-long-one-has-let-the-first-go"),
        pytest.param(5, 0, 0, id="all-gone"),
        pytest.param(500, 0, 0, id="long-ago"),
    ],
)
def test_windows_move_on(step: int, short: int, long: int) -> None:
    held = opened()
    spend(held, 9, 1)
    spend(held, 10, 10)
    held.advance(10 + step, SHORT, LONG)
    assert (held.short_pico_usd, held.long_pico_usd, held.newest_slice) == (short, long, 10 + step)


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 10**20)), max_size=20))
def test_moving_on_is_settling_anew(steps: list[tuple[int, int]]) -> None:
    held, index = opened(), 0
    for step, pico_usd in steps:
        index += step
        spend(held, index, pico_usd)
        moved = held.short_pico_usd, held.long_pico_usd
        assert moved == (window_sum(held.slices, index, SHORT), window_sum(held.slices, index, LONG))
        held.settle_windows(SHORT, LONG)
        assert moved == (held.short_pico_usd, held.long_pico_usd)


def test_a_new_ledger_judges_nothing_before_it_knows_its_limits() -> None:
    held = opened()
    spend(held, 0, 10**30)
    assert held.short_pico_usd <= held.watch_short_pico_usd
    assert held.limits_version < 0


def test_totals_are_over_all_models() -> None:
    held = opened()
    for number, model in enumerate(("a", "b"), start=1):
        held.models[model] = sums = ModelSums()
        for place, field in enumerate(SUM_FIELDS):
            setattr(sums, field, number * 10**place)
    assert [held.total(field) for field in SUM_FIELDS] == [3 * 10**place for place in range(len(SUM_FIELDS))]
    assert add_up(held.models).values() == tuple(held.total(field) for field in SUM_FIELDS)
    assert add_up({}).values() == ModelSums().values()
