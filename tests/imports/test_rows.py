"""Rows of exports, in whatever format: told by the first character, read as they go."""

import json
from pathlib import Path
from typing import Any

import pytest

from burnline.imports.found import Unread
from burnline.imports.rows import CHUNK_BYTES, read_rows

ROWS: list[dict[str, Any]] = [{"id": "1", "n": {"a": "]"}}, {"id": "2", "n": {"a": "}, {"}}]
FORMATS = {
    "array": json.dumps(ROWS),
    "array-by-hand": json.dumps(ROWS, indent=2),
    "lines": "".join(json.dumps(row) + "\n" for row in ROWS),
    "page": json.dumps({"data": ROWS, "has_more": False}),
    "page-by-hand": json.dumps({"data": ROWS}, indent=2),
    "pages": "".join(json.dumps({"data": [row]}) + "\n" for row in ROWS),
}


def nothing(_bytes: int) -> None:
    """Progress that nobody looks at."""


def rows(file: Path) -> list[Any]:
    return [row if isinstance(row, Unread) else row[1] for row in read_rows(file, nothing)]


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order-mark"])
def test_each_format_has_the_same_rows(text: str, mark: str, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text(mark + text, encoding="utf-8")
    assert rows(tmp_path / "rows") == ROWS


def test_csv_is_what_begins_otherwise(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("id;n\n1;x\n2;y\n")
    assert rows(tmp_path / "rows") == [{"id": "1", "n": "x"}, {"id": "2", "n": "y"}]


@pytest.mark.parametrize(
    ("text", "whole", "why"),
    [
        ('[{"id": 1}, 7]', 1, "no JSON object begins at '7]'"),
        ('[{"id": 1}, {"id": ', 1, "no JSON object begins"),
        ('{"id": 1}\nnot JSON\n', 1, "malformed"),
        ('{"data": [7]}', 0, "a row must be an object"),
    ],
    ids=["number", "cut off", "line", "page"],
)
def test_what_is_no_row_is_named(text: str, whole: int, why: str, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text(text)
    found = rows(tmp_path / "rows")
    assert len(found) == whole + 1
    assert isinstance(found[-1], Unread)
    assert why in found[-1].why


def test_an_array_is_read_as_it_goes(tmp_path: Path) -> None:
    many = [{"id": number, "text": "x" * 1_000} for number in range(4 * CHUNK_BYTES // 1_000)]
    (tmp_path / "rows").write_text(json.dumps(many))
    read: list[int] = []
    found = read_rows(tmp_path / "rows", read.append)
    assert next(found) == (f"{tmp_path}/rows[1]", many[0])
    assert sum(read) <= CHUNK_BYTES
    assert sum(1 for _ in found) == len(many) - 1
    assert sum(read) == (tmp_path / "rows").stat().st_size
