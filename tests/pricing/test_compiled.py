"""Compiling prices: what is stated, what is not, tiers, rounding, and times."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.types import Tier as CatalogueTier

from burnline.pricing.card import Tier
from burnline.pricing.compiled import CompiledPrice, compile_price, compile_prices
from burnline.pricing.dated import Always, Daily, Dated, Since

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("price", "tiers", "note"),
    [
        pytest.param(
            ModelPrice(input_mtok=Decimal("2.5"), output_mtok=Decimal(10)),
            (Tier(0, 2_500_000, 10_000_000, 2_500_000, 2_500_000, 10_000_000),),
            "",
            id="parts cost what their wholes cost",
        ),
        pytest.param(
            ModelPrice(
                input_mtok=Decimal(3),
                output_mtok=Decimal(15),
                cache_read_mtok=Decimal("0.3"),
                cache_write_mtok=Decimal("3.75"),
                output_reasoning_mtok=Decimal(4),
            ),
            (Tier(0, 3_000_000, 15_000_000, 300_000, 3_750_000, 4_000_000),),
            "",
            id="everything stated",
        ),
        pytest.param(
            ModelPrice(),
            (Tier(0, 0, 0, 0, 0, 0),),
            "free: the catalogue states no charge",
            id="nothing stated is free",
        ),
        pytest.param(
            ModelPrice(input_mtok=None, output_mtok=None),
            (Tier(0, 0, 0, 0, 0, 0),),
            "free: the catalogue states no charge",
            id="None states nothing",
        ),
        pytest.param(
            ModelPrice(input_mtok=Decimal("0.02")),
            (Tier(0, 20_000, 0, 20_000, 20_000, 0),),
            "the catalogue states no charge for output",
            id="input only",
        ),
        pytest.param(
            ModelPrice(output_mtok=Decimal(1)),
            (Tier(0, 0, 1_000_000, 0, 0, 1_000_000),),
            "the catalogue states no charge for input",
            id="output only",
        ),
        pytest.param(
            ModelPrice(audio_hours=Decimal("0.1"), input_audio_hours=Decimal("0.1")),
            (),
            "no rate for tokens, only for audio_hours, input_audio_hours",
            id="other units only are unpriced",
        ),
        pytest.param(
            ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1), requests_kcount=Decimal(12)),
            (Tier(0, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, per_request=12_000_000_000),),
            "",
            id="request fee",
        ),
        pytest.param(
            ModelPrice(input_mtok=Decimal("0.0000005"), output_mtok=Decimal("0.0000015")),
            (Tier(0, 0, 2, 0, 0, 2),),
            "rounded to 10^-12 USD: input_mtok, output_mtok",
            id="halves are rounded to even",
        ),
        pytest.param(
            ModelPrice(input_mtok=Decimal("0.000001"), output_mtok=Decimal("0.18000000000000002")),
            (Tier(0, 1, 180_000, 1, 1, 180_000),),
            "rounded to 10^-12 USD: output_mtok",
            id="finest rate that fits beside one that does not",
        ),
    ],
)
def test_prices_become_integers(price: ModelPrice, tiers: tuple[Tier, ...], note: str) -> None:
    assert compile_price(price) == CompiledPrice(tiers, note)


def test_tiers_of_all_units_are_merged() -> None:
    """Each unit keeps its own rate until its own line."""
    price = ModelPrice(
        input_mtok=TieredPrices(base=Decimal(1), tiers=[CatalogueTier(200_000, Decimal(2))]),
        output_mtok=TieredPrices(
            base=Decimal(5), tiers=[CatalogueTier(128_000, Decimal(6)), CatalogueTier(200_000, Decimal(7))]
        ),
        cache_read_mtok=Decimal("0.5"),
    )
    assert compile_price(price).tiers == (
        Tier(0, 1_000_000, 5_000_000, 500_000, 1_000_000, 5_000_000),
        Tier(128_000, 1_000_000, 6_000_000, 500_000, 1_000_000, 6_000_000),
        Tier(200_000, 2_000_000, 7_000_000, 500_000, 2_000_000, 7_000_000),
    )


def test_conditions_keep_their_order_and_become_utc_milliseconds() -> None:
    price = ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1))
    east = timezone(timedelta(hours=8))
    model = ModelInfo(
        "m",
        ClauseEquals("m"),
        prices=[
            ConditionalPrice(prices=price),
            ConditionalPrice(StartDateConstraint(date(2026, 8, 17)), prices=price),
            ConditionalPrice(TimeOfDateConstraint(time(16, 30, tzinfo=UTC), time(0, 30, tzinfo=UTC)), prices=price),
            ConditionalPrice(TimeOfDateConstraint(time(2, tzinfo=east), time(9, tzinfo=east)), prices=price),
            ConditionalPrice(TimeOfDateConstraint(time(1), time(4)), prices=price),
        ],
    )
    compiled = compile_price(price)
    start_ms = int(datetime(2026, 8, 17, tzinfo=UTC).timestamp()) * 1000
    assert compile_prices(model) == (
        Dated(Always(), compiled),
        Dated(Since(start_ms), compiled),
        Dated(Daily(16 * HOUR + HOUR // 2, HOUR // 2), compiled),
        Dated(Daily(18 * HOUR, HOUR), compiled),
        Dated(Daily(HOUR, 4 * HOUR), compiled),
    )
