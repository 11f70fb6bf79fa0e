"""How long a refused partition is left alone, and what counts as news about it."""

import pytest

from burnline.stream.refusals import FIRST_RETRY_S, LAST_RETRY_S, Refusals
from burnline.topics.refusal import Cause, Refusal

WRITE = Refusal(Cause.NOT_AUTHORISED, "topic finops.sessions", "no right to write")
LARGE = Refusal(Cause.TOO_LARGE, "topic finops.sessions", "a record of 2,000,000 bytes")
DAMAGED = Refusal(Cause.UNREADABLE, "state of partition 1", "no session ledger", heals=False)


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        pytest.param([], WRITE, True, id="the first time"),
        pytest.param([WRITE], WRITE, False, id="the same again"),
        pytest.param([WRITE], WRITE._replace(reason="said otherwise"), False, id="the same in other words"),
        pytest.param([WRITE], LARGE, True, id="another cause"),
        pytest.param([WRITE], WRITE._replace(resource="topic finops.progress"), True, id="another resource"),
    ],
)
def test_a_refusal_is_news_once(before: list[Refusal], now: Refusal, *, news: bool) -> None:
    refusals = Refusals()
    for refusal in before:
        refusals.refuse(1, refusal, 0.0)
    assert refusals.refuse(1, now, 1.0) == news
    assert refusals.all() == {1: now}


def test_each_look_comes_later_than_the_one_before_up_to_a_bound() -> None:
    refusals, now_s, waits = Refusals(), 0.0, []
    for _ in range(8):
        refusals.refuse(1, WRITE, now_s)
        wait_s = refusals.wait_s(1)
        assert (refusals.due(now_s + wait_s - 0.01), refusals.due(now_s + wait_s)) == ([], [1])
        waits.append(wait_s)
        now_s += wait_s
    assert waits[:3] == [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S]
    assert waits[-1] == max(waits) == LAST_RETRY_S


def test_what_cannot_heal_is_not_looked_at_again() -> None:
    refusals = Refusals()
    refusals.refuse(1, DAMAGED, 0.0)
    assert refusals.due(1e9) == []


def test_what_went_on_begins_anew() -> None:
    refusals = Refusals()
    for _ in range(5):
        refusals.refuse(1, WRITE, 10.0)
    assert (refusals.end(1, 70.0), refusals.end(1, 70.0), len(refusals)) == (60.0, None, 0)
    assert refusals.refuse(1, WRITE, 80.0)
    assert refusals.wait_s(1) == FIRST_RETRY_S


def test_partitions_of_others_are_forgotten() -> None:
    refusals = Refusals()
    for partition in (1, 2, 3):
        refusals.refuse(partition, WRITE, 0.0)
    refusals.keep({2})
    assert (1 in refusals, 2 in refusals, list(refusals.all())) == (False, True, [2])
