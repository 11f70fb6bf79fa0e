"""CSV text as RFC 4180 has it, with text cells that no spreadsheet takes for a formula."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

Cell = str | int | Decimal | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet read a cell as a formula; the wide forms do so in some."""

LINES_PER_CHUNK = 128
"""A few milliseconds of work: others want to be answered meanwhile."""
TEXTS_HELD = 8_192
_QUOTED = (",", '"', "\r", "\n")


def guarded(text: str) -> str:
    """Text that a spreadsheet shows as it is: with an apostrophe before what would start a formula, blanks or not.

    Ids come from whoever publishes events; without this one of them could run a command at whoever opens the file.
    """
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A whole file in pieces of a hundred lines or so, made as they are asked for.

    Text cells are guarded, numbers are written plain (a negative one is no formula), null is an empty cell.
    """
    lines = [_line(header)]
    for row in rows:
        lines.append(_line(row))
        if len(lines) >= LINES_PER_CHUNK:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _line(row: Sequence[Cell]) -> str:
    return ",".join(map(_cell, row)) + "\r\n"


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _text(cell)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


@lru_cache(maxsize=TEXTS_HELD)  # most cells of a column repeat
def _text(cell: str) -> str:
    text = guarded(cell)
    return '"{}"'.format(text.replace('"', '""')) if any(mark in text for mark in _QUOTED) else text
