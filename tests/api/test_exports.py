"""Exports over HTTP, on a real Redis: the same numbers as everywhere, to the last digit, and no formula."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from burnline.finance.focus import COLUMNS
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from tests.api.stage import OF_ACME, OF_OTHERS, VIEWER, Api, Projection, serving
from tests.api.usage import use
from tests.finance.rows import QUARTER, T0, row

CSV = "/exports/allocations.csv"
PARQUET = "/exports/allocations.parquet"
FOCUS = "/exports/focus.csv"
MIDNIGHT = 1_759_968_000_000
"""2025-10-09T00:00Z."""
KOLKATA_MIDNIGHT = MIDNIGHT - 19_800_000
ROWS = (
    row(input=1, output=2, reasoning=3, reasoning_tokens=4, cached_input=5, cached_input_tokens=6, savings=7),
    row(quarter_start_ms=T0 - QUARTER, since_offset=9, input=10**18 + 1, cache_write=4, cache_write_tokens=9),
    row(quarter_start_ms=T0 + QUARTER, source_partition=1, input=333, request=5_000_000_000, events=3),
    row(agent_id="agent-8", team_id=None, project_code=None, provider="", input=2),
    row(org_id="others", agent_id="theirs", input=777),
    row(model="new", unpriced_tokens=110),
    row(quarter_start_ms=MIDNIGHT - QUARTER, input=50),
    row(quarter_start_ms=KOLKATA_MIDNIGHT - QUARTER, input=6),
    row(quarter_start_ms=KOLKATA_MIDNIGHT, agent_id="agent-8", output=70),
)


@pytest.fixture
def used(reader: Api, projected: Projection) -> Api:
    use(projected, *ROWS)
    return reader


def table(api: Api, path: str, **params: Any) -> list[dict[str, str]]:
    response = api.raw("GET", path, params=params)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def cost(*rows: dict[str, Any]) -> Decimal:
    return sum((Decimal(one["cost_usd"]) for one in rows), Decimal(0))


class TestTrends:
    """Over time, as CSV."""

    def test_by_the_hour(self, used: Api) -> None:
        params = {"from": "2025-10-09T08:45:00Z", "to": "2025-10-10", "grain": "hour", "group_by": "org_id"}
        found = table(used, "/exports/trends.csv", **params)
        assert [(one["start"], one["org_id"], one["events"]) for one in found] == [
            ("2025-10-09T08:45:00Z", "acme", "1"),
            ("2025-10-09T09:00:00Z", "acme", "6"),
            ("2025-10-09T09:00:00Z", "others", "1"),
        ]
        assert found[0]["end"] == "2025-10-09T09:00:00Z"

    def test_the_same_in_all_as_by_group(self, used: Api) -> None:
        by_day = table(used, "/exports/trends.csv", days=3)
        assert cost(*by_day) == cost(*table(used, CSV, days=3))

    def test_of_nothing_is_a_header(self, used: Api) -> None:
        assert table(used, "/exports/trends.csv", org_id="acme", **{"from": "2025-10-01", "to": "2025-10-02"}) == []


class TestAllocations:
    """As CSV."""

    def test_the_same_as_over_json(self, used: Api) -> None:
        for params in (
            {},
            {"group_by": ["team", "model"]},
            {"org": "acme", "days": 1},
            {"tz": "Asia/Kolkata", "days": 1},
        ):
            told = used.get("/allocations", **params)
            rows = table(used, CSV, **params)
            assert [one["cost_usd"] for one in rows] == [one["cost_usd"] for one in told["allocations"]]
            assert cost(*rows) == Decimal(told["total"]["cost_usd"])
            for one, other in zip(rows, told["allocations"], strict=True):
                assert {name: one[name] or None for name in other["group"]} == other["group"]
                assert int(one["input_tokens"]) == other["input_tokens"]
                assert one["unpriced_high_usd"] == other["unpriced"]["high_usd"]
                assert one["reasoning_cost_usd"] == other["costs"]["reasoning_usd"]

    def test_every_column(self, used: Api) -> None:
        (first, *_) = table(used, CSV)
        assert list(first) == [
            *("org_id", "agent_id"),
            *("events", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"),
            *("reasoning_tokens", "unpriced_tokens"),
            *("cost_usd", "input_cost_usd", "cached_input_cost_usd", "cache_write_cost_usd", "output_cost_usd"),
            *("reasoning_cost_usd", "request_cost_usd", "reported_cost_usd", "cache_savings_usd"),
            *("unpriced_low_usd", "unpriced_high_usd"),
        ]

    def test_parts_add_up(self, used: Api) -> None:
        for one in table(used, CSV):
            parts = [Decimal(value) for name, value in one.items() if name.endswith("_cost_usd")]
            assert sum(parts) == Decimal(one["cost_usd"])

    def test_no_cell_is_a_formula(self, reader: Api, projected: Projection) -> None:
        use(projected, *(row(agent_id=f"{start}SUM(A1)", input=1) for start in "=+-@"))
        for path in (CSV, FOCUS):
            cells = [cell for one in table(reader, path, guard=True) for cell in one.values()]
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
            assert sum(cell.startswith("'") for cell in cells) >= 4

    def test_nothing_yet(self, reader: Api) -> None:
        response = reader.raw("GET", CSV)
        assert response.text.startswith("org_id,agent_id,events,")
        assert response.text.count("\r\n") == 1

    def test_it_says_how_fresh_it_is_and_what_is_unpriced(self, used: Api) -> None:
        for path in (CSV, PARQUET, FOCUS):
            headers = used.raw("GET", path).headers
            assert headers["x-burnline-as-of"] == "2025-10-09T08:53:20Z"
            assert headers["x-burnline-lag-events"] == "0"
            assert headers["x-burnline-unpriced-tokens"] == "110"
            assert Decimal(headers["x-burnline-unpriced-low-usd"]) < Decimal(headers["x-burnline-unpriced-high-usd"])
            stem, ending = path.rpartition("/")[2].split(".")
            named = f'attachment; filename="{stem}-2025-10-03-2025-10-09.{ending}"'
            assert headers["content-disposition"] == named


class TestParquet:
    """The same in columns."""

    @pytest.mark.parametrize("params", [{}, {"group_by": ["kind"]}, {"group_by": ["project", "provider"]}], ids=str)
    def test_the_same_as_csv(self, used: Api, params: dict[str, Any]) -> None:
        response = used.raw("GET", PARQUET, params=params)
        assert response.headers["content-type"] == "application/vnd.apache.parquet"
        frame = pl.read_parquet(io.BytesIO(response.content))
        rows = table(used, CSV, **params)
        assert frame.columns == list(rows[0])
        for ours, theirs in zip(frame.iter_rows(named=True), rows, strict=True):
            for name, value in ours.items():
                if isinstance(value, Decimal):
                    assert value == Decimal(theirs[name])
                else:
                    assert ("" if value is None else str(value)) == theirs[name]

    def test_types(self, used: Api) -> None:
        schema = pl.read_parquet(io.BytesIO(used.raw("GET", PARQUET).content)).schema
        assert (schema["org_id"], schema["events"]) == (pl.String(), pl.Int64())
        assert schema["cost_usd"] == pl.Decimal(38, 12)

    def test_text_is_not_guarded(self, reader: Api, projected: Projection) -> None:
        use(projected, row(agent_id="=1", input=1))
        frame = pl.read_parquet(io.BytesIO(reader.raw("GET", PARQUET).content))
        assert frame["agent_id"].to_list() == ["=1"]

    def test_nothing_yet(self, reader: Api) -> None:
        frame = pl.read_parquet(io.BytesIO(reader.raw("GET", PARQUET).content))
        assert (frame.height, frame.columns[:2]) == (0, ["org_id", "agent_id"])


class TestFocusPrices:
    """Unit prices are those of a price list, and none is made up."""

    def test_each_side_of_a_line_by_the_length_of_the_context_is_a_row(
        self, reader: Api, projected: Projection
    ) -> None:
        short, long = 200_000 * 1_250_000, 200_001 * 2_500_000
        both = {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 400_001, "output_tokens": 0}
        use(projected, row(**both, input=short + long))
        found = table(reader, FOCUS, model="gemini-2.5-pro", days=1)
        names = ("ConsumedQuantity", "ListUnitPrice", "ContractedUnitPrice", "BilledCost", "SkuPriceId")
        assert [[one[name] for name in names] for one in found] == [
            ["200000", "1.25", "1.25", "0.25", "google/gemini-2.5-pro/input@1.25"],
            ["200001", "2.5", "2.5", "0.5000025", "google/gemini-2.5-pro/input@2.5"],
        ]

    def test_a_rate_that_was_set_stands_beside_the_catalogues(self, reader: Api, projected: Projection) -> None:
        rate = {"input_usd_per_million_tokens": "2", "output_usd_per_million_tokens": "8"}
        of = {"provider": "openai", "model": "gpt-4o", "effective_from": 0}
        projected.rate(ValuationRate.model_validate(of | rate))
        use(projected, row(input=100 * 2_000_000, output=10 * 8_000_000))
        plain, answer = table(reader, FOCUS, days=1)
        names = ("ListUnitPrice", "ContractedUnitPrice", "ListCost", "ContractedCost", "BilledCost", "EffectiveCost")
        assert [plain[name] for name in names] == ["2.5", "2", "0.00025", *["0.0002"] * 3]
        assert [answer[name] for name in names] == ["10", "8", "0.0001", *["0.00008"] * 3]

    def test_several_that_cannot_be_told_apart_have_none(self, reader: Api, projected: Projection) -> None:
        use(projected, row(input=333))
        (mixed, answer) = table(reader, FOCUS, days=1)
        assert (mixed["x_PricingStatus"], mixed["ListUnitPrice"], mixed["BilledCost"]) == (
            "mixed",
            "",
            "0.000000000333",
        )
        assert answer["x_PricingStatus"] == "priced"


class TestFocus:
    """FOCUS 1.2 end to end; each column's rules are held in `tests.finance.test_focus`."""

    def test_every_column(self, used: Api) -> None:
        (first, *_) = table(used, FOCUS)
        assert list(first) == [column.name for column in COLUMNS]

    def test_what_may_not_be_null_is_not(self, used: Api) -> None:
        filled = [column.name for column in COLUMNS if not column.nullable]
        for one in table(used, FOCUS):
            assert [name for name in filled if one[name] == ""] == []

    @pytest.mark.parametrize(
        "params",
        [{}, {"days": 1}, {"tz": "Asia/Kolkata", "days": 1}, {"org": "acme"}, {"model": "gpt-4o"}, {"team": ""}],
        ids=str,
    )
    def test_billed_cost_sums_to_the_ledgers_cost(self, used: Api, params: dict[str, Any]) -> None:
        billed = sum((Decimal(one["BilledCost"]) for one in table(used, FOCUS, **params)), Decimal(0))
        assert billed == Decimal(used.get("/allocations", **params)["total"]["cost_usd"])

    def test_of_everything(self, used: Api) -> None:
        billed = sum((Decimal(one["BilledCost"]) for one in table(used, FOCUS)), Decimal(0))
        assert billed == cost(*ROWS)

    def test_a_row_per_token_kind(self, used: Api) -> None:
        sums: dict[str, tuple[int, Decimal]] = {}
        for one in table(used, FOCUS, agent="agent-7", model="gpt-4o", days=1):
            quantity, billed = sums.get(one["SkuMeter"], (0, Decimal(0)))
            sums[one["SkuMeter"]] = quantity + int(one["ConsumedQuantity"]), billed + Decimal(one["BilledCost"])
        assert sums == {
            "Input Tokens": (285, Decimal("1000000.000000000335")),
            "Cached Input Tokens": (6, Decimal("0.000000000005")),
            "Cache Write Tokens": (9, Decimal("0.000000000004")),
            "Output Tokens": (26, Decimal("0.000000000002")),
            "Reasoning Tokens": (4, Decimal("0.000000000003")),
            "Requests": (3, Decimal("0.005")),
        }

    def test_days_of_a_half_hour_zone(self, used: Api) -> None:
        found = table(used, FOCUS, tz="Asia/Kolkata", org="acme", days=2)
        by_day: dict[tuple[str, str], Decimal] = {}
        for one in found:
            day = one["ChargePeriodStart"], one["ChargePeriodEnd"]
            by_day[day] = by_day.get(day, Decimal(0)) + Decimal(one["BilledCost"])
            assert one["BillingPeriodStart"] == "2025-09-30T18:30:00Z"
            assert one["BillingPeriodEnd"] == "2025-10-31T18:30:00Z"
        second = cost(*(one for one in ROWS if one["org_id"] == "acme")) - Decimal("0.000000000006")
        assert by_day == {
            ("2025-10-07T18:30:00Z", "2025-10-08T18:30:00Z"): Decimal("0.000000000006"),
            ("2025-10-08T18:30:00Z", "2025-10-09T18:30:00Z"): second,
        }

    def test_unpriced_is_loud(self, used: Api) -> None:
        found = table(used, FOCUS, model="new")
        assert {one["x_PricingStatus"] for one in found} == {"unpriced"}
        assert all(one["ChargeDescription"].startswith("UNPRICED: ") for one in found)
        assert sum(int(one["x_UnpricedTokensAtMost"]) for one in found) == 110

    def test_nothing_yet(self, reader: Api) -> None:
        assert table(reader, FOCUS) == []


