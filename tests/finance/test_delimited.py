"""CSV that no spreadsheet runs."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.delimited import FORMULA_STARTS, LINES_PER_CHUNK, Cell, csv_chunks, guarded


def text(*rows: list[Cell]) -> str:
    return "".join(csv_chunks(["a", "b"], rows))


def read(*rows: list[Cell]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text(*rows), newline="")))[1:]


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
    assert read(*rows) == [[guarded(cell) for cell in row] for row in rows]  # type: ignore[arg-type]
    assert not any(cell.startswith(FORMULA_STARTS) for row in read(*rows) for cell in row)  # type: ignore[arg-type]
