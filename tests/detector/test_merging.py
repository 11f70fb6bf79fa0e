"""Partitions as one log: whoever reads it, in whatever pieces, gets the same order."""

from hypothesis import given
from hypothesis import strategies as st

from burnline.detector.merging import Logged, Merge


def logged(*rows: tuple[int, int, int]) -> list[Logged]:
    return [Logged(at, partition, offset, None) for at, partition, offset in rows]


def test_a_record_waits_until_no_partition_can_have_an_earlier_one() -> None:
    merge = Merge([0, 1])
    merge.add(logged((10, 0, 0), (20, 0, 1)))
    assert merge.take() == []
    merge.add(logged((15, 1, 0)))
    assert merge.take() == logged((10, 0, 0))
    assert len(merge) == 2


def test_a_partition_that_has_ended_is_not_waited_for() -> None:
    merge = Merge([0, 1])
    merge.add(logged((10, 0, 0), (20, 0, 1)))
    merge.note_end(1, 20)
    assert merge.take() == logged((10, 0, 0))
    merge.note_end(0, 21)
    merge.note_end(1, 21)
    assert merge.take() == logged((20, 0, 1))


def test_a_moment_is_whole_before_it_is_taken() -> None:
    """Another record of the same millisecond may still come, and its partition goes before."""
    merge = Merge([0, 1])
    merge.add(logged((10, 1, 0), (10, 0, 0)))
    assert merge.take() == []
    merge.add(logged((10, 0, 1), (11, 0, 2), (11, 1, 1)))
    assert merge.take() == logged((10, 0, 0), (10, 0, 1), (10, 1, 0))


def test_what_is_late_comes_at_once() -> None:
    merge = Merge([0, 1])
    merge.note_end(0, 100)
    merge.note_end(1, 100)
    merge.add(logged((40, 0, 0)))
    assert merge.take() == logged((40, 0, 0))


@given(
    st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=40),
)
def test_the_order_does_not_depend_on_the_reading(steps: list[list[int]], reads: list[tuple[int, int]]) -> None:
    partitions = []
    for number, gaps in enumerate(steps):
        at, rows = 0, []
        for offset, gap in enumerate(gaps):
            at += gap
            rows.append(Logged(at, number, offset, None))
        partitions.append(rows)
    merge, taken, places = Merge(range(len(partitions))), [], [0] * len(partitions)
    for partition, count in [*reads, *((number, 1_000) for number in range(len(partitions)))]:
        if partition < len(partitions):
            merge.add(partitions[partition][places[partition] : places[partition] + count])
            places[partition] += count
            taken += merge.take()
    for number in range(len(partitions)):
        merge.note_end(number, 10_000)
    taken += merge.take()
    assert taken == sorted((row for rows in partitions for row in rows), key=lambda row: row[:3])