class TestForSpreadsheets:
    """What is asked for by parameters, and what programs get without."""

    @pytest.mark.parametrize("path", [CSV, FOCUS])
    def test_a_byte_order_mark(self, used: Api, path: str) -> None:
        assert used.raw("GET", path, params={"bom": True}).content.startswith(b"\xef\xbb\xbf")
        assert not used.raw("GET", path).content.startswith(b"\xef\xbb\xbf")

    def test_focus_changes_no_text_unless_asked(self, reader: Api, projected: Projection) -> None:
        use(projected, row(agent_id="=1", input=1))
        assert table(reader, FOCUS)[0]["ResourceId"] == "=1"
        assert table(reader, FOCUS, guard=True)[0]["ResourceId"] == "'=1"

    def test_ids_that_excel_takes_for_numbers(self, reader: Api, projected: Projection) -> None:
        use(projected, row(project_code="00123", input=1))
        ask = {"group_by": "project_code"}
        assert table(reader, CSV, **ask)[0]["project_code"] == "00123"
        assert table(reader, CSV, **ask, excel_ids=True)[0]["project_code"] == '="00123"'


class TestWhose:
    """Only what the caller sees."""

    def test_those_of_some(self, used: Api) -> None:
        for caller, org, agents in ((OF_ACME, "acme", {"agent-7", "agent-8"}), (OF_OTHERS, "others", {"theirs"})):
            used.by(caller)
            assert {one["agent_id"] for one in table(used, CSV)} == agents
            assert {one["BillingAccountId"] for one in table(used, FOCUS)} == {org}
            frame = pl.read_parquet(io.BytesIO(used.raw("GET", PARQUET).content))
            assert set(frame["org_id"].to_list()) == {org}
            assert used.raw("GET", FOCUS).headers["x-burnline-unpriced-tokens"] == ("110" if org == "acme" else "0")

    def test_asking_for_anothers_is_asking_for_nothing(self, used: Api) -> None:
        assert table(used.by(OF_OTHERS), FOCUS, org="acme") == []

    def test_viewers_may(self, used: Api) -> None:
        assert table(used.by(VIEWER), CSV)


