"""Which card prices an event: overrides by date above the catalogue.

gpt-4o            catalogue ................ | first ........ | second ......
effective_from                               T1               T2
"""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices.types import (
    ClauseEquals,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
)
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.book import RateBook
from burnline.pricing.card import FOREVER_MS, charge
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.valuation import ValuationRate

T1, T2, T3 = 1_760_000_000_000, 1_770_000_000_000, 1_780_000_000_000
NEW_PRICE_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
assert T1 < NEW_PRICE_MS < T2


def price(usd: int) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(usd), output_mtok=Decimal(usd))


CATALOGUE = Catalogue(
    [
        Provider(
            "maker",
            "maker",
            "",
            model_match=ClauseStartsWith("gpt-"),
            models=[
                ModelInfo("gpt-4o", ClauseStartsWith("gpt-4o-2"), prices=price(100)),
                ModelInfo(
                    "dated",
                    ClauseEquals("dated"),
                    prices=[
                        ConditionalPrice(prices=price(100)),
                        ConditionalPrice(StartDateConstraint(date(2026, 1, 1)), prices=price(200)),
                    ],
                ),
            ],
        ),
        Provider("host", "host", "", models=[ModelInfo("gpt-4o", ClauseEquals("gpt-4o"), prices=price(300))]),
    ]
)
BOOK = RateBook(CATALOGUE)


def rate(usd: int, since: int = 0, provider: str = "maker", model: str = "gpt-4o") -> ValuationRate:
    return ValuationRate(
        provider=provider,
        model=model,
        effective_from=since,
        input_usd_per_million_tokens=str(usd),
        output_usd_per_million_tokens=str(usd),
    )


def paid(book: RateBook, provider: str | None, model: str, at_ms: int) -> int:
    """USD per million input tokens."""
    return charge(book.resolve(provider, model, at_ms), 1, 0, 0, 0, 0).cost_pico_usd // 10**6


@pytest.mark.parametrize(
    ("at_ms", "usd", "interval", "rule"),
    [
        pytest.param(0, 100, (0, T1), "exact id", id="at the beginning, the catalogue"),
        pytest.param(T1 - 1, 100, (0, T1), "exact id", id="before the first override, the catalogue"),
        pytest.param(T1, 1, (T1, T2), "override maker/gpt-4o from 2025-10-09T08:53:20Z", id="from the first on"),
        pytest.param(T2 - 1, 1, (T1, T2), "override maker/gpt-4o from 2025-10-09T08:53:20Z", id="until the second"),
        pytest.param(T2, 2, (T2, FOREVER_MS), "override maker/gpt-4o from 2026-02-02T02:40:00Z", id="the second"),
        pytest.param(T3, 2, (T2, FOREVER_MS), "override maker/gpt-4o from 2026-02-02T02:40:00Z", id="for ever"),
    ],
)
def test_overrides_hold_from_their_date_by_event_time(
    at_ms: int, usd: int, interval: tuple[int, int], rule: str
) -> None:
    book = BOOK.with_overrides([rate(2, T2), rate(1, T1)])
    card = book.resolve("maker", "gpt-4o", at_ms)
    assert paid(book, "maker", "gpt-4o", at_ms) == usd
    assert (card.valid_from_ms, card.valid_until_ms) == interval
    assert card.rule == rule
    assert card.source == ("catalogue" if usd == 100 else "valuation-rates")


def test_an_override_without_beginning_says_no_date() -> None:
    card = BOOK.with_overrides([rate(1)]).resolve("maker", "gpt-4o", 0)
    assert (card.provider, card.model, card.rule) == ("maker", "gpt-4o", "override maker/gpt-4o")


@pytest.mark.parametrize(
    ("at_ms", "usd", "interval"),
    [
        pytest.param(T1, 100, (0, NEW_PRICE_MS), id="old price, ended by the new one"),
        pytest.param(NEW_PRICE_MS, 200, (NEW_PRICE_MS, T2), id="new price, ended by an override"),
        pytest.param(T2, 1, (T2, FOREVER_MS), id="override"),
    ],
)
def test_the_catalogues_own_dates_and_overrides_bound_one_another(
    at_ms: int, usd: int, interval: tuple[int, int]
) -> None:
    book = BOOK.with_overrides([rate(1, T2, model="dated")])
    card = book.resolve("maker", "dated", at_ms)
    assert paid(book, "maker", "dated", at_ms) == usd
    assert (card.valid_from_ms, card.valid_until_ms) == interval


@pytest.mark.parametrize(
    ("provider", "model", "usd"),
    [
        pytest.param("maker", "gpt-4o", 1, id="by provider and model"),
        pytest.param(" MAKER ", " GPT-4o ", 1, id="case and blanks do not matter"),
        pytest.param(None, "gpt-4o", 1, id="without provider, by the catalogue's match"),
        pytest.param("vllm", "gpt-4o", 7, id="unknown provider, by the star and not by whose name it is"),
        pytest.param("maker", "gpt-4o-2024-08-06", 1, id="by the catalogue's id of the model"),
        pytest.param("host", "gpt-4o", 7, id="another provider, by the star"),
        pytest.param(None, "unheard-of", 9, id="a model that the catalogue does not know"),
        pytest.param("maker", "dated", 100, id="another model, by the catalogue"),
    ],
)
def test_whom_an_override_concerns(provider: str | None, model: str, usd: int) -> None:
    rates = [rate(1), rate(7, provider="*"), rate(9, provider="*", model="Unheard-Of")]
    assert paid(BOOK.with_overrides(rates), provider, model, T1) == usd


