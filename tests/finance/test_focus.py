"""FOCUS 1.2: every column's presence, nullability and values, and costs that lose nothing."""

import json
import re
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.meters import METERS as RARE_METERS
from burnline.events.meters import NAMES as RARE
from burnline.events.meters import PARTS
from burnline.finance.focus import COLUMNS, Cell, Charge, UsageOfDay, cells, charges
from burnline.finance.unit_prices import Rates
from burnline.pricing.money import PICO_PER_USD, usd_text

DAY = 1_760_054_400_000
"""2025-10-10T00:00Z."""
USED = UsageOfDay(
    day_start_ms=DAY,
    day_end_ms=DAY + 86_400_000,
    month_start_ms=DAY - 9 * 86_400_000,
    month_end_ms=DAY + 22 * 86_400_000,
    org_id="acme",
    agent_id="agent-7",
    team_id="platform",
    project_code="PRJ-7",
    provider="openai",
    model="gpt-4o",
    kind="llm",
    events=3,
    input_tokens=1_000,
    output_tokens=200,
    cached_input_tokens=600,
    cache_write_tokens=100,
    reasoning_tokens=50,
    unpriced_tokens=0,
    input_cost=300 * 2_500_000,
    cached_input_cost=600 * 1_250_000,
    cache_write_cost=100 * 2_500_000,
    output_cost=150 * 10_000_000,
    reasoning_cost=50 * 10_000_000,
    request_cost=0,
)


