"""What subjects have spent, out of the records of usage rollups: whole flushes, and the newest of each key."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.budgets.budget import Scope, Subject
from burnline.budgets.periods import Span
from burnline.budgets.spending import Spending
from burnline.finance.days import QUARTER_MS
from tests.budgets.examples import USD
from tests.budgets.records import record

ACME = Subject(Scope.ORG, "acme", "")
BOT = Subject(Scope.AGENT, "acme", "bot")
EVER = Span(0, 100 * QUARTER_MS)


def test_nothing_counts_before_its_flush_is_whole() -> None:
    spending = Spending()
    assert spending.take(*record(3 * USD)) == set()
    assert (spending.spent_pico(ACME, EVER), spending.offsets) == (0, {})
    changed = spending.take(*record(4 * USD, since=7, agent="other"), 12)
    assert spending.offsets == {0: 12}
    assert spending.spent_pico(ACME, EVER) == 7 * USD
    assert spending.spent_pico(BOT, EVER) == 3 * USD
    assert {one.subject.name for one in changed} == {"", "bot", "other"}


def test_the_newest_record_of_a_key_counts() -> None:
    spending = Spending()
    spending.take(*record(3 * USD), 5)
    spending.take(*record(5 * USD), 9)
    spending.take(*record(2 * USD, since=6), 11)
    assert spending.spent_pico(ACME, EVER) == 7 * USD


def test_a_deleted_record_is_taken_back() -> None:
    spending = Spending()
    key, value = record(3 * USD, team="platform")
    spending.take(key, value, 5)
    spending.take(key, None)
    spending.end(0)
    assert spending.spent_pico(Subject(Scope.TEAM, "acme", "platform"), EVER) == 0
    assert spending.offsets == {0: 5}


def test_the_end_of_a_partition_makes_a_flush_whole() -> None:
    """As of workers that did not mark it; where the ledgers then are is not known."""
    spending = Spending()
    spending.take(*record(3 * USD))
    spending.end(1)
    assert spending.spent_pico(ACME, EVER) == 0
    spending.end(0)
    assert spending.spent_pico(ACME, EVER) == 3 * USD


@pytest.mark.parametrize(
    ("span", "usd"),
    [((1, 2), 1), ((1, 3), 3), ((2, 3), 2), ((0, 1), 0), ((3, 100), 0), ((0, 100), 3)],
)
def test_a_period_has_the_quarters_that_begin_in_it(span: tuple[int, int], usd: int) -> None:
    spending = Spending()
    spending.take(*record(USD, quarter=1))
    spending.take(*record(2 * USD, quarter=2), 2)
    assert spending.spent_pico(ACME, Span(*(each * QUARTER_MS for each in span))) == usd * USD


def test_what_is_forgotten_stays_so() -> None:
    spending = Spending()
    spending.take(*record(USD, quarter=1))
    spending.take(*record(2 * USD, quarter=2), 2)
    spending.forget_before(QUARTER_MS + 1)
    assert spending.spent_pico(ACME, EVER) == 2 * USD
    assert spending.take(*record(9 * USD, quarter=1), 3) == set()
    spending.forget_before(3 * QUARTER_MS)
    assert list(spending.subjects()) == []


def test_what_is_no_usage_rollup_says_so() -> None:
    with pytest.raises(ValueError, match="no usage rollup"):
        Spending().take(b"{}", b"[]")
    with pytest.raises(ValueError, match="no usage rollup"):
        Spending().take(b"{}", None)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 4), st.integers(0, USD)), max_size=30),
    st.data(),
)
def test_sums_are_those_of_the_newest_records_however_flushes_are_cut(
    rows: Sequence[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    spending, newest = Spending(), {}
    for number, (partition, since, quarter, pico) in enumerate(rows):
        newest[partition, since, quarter] = pico
        marked = data.draw(st.booleans())
        spending.take(*record(pico, partition=partition, since=since, quarter=quarter), number if marked else None)
    for partition in range(3):
        spending.end(partition)
    assert spending.spent_pico(ACME, EVER) == sum(newest.values())
    for quarter in range(1, 5):
        alone = Span(quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS)
        assert spending.spent_pico(BOT, alone) == sum(pico for key, pico in newest.items() if key[2] == quarter)
