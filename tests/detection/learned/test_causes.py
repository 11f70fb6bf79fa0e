"""The change in burn, split among its causes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.learned.causes import Factors, split

Rate = st.integers(1, 10**18)
Factor = st.floats(1e-3, 1e3)


@given(Rate, Rate, st.builds(Factors, Factor, Factor, Factor, Factor))
def test_the_parts_sum_to_the_change_exactly(usual: int, now: int, factors: Factors) -> None:
    assert sum(split(usual, now, factors)) == now - usual


@pytest.mark.parametrize("part", ["volume", "model", "cache", "price"])
def test_a_change_with_one_cause_is_all_its(part: str) -> None:
    names = {"volume": "calls", "model": "model", "cache": "cache", "price": "price"}
    found = split(10**12, 4 * 10**12, Factors(1.0, 1.0, 1.0, 1.0)._replace(**{names[part]: 4.0}))
    assert found._asdict() == {**dict.fromkeys(found._fields, 0), part: 3 * 10**12}


def test_what_no_factor_explains_is_size() -> None:
    assert split(10**12, 2 * 10**12, Factors(1.0, 1.0, 1.0, 1.0)).size == 10**12


@pytest.mark.parametrize("name", ["usual_pico_usd_per_hour", "now_pico_usd_per_hour", "calls", "price"])
def test_what_is_not_above_zero_is_refused_by_name(name: str) -> None:
    rates = {"usual_pico_usd_per_hour": 1, "now_pico_usd_per_hour": 1}
    factors = Factors(1.0, 1.0, 1.0, 1.0)
    if name in rates:
        rates[name] = 0
    else:
        factors = factors._replace(**{name: 0.0})
    with pytest.raises(ValueError, match=f"{name}=0"):
        split(**rates, factors=factors)
