"""The kernel's memory of event ids: what restoring it costs, counted in work and not in seconds."""

from array import array

import pytest

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
        held.restore_ids(array("Q", range(start, start + per_record)), newest=newest)
    assert held.ids_held >= count
    assert held.ids_placed <= MOST_PLACED_PER_ID * held.ids_held
    assert all(held.knows(each) for each in range(count))
    assert not held.knows(held.ids_held)


def test_an_id_that_stands_in_two_records_is_held_once() -> None:
    held = kernel(100)
    for _ in range(3):
        held.restore_ids(array("Q", [0, 1, 2**64 - 1]), newest=False)
    assert held.ids_held == 3