def own(**used: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Of each rare meter, its own units and their cost."""
    return tuple(used.get(name, (0, 0)) for name in RARE)


def names(text: str) -> list[str]:
    return text.split()


MANDATORY = names(
    "BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory "
    "ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName "
    "ListCost PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName"
)
"""The spec's feature level "Mandatory", FOCUS 1.2."""

OF_THE_FIELD = names(
    "BillingAccountId BillingAccountName SubAccountId SubAccountName SubAccountType Tags ResourceId ResourceName "
    "ResourceType BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd ChargeCategory ChargeClass "
    "ChargeDescription ChargeFrequency InvoiceIssuerName InvoiceId ServiceCategory "
    "ServiceSubcategory ServiceName SkuId SkuMeter SkuPriceId SkuPriceDetails ConsumedQuantity ConsumedUnit "
    "PricingQuantity PricingUnit PricingCategory ListUnitPrice ContractedUnitPrice ListCost ContractedCost BilledCost "
    "EffectiveCost BillingCurrency"
)
"""What readers of token costs ask for, by the per-token example of the specification."""

MAY_BE_NULL = names(
    "BillingAccountName SubAccountId SubAccountName SubAccountType Tags ChargeClass InvoiceId ListUnitPrice "
    "ContractedUnitPrice"
)
"""All others are never null in a row of usage; the unit prices are only where there is none."""

FOCUS_1_2 = names(
    "AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency "
    "BillingPeriodEnd BillingPeriodStart CapacityReservationId CapacityReservationStatus ChargeCategory ChargeClass "
    "ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory "
    "CommitmentDiscountId CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus "
    "CommitmentDiscountType CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice "
    "EffectiveCost InvoiceId InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingCurrency "
    "PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice PricingQuantity "
    "PricingUnit ProviderName PublisherName RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory "
    "ServiceName ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId SubAccountName "
    "SubAccountType Tags"
)
"""Every column of FOCUS 1.2."""

ALLOWED = {
    "ChargeCategory": {"Usage"},
    "ChargeFrequency": {"Usage-Based"},
    "ServiceCategory": {"AI and Machine Learning"},
    "ServiceSubcategory": {"Generative AI"},
    "PricingCategory": {"Standard", "Other"},
    "BillingCurrency": {"USD"},
    "ConsumedUnit": {"Tokens", "Requests"},
    "PricingUnit": {"1000000 Tokens", "Requests"},
    "SkuMeter": {"Input Tokens", "Cached Input Tokens", "Cache Write Tokens", "Output Tokens", "Reasoning Tokens"}
    | {"Requests"},
    "x_PricingStatus": {"priced", "partly", "unpriced", "mixed"},
}
WIDE = Context(prec=60)


def rows(*usage: UsageOfDay) -> list[dict[str, Cell]]:
    header = [column.name for column in COLUMNS]
    return [dict(zip(header, cells(row), strict=True)) for row in charges(usage)]


def cost(used: UsageOfDay) -> int:
    return (
        used.input_cost
        + used.cached_input_cost
        + used.cache_write_cost
        + used.output_cost
        + used.reasoning_cost
        + used.request_cost
        + used.reported_cost
    )


def number(cell: Cell) -> Decimal:
    assert isinstance(cell, Decimal)
    return cell


class TestColumns:
    """Which there are."""

    @pytest.mark.parametrize("name", sorted({*MANDATORY, *OF_THE_FIELD}))
    def test_one_that_must_be_there(self, name: str) -> None:
        assert [column.name for column in COLUMNS].count(name) == 1

    def test_all_others_are_marked_as_our_own_or_conditional_in_the_specification(self) -> None:
        others = {column.name for column in COLUMNS} - {*MANDATORY, *OF_THE_FIELD}
        assert {name for name in others if not name.startswith("x_")} == {"BillingAccountType"}

    def test_each_is_one_of_the_version_or_marked_as_our_own(self) -> None:
        assert len(set(FOCUS_1_2)) == 57
        assert {column.name for column in COLUMNS if not column.name.startswith("x_")} <= set(FOCUS_1_2)

    @pytest.mark.parametrize("column", COLUMNS, ids=[column.name for column in COLUMNS])
    def test_which_may_be_null(self, column: Any) -> None:
        assert column.nullable is (column.name in MAY_BE_NULL)


BARE = USED._replace(team_id=None, project_code=None, provider="", request_cost=7, unpriced_tokens=10)


class TestCells:
    """What stands in them, of a full row and of one that has as little as can be."""

    @pytest.mark.parametrize("used", [USED, BARE], ids=["full", "bare"])
    @pytest.mark.parametrize("column", COLUMNS, ids=[column.name for column in COLUMNS])
    def test_of_its_type(self, column: Any, used: UsageOfDay) -> None:
        for row in rows(used):
            cell = row[column.name]
            if cell is None:
                assert column.nullable
                continue
            assert cell != ""
            match column.type:
                case "decimal":
                    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", f"{number(cell):f}")
                case "time":
                    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(cell))
                    assert datetime.fromisoformat(str(cell)).tzinfo is not None
                case "json":
                    assert {type(value) for value in json.loads(str(cell)).values()} == {str}
                case _:
                    assert isinstance(cell, str)
            if column.name in ALLOWED:
                assert cell in ALLOWED[column.name]

    def test_who(self) -> None:
        for row in rows(USED):
            assert (row["BillingAccountId"], row["BillingAccountName"]) == ("acme", "acme")
            assert (row["SubAccountId"], row["SubAccountType"]) == ("platform", "Team")
            assert row["SubAccountName"] == "platform"
            assert (row["ResourceId"], row["ResourceType"]) == ("agent-7", "AI Agent")
            assert json.loads(str(row["Tags"])) == {"team_id": "platform", "project_code": "PRJ-7"}

    def test_a_type_is_null_where_its_id_is(self) -> None:
        for row in rows(BARE):
            assert (row["SubAccountId"], row["SubAccountName"], row["SubAccountType"], row["Tags"]) == (None,) * 4

    def test_when(self) -> None:
        (first, *_) = rows(USED)
        assert (first["ChargePeriodStart"], first["ChargePeriodEnd"]) == (
            "2025-10-10T00:00:00Z",
            "2025-10-11T00:00:00Z",
        )
        assert (first["BillingPeriodStart"], first["BillingPeriodEnd"]) == (
            "2025-10-01T00:00:00Z",
            "2025-11-01T00:00:00Z",
        )

    def test_what(self) -> None:
        assert [row["SkuId"] for row in rows(USED)] == [
            "openai/gpt-4o/input",
            "openai/gpt-4o/cached-input",
            "openai/gpt-4o/cache-write",
            "openai/gpt-4o/output",
            "openai/gpt-4o/reasoning",
        ]
        for row in rows(USED):
            assert row["SkuPriceId"] == f"{row['SkuId']}@{row['ListUnitPrice']:f}"
            assert json.loads(str(row["SkuPriceDetails"])).keys() == {"x_ModelId", "x_ModelProvider", "x_TokenType"}

    def test_a_provider_without_a_name(self) -> None:
        assert {row["ProviderName"] for row in rows(BARE)} == {"unknown"}

    def test_how_much(self) -> None:
        found = [
            (row["ConsumedQuantity"], row["PricingQuantity"], row["ListUnitPrice"], row["BilledCost"])
            for row in rows(USED)
        ]
        assert found == [
            (Decimal(300), Decimal("0.0003"), Decimal("2.5"), Decimal("0.00075")),
            (Decimal(600), Decimal("0.0006"), Decimal("1.25"), Decimal("0.00075")),
            (Decimal(100), Decimal("0.0001"), Decimal("2.5"), Decimal("0.00025")),
            (Decimal(150), Decimal("0.00015"), Decimal(10), Decimal("0.0015")),
            (Decimal(50), Decimal("0.00005"), Decimal(10), Decimal("0.0005")),
        ]

    def test_fees_for_requests(self) -> None:
        *_, fee = rows(USED._replace(request_cost=3 * 5_000_000_000))
        assert (fee["SkuMeter"], fee["ConsumedQuantity"], fee["PricingUnit"]) == ("Requests", Decimal(3), "Requests")
        assert (fee["ListUnitPrice"], fee["BilledCost"]) == (Decimal("0.005"), Decimal("0.015"))

    def test_what_was_reported(self) -> None:
        *_, reported = rows(USED._replace(reported_cost=15_000_000_000))
        assert (reported["SkuMeter"], reported["BilledCost"], reported["ListUnitPrice"]) == (
            "Reported Cost", Decimal("0.015"), None,
        )  # fmt: skip
        assert (reported["x_PricingStatus"], reported["PricingCategory"]) == ("reported", "Other")


