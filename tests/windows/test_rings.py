"""Windows out of buckets hold what adding up the events themselves gives, at every boundary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.windows.rings import LONGEST_SLICES, Rings, width_of

LENGTHS = {6: 1, 30: 1, 180: 6, 360: 6, 2_160: 30, LONGEST_SLICES: 360}
"""1 and 5 min, half an hour and one, 6 h and 3 d: the slices of each, and of its buckets."""
steps = st.sampled_from([0, 0, 1, 5, 6, 29, 30, 31, 179, 359, 360, 361, 2_159, 2_160, 9_000, 25_919, 25_920])


@pytest.mark.parametrize(("length", "width"), LENGTHS.items())
def test_a_window_is_made_of_the_widest_buckets_that_are_fine_enough(length: int, width: int) -> None:
    assert width_of(length) == width


@given(
    events=st.lists(st.tuples(steps, st.sampled_from([0, 0, 0, 1, 40, 400]), st.integers(0, 10**6)), max_size=60),
    length=st.sampled_from(list(LENGTHS)),
    later=steps,
)
def test_it_is_what_the_events_sum_up_to(events: list[tuple[int, int, int]], length: int, later: int) -> None:
    rings, newest, spent = Rings(), 1_000_000, []
    for step, behind, pico_usd in events:
        newest += step
        index = newest - min(behind, 25)
        rings.add(index, pico_usd)
        spent.append((index, pico_usd))
        width = LENGTHS[length]
        end = rings.newest_slice // width
        brute = sum(cost for index, cost in spent if end - length // width < index // width <= end)
        assert rings.sum(length) == brute
    end = (newest + later) // LENGTHS[length]
    brute = sum(cost for index, cost in spent if end - length // LENGTHS[length] < index // LENGTHS[length] <= end)
    assert rings.sum(length, newest + later) == brute


def test_what_is_held_is_bounded() -> None:
    rings = Rings()
    for index in range(0, 40_000, 3):
        rings.add(index, 1)
    assert all(len(held) <= 145 + 31 for held in rings.buckets.values())
    assert rings.sum(30) == 10
