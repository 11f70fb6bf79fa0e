"""Usage as tables: every group, exact, and months of a zone."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from burnline.events.meters import NAMES
from burnline.finance.bounds import UnpricedBounds
from burnline.finance.days import days_until, zone
from burnline.finance.exports import Type, allocations, of_days, parquet_frame
from burnline.finance.focus import plain
from burnline.finance.frames import Dimension, empty, read_rows
from tests.finance.rows import QUARTER, T0, row, value

ROWS = [
    row(input=1),
    row(quarter_start_ms=T0 + QUARTER, input=2, output=5),
    row(agent_id="agent-8", team_id=None, input=10**30),
]


@pytest.fixture
def frame() -> pl.DataFrame:
    return read_rows([value(one) for one in ROWS], UnpricedBounds.bundled())


class TestAllocations:
    """By any dimensions, dearest first."""

    def test_by_agent(self, frame: pl.DataFrame) -> None:
        table = allocations(frame, [Dimension.AGENT])
        cost = table.header.index("cost_usd")
        assert [(one[0], one[cost]) for one in table.rows()] == [
            ("agent-8", Decimal(10**18)),
            ("agent-7", Decimal("0.000000000008")),
        ]
        assert (table.height, table.types[0], table.types[1], table.types[cost]) == (2, Type.TEXT, Type.COUNT, Type.USD)

    def test_by_nothing(self, frame: pl.DataFrame) -> None:
        (only,) = allocations(frame, []).rows()
        assert only[0] == 3
        assert len(only) == len(allocations(frame, []).header)

    def test_of_nothing(self) -> None:
        for by in ([], [Dimension.ORG, Dimension.TEAM]):
            assert list(allocations(empty(), by).rows()) == []

    def test_rows_can_be_asked_for_twice(self, frame: pl.DataFrame) -> None:
        table = allocations(frame, list(Dimension))
        assert list(table.rows()) == list(table.rows())

    def test_in_columns(self, frame: pl.DataFrame) -> None:
        table = allocations(frame, [Dimension.AGENT, Dimension.TEAM])
        columns = parquet_frame(table)
        assert columns.rows() == list(table.rows())
        assert columns["team_id"].to_list() == [None, "red"]


class TestOfDays:
    """What FOCUS rows are made of."""

    def test_quarter_hours_of_a_day_are_one(self) -> None:
        utc = zone("UTC")
        some = (row(input=100), row(quarter_start_ms=T0 + QUARTER, input=100), row(agent_id="agent-8", team_id=None))
        frame = read_rows([value(one) for one in some], UnpricedBounds.bundled())
        height, usage = of_days(frame, days_until(utc, date(2025, 10, 9), 2), utc)
        found = list(usage)
        assert (height, [(one.agent_id, one.events, one.input_cost, one.output_cost) for one in found]) == (
            2,
            [("agent-7", 2, 200, 0), ("agent-8", 1, 0, 0)],
        )
        assert [one.team_id for one in found] == ["red", None]
        assert found[0].at_ms == T0

    @pytest.mark.parametrize(
        ("later", "rows"),
        [
            pytest.param({"input": 500}, 1, id="the-same-price"),
            pytest.param({"input": 600}, 2, id="another-price"),
            pytest.param({"input": 601}, 2, id="no-one-price"),
            pytest.param({"input": 500, "unpriced_tokens": 110}, 2, id="no-rate"),
            pytest.param({"input": 500, "unpriced_tokens": 10}, 2, id="a-rate-in-part"),
        ],
    )
    def test_a_row_per_price(self, later: dict[str, int], rows: int) -> None:
        utc = zone("UTC")
        both = [row(input=500), row(quarter_start_ms=T0 + QUARTER, **later)]
        frame = read_rows([value(one) for one in both], UnpricedBounds.bundled())
        height, usage = of_days(frame, days_until(utc, date(2025, 10, 9), 1), utc)
        assert (height, len(list(usage))) == (rows, rows)

    @pytest.mark.parametrize(
        ("last", "month"),
        [
            pytest.param(date(2025, 10, 9), ("2025-10-01", "2025-11-01"), id="october"),
            pytest.param(date(2025, 12, 31), ("2025-12-01", "2026-01-01"), id="december"),
        ],
    )
    def test_months_of_its_zone(self, last: date, month: tuple[str, str]) -> None:
        kolkata = zone("Asia/Kolkata")
        days = days_until(kolkata, last, 1)
        one = row(quarter_start_ms=days[0].start_ms)
        _, usage = of_days(read_rows([value(one)], UnpricedBounds.bundled()), days, kolkata)
        (found,) = usage
        starts = [days_until(kolkata, date.fromisoformat(text), 1)[0].start_ms for text in month]
        assert [found.month_start_ms, found.month_end_ms] == starts
        assert (found.day_start_ms, found.day_end_ms) == (days[0].start_ms, days[0].end_ms)

    def test_of_nothing(self) -> None:
        utc = zone("UTC")
        height, usage = of_days(empty(), days_until(utc, date(2025, 10, 9), 1), utc)
        assert (height, list(usage)) == (0, [])


@pytest.mark.parametrize(
    ("pico_usd", "text"),
    [(0, "0"), (1, "0.000000000001"), (10**12, "1"), (10**30 + 10, "1000000000000000000.00000000001"),
     (-15, "-0.000000000015")],
    ids=str,
)  # fmt: skip
def test_amounts_are_exact_and_short(pico_usd: int, text: str) -> None:
    assert f"{plain(pico_usd, 10**12):f}" == text


def test_what_rare_meters_count_of_a_day() -> None:
    """Units within each other are told once; quarters with other prices of them are rows of their own."""
    audio = {"input_audio_tokens": 60, "cached_input_audio_tokens": 20, "cached_input_tokens": 20}
    costs = {"input_audio_cost_usd": "0.0000000004", "cached_input_audio_cost_usd": "0.0000000001"}
    priced = row(input=40 * 10 + 40 * 1, cached_input=100, **audio, **costs)
    dearer = row(quarter_start_ms=T0 + QUARTER, input=40 * 20 + 40 * 1, cached_input=100, **audio)
    dearer |= costs | {"input_audio_cost_usd": "0.0000000008"}
    utc = zone("UTC")
    read = read_rows([value(priced), value(dearer), value(row(agent_id="plain"))], UnpricedBounds.bundled())
    height, usage = of_days(read, days_until(utc, date(2025, 10, 9), 1), utc)
    own = [dict(zip(NAMES, used.own, strict=True)) if used.own else {} for used in usage]
    assert height == 3
    assert [(each.get("input_audio_tokens"), each.get("cached_input_audio_tokens")) for each in own] == [
        ((40, 400), (20, 100)),
        ((40, 800), (20, 100)),
        (None, None),
    ]