class TestNothingUsed:
    """Rows that there are not."""

    def test_of_a_token_kind(self) -> None:
        used = USED._replace(cache_write_tokens=0, cache_write_cost=0)
        assert "Cache Write Tokens" not in [row["SkuMeter"] for row in rows(used)]

    def test_of_an_event_without_tokens(self) -> None:
        nothing = {name: 0 for name in UsageOfDay._fields if name.endswith(("_tokens", "_cost"))}
        assert rows(USED._replace(**nothing, kind="tool_call")) == []  # type: ignore[arg-type]

    def test_at_all(self) -> None:
        assert rows() == []


NO_COSTS = {name: 0 for name in UsageOfDay._fields if name.endswith("_cost")}


class TestUnpriced:
    """Never a zero in silence."""

    def test_whole(self) -> None:
        for row in rows(USED._replace(**NO_COSTS, unpriced_tokens=1_200)):  # type: ignore[arg-type]
            assert (row["BilledCost"], row["ListUnitPrice"], row["ContractedUnitPrice"]) == (Decimal(0), None, None)
            assert (row["x_PricingStatus"], row["PricingCategory"]) == ("unpriced", "Other")
            assert str(row["ChargeDescription"]).startswith("UNPRICED: ")
            assert row["x_UnpricedTokensAtMost"] == row["ConsumedQuantity"]

    def test_in_part(self) -> None:
        """Of which kind they were is not known any more."""
        found = rows(USED._replace(unpriced_tokens=120))
        assert {row["x_PricingStatus"] for row in found} == {"partly"}
        assert {row["ListUnitPrice"] for row in found} == {None}  # cost by quantity is no price then
        assert [row["x_UnpricedTokensAtMost"] for row in found] == [120, 120, 100, 120, 50]
        assert all(str(row["ChargeDescription"]).startswith("PARTLY UNPRICED: ") for row in found)

    def test_not(self) -> None:
        for row in rows(USED):
            assert (row["x_PricingStatus"], row["PricingCategory"]) == ("priced", "Standard")
            assert row["x_UnpricedTokensAtMost"] == 0

    def test_a_free_model_is_priced(self) -> None:
        for row in rows(USED._replace(**NO_COSTS)):  # type: ignore[arg-type]
            assert (row["x_PricingStatus"], row["BilledCost"]) == ("priced", Decimal(0))


