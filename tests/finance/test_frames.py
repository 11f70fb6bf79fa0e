"""Rows into columns: exact at any size, partials added up, and only what may be seen."""

from decimal import Decimal, localcontext
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.bounds import UnpricedBounds
from burnline.finance.frames import (
    COSTS,
    COUNTS,
    SCHEMA,
    Dimension,
    Totals,
    empty,
    joined,
    matching,
    read_rows,
    totals,
    visible,
    within,
)
from tests.finance.rows import PARTS, QUARTER, T0, row, value

BOUNDS = UnpricedBounds.bundled()
PICO = Decimal(10) ** 12


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return read_rows([value(each) for each in rows], BOUNDS)


amounts = st.integers(0, 10**24)  # a trillion USD
counts = st.integers(0, 10**15)
wide_rows = st.builds(
    row,
    since_offset=st.integers(0, 3),
    quarter_start_ms=st.sampled_from([T0, T0 + QUARTER]),
    org_id=st.sampled_from(["acme", "globex"]),
    agent_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=5),
    team_id=st.sampled_from([None, "red"]),
    provider=st.sampled_from(["", "openai"]),
    **dict.fromkeys(COUNTS, counts),
    **dict.fromkeys(PARTS, amounts),
    savings=amounts,
)


@given(st.lists(wide_rows, max_size=8))
def test_sums_are_those_of_decimal_to_the_last_digit(rows: list[dict[str, Any]]) -> None:
    found = totals(frame(*rows))
    with localcontext(prec=100):
        for name in COSTS:
            wanted = sum((Decimal(each[f"{name}_usd"]) for each in rows), Decimal(0)) * PICO
            assert getattr(found, name) == wanted
    for name in COUNTS:
        assert getattr(found, name) == sum(each[name] for each in rows)
    assert found.cost == sum(getattr(found, f"{part}_cost") for part in PARTS)


def test_no_column_is_a_float() -> None:
    read = frame(row(input=1), row(agent_id="other"))
    assert read.schema == SCHEMA
    assert not any(dtype.is_float() for dtype in read.schema.values())
    assert all(isinstance(each, int) for each in totals(read)[:-1])


class TestRareSums:
    """What most rows do not have: a frame has a column of it where one of its rows does."""

    AUDIO = row(input_audio_tokens=600, input_audio_cost_usd="0.0192")
    HIT = row(kind="cache_hit", cache_hits=2, events=2, semantic_cache_savings_usd="0.000000000001")

    def test_they_are_summed_to_the_last_digit(self) -> None:
        found = totals(frame(self.AUDIO, self.AUDIO | {"since_offset": 1}, self.HIT, row(agent_id="plain")))
        assert found.rare == {
            "input_audio_tokens": 1_200,
            "input_audio_pico_usd": 38_400_000_000,
            "cache_hits": 2,
            "semantic_savings_pico_usd": 1,
        }
        assert (found.events, found.prompts) == (5, 5)

    def test_rows_without_them_have_no_columns(self) -> None:
        assert frame(row(), row(errors=0, agent_id="other")).schema == SCHEMA

    def test_days_with_and_without_are_one(self) -> None:
        whole = joined([frame(row()), frame(self.AUDIO), frame(self.HIT)])
        assert totals(whole) == totals(frame(row())).plus(totals(frame(self.AUDIO))).plus(totals(frame(self.HIT)))
        assert totals(whole).minus(totals(whole)) == Totals.zero()

    def test_tool_calls_and_runs_are_no_prompts(self) -> None:
        assert totals(frame(row(kind="run"), row(kind="tool_call"), row(kind="embedding"), row())).prompts == 1


def test_what_a_float_would_lose() -> None:
    read = frame(row(input=10**24, since_offset=0), row(input=1, since_offset=1))
    assert totals(read).cost == 10**24 + 1


def test_partials_of_the_same_are_one_row() -> None:
    read = frame(row(since_offset=0, events=2), row(since_offset=9, events=3), row(source_partition=1, events=4))
    assert (read.height, totals(read).events) == (1, 9)


def test_no_rows() -> None:
    assert read_rows([], BOUNDS).equals(empty())
    assert totals(empty()) == Totals.zero()


