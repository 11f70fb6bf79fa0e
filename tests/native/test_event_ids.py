"""The kernel's memory of event ids: what restoring it costs, counted in work and not in seconds."""

from array import array

import pytest

from burnline.ledger.duplicates import UNKNOWN
from burnline.ledger.partition import Retention
from burnline.native.kernel import Kernel
from tests.ledger.examples import PARTITION, policy

MOST_PLACED_PER_ID = 4
"""Each once, and once more for every table that was too small for it: tables double."""


def kernel(partition_ids: int) -> Kernel:
    return Kernel(PARTITION, policy().rule, Retention(slices=60, duplicate_ids=64, partition_ids=partition_ids))


@pytest.mark.parametrize(
    "newest", [pytest.param(True, id="the-newest-generation"), pytest.param(False, id="the-older")]
)
@pytest.mark.parametrize(
    "limit", [pytest.param(250_000, id="within-the-limit"), pytest.param(1_000, id="more-than-the-limit-of-today")]
)
@pytest.mark.parametrize("per_record", [1, 7])
def test_restoring_costs_what_its_ids_cost_however_many_records_they_stand_in(
    newest: bool,  # noqa: FBT001
    limit: int,
    per_record: int,
) -> None:
    count = 20_000
    held = kernel(limit)
    for start in range(0, count, per_record):
        held.restore_ids(array("Q", range(start, start + per_record)), bytes(per_record), newest=newest)
    assert held.ids_held >= count
    assert held.ids_placed <= MOST_PLACED_PER_ID * held.ids_held
    assert all(held.mark_of(each) == UNKNOWN for each in range(count))
    assert held.mark_of(held.ids_held) is None


def test_an_id_that_stands_in_two_records_is_held_once() -> None:
    held = kernel(100)
    for _ in range(3):
        held.restore_ids(array("Q", [0, 1, 2**64 - 1]), bytes([7, 8, 9]), newest=False)
    assert held.ids_held == 3
    assert [held.mark_of(each) for each in (0, 1, 2**64 - 1, 2)] == [7, 8, 9, None]


def test_marks_move_with_their_ids_to_larger_tables() -> None:
    held = kernel(100)
    for number in range(1_000):
        held.restore_ids(array("Q", [number << 40]), bytes([number % 251 + 1]), newest=True)
    assert all(held.mark_of(number << 40) == number % 251 + 1 for number in range(1_000))