COUNT = st.integers(0, 10**12)
PICO = st.integers(0, 10**21)


@st.composite
def any_usage(draw: st.DrawFn) -> UsageOfDay:
    parts = {part: draw(COUNT) for part in PARTS if part != "request"}
    costs = {part: draw(PICO) if units else 0 for part, units in parts.items()} | {"request": draw(PICO)}
    rare = [(0, 0)] * len(RARE_METERS)
    for at in draw(st.lists(st.integers(0, len(rare) - 1), max_size=3, unique=True)):
        rare[at] = draw(st.integers(1, 10**12)), draw(PICO)
        costs[RARE_METERS[at].part] += rare[at][1]
        if RARE_METERS[at].is_tokens:
            parts[RARE_METERS[at].part] += rare[at][0]
    plain, cached, written, answer, reasoning = parts.values()
    events = draw(st.integers(1, 10**9))
    return USED._replace(
        events=events,
        input_tokens=plain + cached + written,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=answer + reasoning,
        reasoning_tokens=reasoning,
        unpriced_tokens=draw(st.integers(0, sum(parts.values()))),
        input_cost=costs["input"],
        cached_input_cost=costs["cached_input"],
        cache_write_cost=costs["cache_write"],
        output_cost=costs["output"],
        reasoning_cost=costs["reasoning"],
        request_cost=costs["request"],
        reported_cost=draw(PICO),
        own=tuple(rare) if any(units for units, _ in rare) else (),
    )


@given(st.lists(any_usage(), max_size=5))
def test_costs_sum_to_the_ledgers(usage: list[UsageOfDay]) -> None:
    for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        billed = Decimal(0)
        for row in rows(*usage):
            billed = WIDE.add(billed, number(row[column]))
        assert WIDE.multiply(billed, Decimal(PICO_PER_USD)) == sum(cost(used) for used in usage)


@given(st.lists(any_usage(), max_size=5))
def test_quantities_sum_to_the_tokens(usage: list[UsageOfDay]) -> None:
    tokens = [number(row["ConsumedQuantity"]) for row in rows(*usage) if row["ConsumedUnit"] == "Tokens"]
    assert sum(tokens) == sum(used.input_tokens + used.output_tokens for used in usage)


@given(any_usage())
def test_price_times_quantity_is_the_cost(used: UsageOfDay) -> None:
    for row in rows(used):
        assert (row["ListUnitPrice"] is None) == (row["x_PricingStatus"] != "priced")
        assert row["ContractedUnitPrice"] == row["ListUnitPrice"]
        if row["ListUnitPrice"] is None:
            assert row["PricingCategory"] == "Other"
            continue
        assert WIDE.multiply(number(row["ListUnitPrice"]), number(row["PricingQuantity"])) == row["ListCost"]


@given(st.integers(1, 10**12), st.integers(0, 10**12))
def test_a_rate_that_stood_is_found_again_exactly(tokens: int, rate: int) -> None:
    used = USED._replace(**NO_COSTS, input_tokens=tokens, cached_input_tokens=0, cache_write_tokens=0)  # type: ignore[arg-type]
    (row, *_) = rows(used._replace(input_cost=tokens * rate))
    assert f"{row['ContractedUnitPrice']:f}" == usd_text(rate * 10**6)


class Cards:
    """Rates of input; of nothing else."""

    def __init__(self, own: tuple[int, ...], catalogue: tuple[int, ...]) -> None:
        self._rates = Rates(own, catalogue)

    def rates(self, provider: str, model: str, at_ms: int, meter: str) -> Rates:  # noqa: ARG002  # any of them
        return self._rates if meter == "input" else Rates()


