"""Slices and the hopping sums over them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.windows.slices import SLICE_MS, Slices, prune, slice_index, slide, window_sum

AMOUNTS = st.integers(min_value=0, max_value=10**21)
SLICES = st.dictionaries(st.integers(min_value=-60, max_value=60), AMOUNTS, max_size=30)
LENGTHS = st.integers(min_value=1, max_value=40)


@pytest.mark.parametrize(
    ("epoch_ms", "index"),
    [
        pytest.param(0, 0, id="first-millisecond"),
        pytest.param(SLICE_MS - 1, 0, id="last-millisecond"),
        pytest.param(SLICE_MS, 1, id="the-end-belongs-to-the-next"),
        pytest.param(1_760_000_000_000, 176_000_000, id="on-the-line"),
        pytest.param(1_759_999_999_999, 175_999_999, id="just-before-the-line"),
        pytest.param(-1, -1, id="before-the-epoch"),
    ],
)
def test_a_slice_is_half_open(epoch_ms: int, index: int) -> None:
    assert slice_index(epoch_ms) == index


@pytest.mark.parametrize("seconds_of_minute", range(0, 60, 10))
def test_slices_are_aligned_to_utc_minutes(seconds_of_minute: int) -> None:
    minute_ms = 29_333_333 * 60_000
    first = slice_index(minute_ms)
    assert slice_index(minute_ms + seconds_of_minute * 1000) == first + seconds_of_minute // 10


@pytest.mark.parametrize(
    ("end", "length", "total"),
    [
        pytest.param(5, 1, 100, id="one-slice"),
        pytest.param(5, 3, 110, id="oldest-slice-just-inside"),
        pytest.param(5, 2, 100, id="oldest-slice-just-outside"),
        pytest.param(4, 3, 10, id="newer-slices-do-not-count"),
        pytest.param(5, 50, 111, id="longer-than-what-is-held"),
        pytest.param(9, 4, 0, id="all-left"),
        pytest.param(8, 4, 100, id="the-last-about-to-leave"),
    ],
)
def test_a_window_is_the_slices_that_end_with_one(end: int, length: int, total: int) -> None:
    assert window_sum({1: 1, 3: 10, 5: 100}, end, length) == total


@given(SLICES, st.integers(min_value=-60, max_value=60), LENGTHS)
def test_a_window_sum_is_a_plain_sum(slices: Slices, end: int, length: int) -> None:
    assert window_sum(slices, end, length) == sum(
        slices[index] for index in slices if index in range(end - length + 1, end + 1)
    )


@given(SLICES, LENGTHS, st.integers(min_value=0, max_value=80))
def test_sliding_is_summing_anew(slices: Slices, length: int, step: int) -> None:
    old_end = max(slices, default=0)
    new_end = old_end + step
    total = window_sum(slices, old_end, length)
    assert slide(slices, total, length, old_end, new_end) == window_sum(slices, new_end, length)


@given(SLICES, LENGTHS, st.lists(st.integers(min_value=0, max_value=12), max_size=12))
def test_it_does_not_matter_in_how_many_steps(slices: Slices, length: int, steps: list[int]) -> None:
    end = max(slices, default=0)
    total = window_sum(slices, end, length)
    for step in steps:
        total = slide(slices, total, length, end, end + step)
        end += step
    assert total == window_sum(slices, end, length)


@given(SLICES, st.integers(min_value=-60, max_value=60))
def test_a_long_window_is_made_of_short_ones(slices: Slices, end: int) -> None:
    """Hopping windows tile: five minutes are five adjoining minutes."""
    assert window_sum(slices, end, 30) == sum(window_sum(slices, end - 6 * hop, 6) for hop in range(5))


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        pytest.param(5, {1, 3, 5}, id="the-oldest-is-the-last-one-kept"),
        pytest.param(4, {3, 5}, id="the-oldest-is-one-too-old"),
        pytest.param(1, {5}, id="only-the-newest"),
    ],
)
def test_pruning_keeps_whole_slices(kept: int, left: set[int]) -> None:
    slices = {5: 100, 1: 1, 3: 10}
    prune(slices, 5, kept)
    assert set(slices) == left


@given(SLICES, LENGTHS, st.integers(min_value=0, max_value=40))
def test_pruning_beyond_the_window_changes_no_sum(slices: Slices, length: int, more: int) -> None:
    end = max(slices, default=0)
    before = window_sum(slices, end, length)
    prune(slices, end, length + more)
    assert window_sum(slices, end, length) == before
