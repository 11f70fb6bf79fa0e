"""One catalogue after another."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, ModelPrice, Provider, StartDateConstraint

from burnline.pricing.catalogue import Catalogue
from burnline.pricing.compiled import compile_price
from burnline.pricing.corrections import Correction
from burnline.pricing.dated import Always, Dated, day_ms
from burnline.pricing.succession import differences, newest_price_ms, succeeding

NOW_MS = day_ms(2026, 11, 28)


def price(usd: str, output: str = "1") -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(usd), output_mtok=Decimal(output))


def providers(**prices: ModelPrice | list[ConditionalPrice]) -> Sequence[Provider]:
    models = [ModelInfo(name, ClauseEquals(name), prices=each) for name, each in prices.items()]
    return [Provider("maker", "", "", models=models)]


def since(day: date, usd: str) -> ConditionalPrice:
    return ConditionalPrice(StartDateConstraint(day), prices=price(usd))


def found(before: Sequence[Provider], after: Sequence[Provider]) -> list[tuple[str, str, bool]]:
    return [
        (each.model, each.kind, bool(each.doubts)) for each in differences(Catalogue(before), Catalogue(after), NOW_MS)
    ]


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        pytest.param(providers(a=price("1")), providers(a=price("1.0")), [], id="the same"),
        pytest.param(providers(a=price("1")), providers(a=price("1"), b=price("1")), [("b", "new", False)], id="new"),
        pytest.param(providers(a=price("1"), b=price("1")), providers(b=price("1")), [("a", "gone", False)], id="gone"),
        pytest.param(providers(a=price("1")), providers(a=price("2")), [("a", "changed", False)], id="changed"),
        pytest.param(providers(a=price("1")), providers(a=price("999")), [("a", "changed", False)], id="not far yet"),
        pytest.param(providers(a=price("1")), providers(a=price("1000")), [("a", "changed", True)], id="far"),
        pytest.param(providers(a=price("1")), providers(a=price("0", "1")), [("a", "changed", True)], id="nothing now"),
        pytest.param(providers(a=price("0")), providers(a=price("1")), [("a", "changed", False)], id="nothing before"),
        pytest.param(
            providers(a=price("1")), providers(a=[since(date(2020, 1, 1), "1"), since(date(2027, 1, 1), "2")]),
            [("a", "changed", False)], id="another price to come",
        ),
    ],
)  # fmt: skip
def test_what_changes(
    before: Sequence[Provider], after: Sequence[Provider], kinds: list[tuple[str, str, bool]]
) -> None:
    assert found(before, after) == kinds


CORRECTED = Correction("maker", "a", (Dated(Always(), compile_price(price("5"))),), "their docs")
INSTALLED = Catalogue(providers(a=price("1"), b=price("1")), [CORRECTED])


@pytest.mark.parametrize(
    ("newer", "usd"),
    [
        pytest.param(providers(a=price("1")), 5_000_000, id="still as it was corrected: ours"),
        pytest.param(providers(a=price("4")), 4_000_000, id="mended meanwhile: theirs"),
    ],
)
def test_a_correction_holds_as_long_as_the_list_has_what_it_corrects(newer: Sequence[Provider], usd: int) -> None:
    after = succeeding(newer, INSTALLED, "list.json")
    entry = after.listed("maker", "a")
    assert entry is not None
    assert entry.at(NOW_MS).value.tiers[0].input == usd
    assert (after.source, after.regions) == ("list.json", INSTALLED.regions)


def test_a_correction_of_what_is_gone_is_gone() -> None:
    assert succeeding(providers(b=price("1")), INSTALLED, "").contents.corrections == []


@pytest.mark.parametrize(
    ("days", "newest"),
    [
        pytest.param([], 0, id="no day"),
        pytest.param([date(2026, 11, 1), date(2026, 11, 28)], day_ms(2026, 11, 28), id="today"),
        pytest.param([date(2026, 11, 1), date(2026, 11, 29)], day_ms(2026, 11, 1), id="tomorrow is no age"),
    ],
)
def test_how_old_a_catalogue_is_at_most(days: list[date], newest: int) -> None:
    dated = [since(day, "1") for day in days]
    assert newest_price_ms(Catalogue(providers(a=dated or price("1"))), NOW_MS) == newest