@pytest.mark.parametrize(
    "damaged",
    [b"", b"[]", b"{}", b'{"cost_usd":1}', value(row())[:-9], value(row(cost_usd="much")), value(row(org_id=None))],
    ids=["nothing", "a list", "empty", "a number", "cut off", "words", "no org"],
)
def test_what_is_no_row(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="not rollup rows"):
        read_rows([value(row()), damaged], BOUNDS)


def test_tokens_without_a_rate_have_bounds_by_their_provider() -> None:
    read = frame(
        row(provider="openai", model="gpt-99", unpriced_tokens=1000),
        row(provider="acme-ai", model="x", unpriced_tokens=10),
        row(provider="openai", model="gpt-4o", input=5),
    )
    found = totals(read)
    openai, other = BOUNDS.of("openai"), BOUNDS.of("acme-ai")
    assert found.unpriced_low == 1000 * openai.low + 10 * other.low
    assert found.unpriced_high == 1000 * openai.high + 10 * other.high
    assert 0 < found.unpriced_low < found.unpriced_high


class TestPremium:
    """What writing to the cache cost above plain input."""

    def test_by_the_rate_of_the_other_input(self) -> None:
        # 500k fresh at 3 USD a million, 8M read at 0.30, 2M written at 3.75: FOCUS' example.
        used = totals(
            frame(
                row(
                    input_tokens=10_500_000,
                    cached_input_tokens=8_000_000,
                    cache_write_tokens=2_000_000,
                    input=1_500_000_000_000,
                    cached_input=2_400_000_000_000,
                    cache_write=7_500_000_000_000,
                    savings=21_600_000_000_000,
                )
            )
        )
        assert (used.cache_write_premium, used.premium_unknown_tokens) == (1_500_000_000_000, 0)

    def test_by_the_models_rate_where_all_input_is_written(self) -> None:
        written = row(input_tokens=100, cache_write_tokens=100, cache_write=500)
        other = row(quarter_start_ms=T0 + QUARTER, input_tokens=10, input=40)
        assert totals(frame(written, other)).cache_write_premium == 100

    def test_unknown_where_no_input_says_what_it_costs(self) -> None:
        used = totals(frame(row(input_tokens=100, cache_write_tokens=100, cache_write=500)))
        assert (used.cache_write_premium, used.premium_unknown_tokens) == (0, 100)

    def test_none_where_writing_costs_nothing(self) -> None:
        used = totals(frame(row(input_tokens=100, cache_write_tokens=100, unpriced_tokens=110)))
        assert (used.cache_write_premium, used.premium_unknown_tokens) == (0, 0)


ROWS = (
    row(org_id="acme", team_id="red", provider="openai"),
    row(org_id="acme", team_id=None, provider=""),
    row(org_id="globex", team_id="blue", quarter_start_ms=T0 + QUARTER),
)


@pytest.mark.parametrize(
    ("orgs", "seen"),
    [(None, 3), (frozenset[str](), 0), (frozenset({"acme"}), 2), (frozenset({"globex", "x"}), 1)],
    ids=["everything", "nothing", "one", "another"],
)
def test_only_what_may_be_seen(orgs: frozenset[str] | None, seen: int) -> None:
    assert visible(frame(*ROWS), orgs).height == seen


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({}, 3),
        ({Dimension.TEAM: ["red", "blue"]}, 2),
        ({Dimension.TEAM: [""]}, 1),
        ({Dimension.PROVIDER: [""]}, 1),
        ({Dimension.ORG: ["acme"], Dimension.TEAM: ["blue"]}, 0),
    ],
    ids=["none", "any of them", "no team", "provider unknown", "all of them"],
)
def test_filters(filters: dict[Dimension, list[str]], left: int) -> None:
    assert matching(frame(*ROWS), filters).height == left


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "left"),
    [(T0, T0 + QUARTER, 2), (T0 + 1, T0 + QUARTER + 1, 1), (T0, T0, 0)],
    ids=["half open", "from later on", "empty"],
)
def test_periods(from_ms: int, until_ms: int, left: int) -> None:
    assert within(frame(*ROWS), from_ms, until_ms).height == left
