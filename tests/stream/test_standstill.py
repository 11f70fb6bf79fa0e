"""What was fetched and is not applied is noticed, after a while and by partition; and so is what is never heard of."""

import pytest

from burnline.stream.standstill import (
    HEARD_WITHIN_POLLS,
    HEARD_WITHIN_S,
    LONGEST_S,
    STANDSTILL_S,
    Standstill,
    Unheard,
)

SOON_S = STANDSTILL_S - 1


def test_nothing_is_lost_while_ledgers_follow() -> None:
    standstill = Standstill()
    for second in range(30):
        assert standstill.found({0: 10 * second}, {0: 10 * second + 5}, float(second)) == []


def test_nothing_is_lost_when_all_is_applied() -> None:
    standstill = Standstill()
    assert standstill.found({0: 10}, {0: 10}, 0.0) == []
    assert standstill.found({0: 10}, {0: 10}, 10 * STANDSTILL_S) == []


def test_a_partition_that_does_not_move_is_found_when_its_time_is_up() -> None:
    standstill = Standstill()
    assert standstill.found({0: 10}, {0: 15}, 0.0) == []
    assert standstill.found({0: 10}, {0: 15}, SOON_S) == []
    assert standstill.found({0: 10}, {0: 15}, STANDSTILL_S) == [0]


def test_its_neighbours_that_move_do_not_hide_it() -> None:
    standstill = Standstill()
    assert standstill.found({0: 10, 1: 100}, {0: 15, 1: 200}, 0.0) == []
    assert standstill.found({0: 10, 1: 150}, {0: 15, 1: 250}, STANDSTILL_S) == [0]


def test_a_move_begins_its_time_anew() -> None:
    standstill = Standstill()
    assert standstill.found({0: 10}, {0: 15}, 0.0) == []
    assert standstill.found({0: 11}, {0: 15}, SOON_S) == []
    assert standstill.found({0: 11}, {0: 15}, STANDSTILL_S) == []
    assert standstill.found({0: 11}, {0: 15}, SOON_S + STANDSTILL_S) == [0]


def test_so_does_a_new_beginning() -> None:
    standstill = Standstill()
    assert standstill.found({0: 10}, {0: 15}, 0.0) == []
    standstill.forget()
    assert standstill.found({0: 10}, {0: 15}, STANDSTILL_S) == []


def test_a_partition_that_is_given_up_is_forgotten() -> None:
    standstill = Standstill()
    assert standstill.found({0: 10}, {0: 15}, 0.0) == []
    assert standstill.found({}, {}, 1.0) == []
    assert standstill.found({0: 10}, {0: 15}, STANDSTILL_S) == []


def silent(unheard: Unheard, *, for_s: float, polls: int = HEARD_WITHIN_POLLS, from_s: float = 0.0) -> list[int]:
    """What is found of partition 3 with the last of so many polls, the first at one moment and the last at another."""
    found: list[int] = []
    unheard.assigned()
    for poll in range(polls):
        assert found == []
        found = unheard.found([3], reachable=True, now_s=from_s + (for_s if poll == polls - 1 else 0.0))
    return found


@pytest.mark.parametrize(
    ("for_s", "polls", "found"),
    [
        pytest.param(HEARD_WITHIN_S, HEARD_WITHIN_POLLS, [3], id="its time is up"),
        pytest.param(HEARD_WITHIN_S - 0.1, HEARD_WITHIN_POLLS, [], id="its time is not up"),
        pytest.param(HEARD_WITHIN_S, HEARD_WITHIN_POLLS - 1, [], id="hardly anybody asked meanwhile"),
    ],
)
def test_a_partition_of_which_nothing_is_heard(for_s: float, polls: int, found: list[int]) -> None:
    assert silent(Unheard(), for_s=for_s, polls=polls) == found


def test_each_further_client_has_twice_the_time_until_something_is_heard() -> None:
    unheard, within_s = Unheard(), HEARD_WITHIN_S
    while within_s < LONGEST_S:
        assert silent(unheard, for_s=within_s - 0.1) == []
        assert silent(unheard, for_s=within_s) == [3]
        within_s *= 2
    assert silent(unheard, for_s=LONGEST_S) == [3]
    assert unheard.found([], reachable=True, now_s=0.0) == []
    assert silent(unheard, for_s=HEARD_WITHIN_S) == [3]


def test_while_no_broker_is_reached_nobody_can_be_heard() -> None:
    unheard = Unheard()
    for second in range(1_000):
        assert unheard.found([3], reachable=False, now_s=float(second)) == []
    assert silent(unheard, for_s=HEARD_WITHIN_S, from_s=1_000.0) == [3]