class TestRefused:
    """What makes no file."""

    @pytest.mark.parametrize("params", [{"days": 0}, {"days": 401}, {"tz": "Mars/Base"}, {"group_by": "x"}], ids=str)
    def test_by_its_parameters(self, reader: Api, params: dict[str, Any]) -> None:
        reader.get(CSV, 422, **params)

    @pytest.mark.parametrize("path", [CSV, PARQUET, FOCUS])
    def test_as_too_large(self, used: Api, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("burnline.api.routes.exports.MAX_ROWS", 1)
        problem = used.get(path, 422)
        assert problem["type"] == "urn:burnline:problem:too-large"

    @pytest.mark.parametrize("path", [CSV, PARQUET, FOCUS])
    def test_without_a_projection(self, reader: Api, projected: Projection, path: str) -> None:
        projected.wipe()
        assert reader.get(path, 503)["type"] == "urn:burnline:problem:projection-missing"


@pytest.fixture
def many(reading: Settings, projected: Projection) -> Iterator[Api]:
    use(projected, *(row(agent_id=f"agent-{number}", input=number) for number in range(2_000)))
    with serving(reading) as api:
        yield api


def test_a_long_file_comes_whole(many: Api) -> None:
    rows = table(many, FOCUS)
    assert len(rows) == 4_000
    assert sum(Decimal(one["BilledCost"]) for one in rows) == Decimal(sum(range(2_000))) / 10**12
