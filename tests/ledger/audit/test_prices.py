"""What was charged by a catalogue of before is recounted by it: to the last digit, wherever the log is cut."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider
from hypothesis import given
from hypothesis import strategies as st

from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.audit.prices import PricesCharged
from burnline.ledger.progress import CatalogueSince
from burnline.pricing.book import RateBook
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.valuation import ValuationRate
from tests.ledger.audit.examples import KEEPING, applied, audited, cut_of, entries, found_of_sessions
from tests.ledger.examples import BOOK, T0, Topics, ledger, policy, usage
from tests.ledger.logs import Entry

LOG = entries(*(usage(event_id=f"e-{number}", session_id=f"s-{number % 2}") for number in range(6)))


def priced_at(usd: int) -> Catalogue:
    """One model, gpt-4o."""
    prices = ModelPrice(input_mtok=Decimal(usd), output_mtok=Decimal(usd))
    return Catalogue([Provider("openai", "", "", models=[ModelInfo("gpt-4o", ClauseEquals("gpt-4o"), prices=prices)])])


OLD = {each.version: BOOK.with_catalogue(each) for each in map(priced_at, (3, 4))}
NOW = RateBook.bundled()


def worked(parts: Sequence[tuple[RateBook, Sequence[Entry]]]) -> Topics:
    """What workers wrote that charged each part of the log by its own book."""
    topics, of = Topics(), policy()
    partition = ledger(of, KEEPING)
    for book, part in parts:
        of.set_book(book)
        applied(partition, part)
        topics.commit(partition.take_changes(T0))
    return topics


@given(first=st.integers(0, 6), second=st.integers(0, 6), cuts=st.sets(st.integers(1, 5)))
def test_a_log_that_three_catalogues_charged_agrees(first: int, second: int, cuts: set[int]) -> None:
    first, second = sorted((first, second))
    old = list(OLD.values())
    parts = [(old[0], LOG[:first]), (old[1], LOG[first:second]), (NOW, LOG[second:])]
    topics = worked([(book, part) for book, part in parts if part])
    assert found_of_sessions(audited(cut_of(topics, LOG), LOG, of=policy(), books=OLD.get, cuts=sorted(cuts))) == []


@pytest.mark.parametrize(
    ("kept", "outcome"),
    [
        pytest.param(True, Outcome.WRONG_AMOUNT, id="by a catalogue that is kept: it is wrong"),
        pytest.param(False, Outcome.OTHER_RATES, id="by one that is not: nobody can say"),
    ],
)
def test_a_wrong_amount(kept: bool, outcome: Outcome) -> None:  # noqa: FBT001
    """The worker charged by a rate of which there is no trace, over a catalogue of before."""
    (first, *_) = OLD.values()
    odd = first.with_overrides(
        [
            ValuationRate(
                provider="*", model="gpt-4o", effective_from=0,
                input_usd_per_million_tokens="9", output_usd_per_million_tokens="9",
            )
        ]
    )  # fmt: skip
    topics = worked([(odd, LOG)])
    report = audited(cut_of(topics, LOG), LOG, books=OLD.get if kept else lambda _: None)
    assert {found for found, *_ in found_of_sessions(report)} == {outcome}


KNOWN = (CatalogueSince("a", 10, 1), CatalogueSince("b", 20, 2), CatalogueSince("c", 20, 2))


@pytest.mark.parametrize(
    ("first", "end", "versions"),
    [
        pytest.param(0, 10, [], id="before the first that is known"),
        pytest.param(0, 11, ["a"], id="its first event"),
        pytest.param(10, 21, ["a", "c"], id="one that charged nothing is not missed"),
        pytest.param(19, 30, ["a", "c"], id="the last of one"),
        pytest.param(20, 30, ["c"], id="from the next on"),
    ],
)
def test_which_catalogues_are_missed(first: int, end: int, versions: list[str]) -> None:
    assert PricesCharged(KNOWN, policy(), lambda _: None).not_kept(first, end) == versions
