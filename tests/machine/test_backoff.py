"""A part that ends again and again is started ever later, and one that was well at once again."""

import pytest

from burnline.machine.backoff import FIRST_S, LONGEST_S, WELL_AFTER_S, Backoff


def test_each_pause_is_twice_as_long_up_to_the_longest() -> None:
    backoff = Backoff()
    assert [backoff.pause_s(0) for _ in range(7)] == [1, 2, 4, 8, 16, LONGEST_S, LONGEST_S]


@pytest.mark.parametrize(
    ("ran_s", "pause_s"),
    [pytest.param(WELL_AFTER_S - 0.1, 4, id="not yet well"), pytest.param(WELL_AFTER_S, FIRST_S, id="was well")],
)
def test_who_was_well_begins_anew(ran_s: float, pause_s: float) -> None:
    backoff = Backoff()
    for _ in range(2):
        backoff.pause_s(0)
    assert backoff.pause_s(ran_s) == pause_s
