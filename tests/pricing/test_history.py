"""What was set when, and what stood at a moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.history import Became, Record, history
from burnline.pricing.valuation import ValuationRate
from tests.ledger.examples import rate

ONE, OTHER = rate(0, "1"), rate(0, "2")
KEY = ONE.key()


def told(*records: tuple[int, ValuationRate | None]) -> list[tuple[str, int, int | None, Became]]:
    found = history(Record(KEY, at_ms, each) for at_ms, each in records)
    return [(each.rate.input_usd_per_million_tokens or "", *each[1:]) for each in found]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(5, ONE)], [("1", 5, None, Became.STANDS)], id="set"),
        pytest.param(
            [(5, ONE), (7, OTHER)], [("1", 5, 7, Became.REPLACED), ("2", 7, None, Became.STANDS)], id="replaced"
        ),
        pytest.param([(5, ONE), (7, None)], [("1", 5, 7, Became.REMOVED)], id="removed"),
        pytest.param([(5, ONE), (6, ONE)], [("1", 5, None, Became.STANDS)], id="the-same-again"),
        pytest.param([(5, None)], [], id="removed-and-never-set"),
        pytest.param(
            [(5, ONE), (6, None), (7, ONE)],
            [("1", 5, 6, Became.REMOVED), ("1", 7, None, Became.STANDS)],
            id="set-again",
        ),
    ],
)
def test_what_became_of_each(records: list[tuple[int, ValuationRate | None]], expected: list[object]) -> None:
    assert told(*records) == expected


@pytest.mark.parametrize(("at_ms", "stands"), [(4, False), (5, True), (6, True), (7, False)])
def test_it_stood_from_when_it_was_set_until_it_was_replaced(at_ms: int, stands: bool) -> None:  # noqa: FBT001
    first, _ = history([Record(KEY, 5, ONE), Record(KEY, 7, OTHER)])
    assert first.stood_at(at_ms) is stands


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, ONE, OTHER])), max_size=12))
def test_at_any_moment_the_newest_of_each_key_stood(writes: list[tuple[str, ValuationRate | None]]) -> None:
    records = [Record(key, at_ms, each) for at_ms, (key, each) in enumerate(writes)]
    changes = history(records)
    for moment in range(len(writes) + 1):
        newest = {record.key: record.rate for record in records if record.at_ms <= moment}
        wanted = sorted(each.model_dump_json() for each in newest.values() if each is not None)
        assert sorted(each.rate.model_dump_json() for each in changes if each.stood_at(moment)) == wanted