@pytest.mark.parametrize(
    ("rates", "usd"),
    [
        pytest.param([rate(1, T1), rate(2, T2, provider="*")], 1, id="provider before star, even if older"),
        pytest.param([rate(1, T3), rate(2, T1, provider="*")], 2, id="star while the provider's is not yet in force"),
        pytest.param([rate(1, T1, "Maker.Chat"), rate(2, T1)], 1, id="the event's name for it before the catalogue's"),
        pytest.param(
            [rate(1, model="gpt-4o-2024-08-06"), rate(2, T1)], 1, id="the event's model before the catalogue's id"
        ),
        pytest.param([rate(1), rate(2, provider="*", model="gpt-4o-2024-08-06")], 1, id="provider before model"),
        pytest.param([], 100, id="none: the catalogue"),
    ],
)
def test_precedence(rates: list[ValuationRate], usd: int) -> None:
    book = BOOK.with_overrides(rates)
    assert paid(book, "maker.chat", "gpt-4o-2024-08-06", T2) == usd


def test_a_star_ends_where_the_providers_own_begins() -> None:
    book = BOOK.with_overrides([rate(1, T3), rate(2, T1, provider="*")])
    assert [paid(book, "maker", "gpt-4o", at_ms) for at_ms in (T1 - 1, T1, T3 - 1, T3)] == [100, 2, 2, 1]
    assert book.resolve("maker", "gpt-4o", T2).valid_until_ms == T3


def test_an_override_found_by_the_catalogues_id_says_so() -> None:
    card = BOOK.with_overrides([rate(1)]).resolve("maker", "gpt-4o-2024-08-06", 0)
    assert card.rule == "override maker/gpt-4o (catalogue: starts_with gpt-4o-2)"


def test_deleting_restores_what_lay_below() -> None:
    both = BOOK.with_overrides([rate(1, T1), rate(2, T2)])
    one = both.with_overrides([rate(1, T1)])
    none = one.with_overrides([])
    assert [paid(book, "maker", "gpt-4o", T3) for book in (both, one, none, BOOK)] == [2, 1, 100, 100]
    assert one.resolve("maker", "gpt-4o", T3).valid_until_ms == FOREVER_MS


@pytest.mark.parametrize("order", [pytest.param(1, id="one way"), pytest.param(-1, id="and the other")])
def test_the_order_of_the_records_does_not_matter(order: int) -> None:
    """Two keys that differ in case alone mean the same rate: every worker takes the same of them."""
    rates = [rate(1, model="GPT-4o"), rate(2, model="gpt-4o")]
    assert paid(BOOK.with_overrides(rates[::order]), "maker", "gpt-4o", 0) == 2


def test_unpriced_says_why_and_for_how_long() -> None:
    card = BOOK.with_overrides([rate(5, T1, model="typo")]).resolve("maker", "typo", 0)
    assert not card.priced
    assert (card.provider, card.model, card.source) == ("maker", "typo", "none")
    assert card.rule == "maker lists no model 'typo'"
    assert (card.valid_from_ms, card.valid_until_ms) == (0, T1)


OVERRIDES = st.lists(
    st.builds(
        rate,
        st.integers(0, 50),
        st.integers(0, 6).map(lambda step: T1 + step if step else 0),
        st.sampled_from(["maker", "host", "vllm", "*"]),
        st.sampled_from(["gpt-4o", "gpt-4o-2024-08-06", "dated"]),
    ),
    max_size=12,
    unique_by=lambda each: each.key(),
)


@given(
    OVERRIDES,
    st.sampled_from([None, "maker", "host", "vllm"]),
    st.sampled_from(["gpt-4o", "gpt-4o-2024-08-06", "dated", "typo"]),
    st.integers(T1 - 2, T1 + 8),
    st.integers(T1 - 2, T1 + 8),
)
def test_a_card_can_be_kept_until_event_time_leaves_it(
    rates: list[ValuationRate], provider: str | None, model: str, at_ms: int, other_ms: int
) -> None:
    book = BOOK.with_overrides(rates)
    card = book.resolve(provider, model, at_ms)
    assert card.valid_from_ms <= at_ms < card.valid_until_ms
    assert card == BOOK.with_overrides(reversed(rates)).resolve(provider, model, at_ms)
    if card.valid_from_ms <= other_ms < card.valid_until_ms:
        assert book.resolve(provider, model, other_ms) == card


def test_the_bundled_book_prices_out_of_the_box() -> None:
    card = RateBook.bundled().resolve("openai", "gpt-4o", T1)
    assert (card.provider, card.model, card.rule) == ("openai", "gpt-4o", "exact id")
    assert charge(card, 1_000_000, 0, 0, 0, 0).cost_pico_usd == 2_500_000_000_000