def of_input(cards: Cards, *sums: tuple[int, int]) -> list[Charge]:
    nothing = {name: 0 for name in UsageOfDay._fields if name.endswith(("_tokens", "_cost"))}
    used = [USED._replace(**nothing | {"input_tokens": tokens, "input_cost": cost}) for tokens, cost in sums]  # type: ignore[arg-type]
    return list(charges(used, cards))


class TestPrices:
    """A row per unit price, of the day's usage at any time of it."""

    def test_two_rates_of_one_card_make_two_rows(self) -> None:
        cards = Cards((1_250_000, 2_500_000), (1_250_000, 2_500_000))
        found = of_input(cards, (400_001, 200_000 * 1_250_000 + 200_001 * 2_500_000))
        assert [(row.quantity, row.price, row.sku_price) for row in found] == [
            (200_000, 1_250_000, "openai/gpt-4o/input@1.25"),
            (200_001, 2_500_000, "openai/gpt-4o/input@2.5"),
        ]

    def test_the_same_price_at_several_times_is_one_row(self) -> None:
        found = of_input(Cards((7,), (7,)), (10, 70), (5, 35), (2, 18))
        assert [(row.quantity, row.cost, row.price) for row in found] == [(15, 105, 7), (2, 18, 9)]

    def test_an_override_stands_beside_the_list_price(self) -> None:
        (row,) = of_input(Cards((5,), (7,)), (10, 50))
        assert (row.price, row.list_price, row.amount, row.list_amount) == (5, 7, Decimal("50e-12"), Decimal("70e-12"))

    def test_several_that_cannot_be_told_apart_have_none(self) -> None:
        (row,) = of_input(Cards((3, 5, 9), (3, 5, 9)), (3, 17))
        assert (row.status, row.price, row.list_amount, row.sku_price) == ("mixed", None, row.amount, row.sku)
        assert row.description == "Input Tokens of gpt-4o, at several rates"


class TestRareMeters:
    """What is metered beside plain tokens has rows of its own, each at its own price."""

    def test_audio_hours_and_searches(self) -> None:
        used = USED._replace(
            input_cost=200 * 2_500_000 + 100 * 32_000_000,
            cache_write_cost=60 * 2_500_000 + 40 * 5_000_000,
            request_cost=2 * 10_000_000_000,
            own=own(
                input_audio_tokens=(100, 100 * 32_000_000),
                cache_write_1h_tokens=(40, 40 * 5_000_000),
                web_searches=(2, 2 * 10_000_000_000),
            ),
        )
        found = {charge.meter.name: charge for charge in charges([used])}
        assert {name: (charge.quantity, charge.price) for name, charge in found.items()} == {
            "Input Tokens": (200, 2_500_000),
            "Cached Input Tokens": (600, 1_250_000),
            "Cache Write Tokens": (60, 2_500_000),
            "Output Tokens": (150, 10_000_000),
            "Reasoning Tokens": (50, 10_000_000),
            "Cache Write 1H Tokens": (40, 5_000_000),
            "Input Audio Tokens": (100, 32_000_000),
            "Web Searches": (2, 10_000_000_000),
        }
        searches = found["Web Searches"]
        assert (searches.contracted_unit_price, searches.meter.unit) == (Decimal(10), "Searches")
        assert (
            dict(zip([column.name for column in COLUMNS], cells(searches), strict=True))["PricingUnit"]
            == "1000 Searches"
        )
        whole = used.input_cost + used.cached_input_cost + used.cache_write_cost + used.output_cost
        assert sum(charge.cost for charge in found.values()) == whole + used.reasoning_cost + used.request_cost
        assert {charge.status for charge in found.values()} == {"priced"}

    def test_a_part_that_is_rare_altogether_has_no_plain_row(self) -> None:
        audio = own(input_audio_tokens=(300, USED.input_cost))
        assert "Input Tokens" not in {charge.meter.name for charge in charges([USED._replace(own=audio)])}
