"""CSV that no spreadsheet runs."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.delimited import (
    BOM,
    FORMULA_STARTS,
    GUARDED,
    LINES_PER_CHUNK,
    PLAIN,
    Cell,
    Style,
    csv_chunks,
    guarded,
    visible,
)


def text(*rows: list[Cell], style: Style = GUARDED) -> str:
    return "".join(csv_chunks(["a", "b"], rows, style))


def read(*rows: list[Cell], style: Style = GUARDED) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text(*rows, style=style), newline="")))[1:]


@pytest.mark.parametrize("start", FORMULA_STARTS, ids=repr)
def test_the_start_of_a_formula(start: str) -> None:
    assert guarded(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert guarded(f"  {start}1") == f"'  {start}1"


@pytest.mark.parametrize("plain", ["gpt-4o", "a=b", "'=1", "", "1+1", '{"=":1}'])
def test_text_that_starts_none(plain: str) -> None:
    assert guarded(plain) == plain


def test_cells_by_their_type() -> None:
    assert read(["=1+1", Decimal("-0.000000000001")], [None, 12], ["a,b", 'say "x"']) == [
        ["'=1+1", "-0.000000000001"],
        ["", "12"],
        ["a,b", 'say "x"'],
    ]


def test_the_header_stands_there_without_rows() -> None:
    assert text() == "a,b\r\n"


@pytest.mark.parametrize("count", [LINES_PER_CHUNK - 2, LINES_PER_CHUNK - 1, LINES_PER_CHUNK])
def test_in_pieces(count: int) -> None:
    pieces = list(csv_chunks(["a", "b"], ([str(number), None] for number in range(count))))
    assert "".join(pieces).count("\r\n") == count + 1
    assert len(pieces) == (count + 1) // LINES_PER_CHUNK + 1


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)))
def test_nothing_but_the_guard_is_added(rows: list[list[str]]) -> None:
    assert read(*rows) == [[visible(guarded(cell)) for cell in row] for row in rows]  # type: ignore[arg-type]
    assert not any(cell.startswith(FORMULA_STARTS) for row in read(*rows) for cell in row)  # type: ignore[arg-type]


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)))
def test_without_a_guard_every_text_comes_back(rows: list[list[str]]) -> None:
    assert read(*rows, style=PLAIN) == rows  # type: ignore[arg-type]


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_guarded_no_text_breaks_a_line(rows: list[list[str]]) -> None:
    assert len(text(*rows).splitlines()) == len(rows) + 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_text", "seen"),
    [
        ("a\u2028b", "a\\u2028b"),
        ("a\u2029b", "a\\u2029b"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("Müller-Prüfer 王小明", "Müller-Prüfer 王小明"),
    ],
    ids=["line", "paragraph", "right to left", "zero width", "letters"],
)
def test_what_is_not_seen_is_written_out(given_text: str, seen: str) -> None:
    assert visible(given_text) == seen


@pytest.mark.parametrize(
    ("given_text", "guard"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a; @x;-y", "a; '@x;'-y"),
        ("a\t+1", "a\t'+1"),
        (";=x", ";'=x"),
        ("a;b", "a;b"),
        ("a=1;b", "a=1;b"),
    ],
)
def test_a_formula_behind_another_separator_is_guarded(given_text: str, guard: str) -> None:
    assert guarded(given_text) == guard


def test_a_byte_order_mark_only_if_asked() -> None:
    assert text(style=Style(bom=True)) == BOM + "a,b\r\n"
    assert not text().startswith(BOM)


CHANGED = (
    "00123", "1E5", "1e-5", "1.10", "7", "-3", "1,5", "12345678901234567890", "5%",
    "$5", "-$5", "5€", "(5)", "1-2", "3/4", "1.2.3", "2026-11-28", "28.11.2026",
    "MAR1", "SEPT2", "1-Mar", "2mar", "12:30", "TRUE", "false", " 7 ", "Dec 2026",
    "1:2 pm",
)  # fmt: skip


@pytest.mark.parametrize("number", CHANGED)
def test_ids_that_excel_changes(number: str) -> None:
    assert read([number, "gpt-4o"], style=Style(excel_ids=True)) == [[f'="{number}"', "gpt-4o"]]
    assert read([number, Decimal(1)], style=PLAIN) == [[number, "1"]]


@pytest.mark.parametrize(
    "word",
    ["e", "E5", "1E", "v1", ".", "", "may", "march", "1-2-b", "gpt-4", "marc1", "2026-11-28T00:00:00Z", "truely"],
)
def test_ids_that_it_does_not(word: str) -> None:
    assert read([word, None], style=Style(excel_ids=True)) == [[word, ""]]
