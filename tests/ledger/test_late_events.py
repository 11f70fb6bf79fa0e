"""Events that come after newer ones."""

import pytest

from burnline.windows.slices import SLICE_MS
from tests.ledger.examples import (
    MILLI,
    T0,
    at_slice,
    feed,
    held,
    ledger,
    spend,
)

FIRST = T0 // SLICE_MS


class TestLateEvents:
    """Totals always, windows while their slice is held."""

    @pytest.mark.parametrize(
        ("behind", "in_slices", "in_long", "in_short"),
        [
            pytest.param(0, True, True, True, id="in-time"),
            pytest.param(1, True, True, True, id="short-window-just-holds-it"),
            pytest.param(2, True, True, False, id="short-window-just-does-not"),
            pytest.param(3, True, True, False, id="long-window-just-holds-it"),
            pytest.param(4, True, False, False, id="long-window-just-does-not"),
            pytest.param(6, True, False, False, id="slice-just-held"),
            pytest.param(7, False, False, False, id="slice-just-not-held"),
            pytest.param(100, False, False, False, id="long-gone"),
        ],
    )
    def test_count_where_their_slice_is_held(
        self, behind: int, *, in_slices: bool, in_long: bool, in_short: bool
    ) -> None:
        partition = ledger()
        feed(partition, spend(200, 1))
        feed(partition, spend(200 - behind, 10, number=1))
        found = held(partition)
        assert found.total("cost_pico_usd") == 11 * MILLI
        assert sum(found.slices.values()) == (11 if in_slices else 1) * MILLI
        assert found.long_pico_usd == (11 if in_long else 1) * MILLI
        assert found.short_pico_usd == (11 if in_short else 1) * MILLI
        assert partition.take_changes(T0).counts.late == (not in_slices)

    def test_may_open_an_anomaly(self) -> None:
        partition = ledger()
        feed(partition, spend(3, 1), spend(2.5, 80, number=1))
        assert [notice.opened_at for notice in partition.take_changes(T0).notices] == [at_slice(2.5)]

    def test_move_the_first_event_back_but_not_the_last_one(self) -> None:
        partition = ledger()
        feed(partition, spend(3, 1), spend(1, 1), spend(2, 1))
        found = held(partition)
        assert (found.first_event_at, found.last_event_at) == (at_slice(1), at_slice(3))

    def test_what_is_pruned_at_a_flush_was_too_late_before(self) -> None:
        partition = ledger()
        feed(partition, spend(0, 1), spend(7, 1))
        assert partition.take_changes(T0).counts.late == 0
        assert set(held(partition).slices) == {FIRST + 7}
