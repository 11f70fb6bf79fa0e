"""What was fetched and is not applied is noticed, after a while and by partition."""

from burnline.stream.standstill import STANDSTILL_S, Standstill

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
