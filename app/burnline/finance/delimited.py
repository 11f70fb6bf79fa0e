"""CSV text as RFC 4180 has it; if asked, so that no spreadsheet runs a cell or takes an id for a number.

A guard changes texts, so files for programs (FOCUS) go without it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

Cell = str | int | Decimal | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet read a cell as a formula; the wide forms do so in some."""

BOM = "\ufeff"
"""Before a file, it tells Excel that this is UTF-8."""
LINES_PER_CHUNK = 128
"""A few milliseconds of work: others want to be answered meanwhile."""
TEXTS_HELD = 8_192
_QUOTED = (",", '"', "\r", "\n")
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
_NUMBER = r"[+-]?[$€£¥]?[+-]?[0-9.,]*[0-9][0-9.,]*(e[+-]?[0-9]+)?[%€]?"
_MONTH = (
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?"
    r"|dec(ember)?)"
)
_PART = r"[-/. ]"
_CHANGED = re.compile(
    rf"\s*({_NUMBER}|\({_NUMBER}\)|true|false"
    rf"|[0-9]{{1,4}}{_PART}[0-9]{{1,4}}({_PART}[0-9]{{1,4}})?"
    rf"|([0-9]{{1,4}}{_PART}?)?{_MONTH}{_PART}?[0-9]{{1,4}}|[0-9]{{1,4}}{_PART}?{_MONTH}"
    r"|[0-9]{1,4}:[0-9]{1,2}(:[0-9]{1,2})?( ?[ap]m?)?)\s*",
    re.ASCII | re.IGNORECASE,
)
"""What Excel changes as it opens a file: numbers, amounts, dates (1-2, MAR1, 2026-11-28), times, truth values."""
_HIDDEN_START = re.compile(r"([;\t] *)(?=[=+\-@＝＋－＠])")
"""A formula in the middle of a cell: it begins one where semicolons or tabs part the cells of a file."""


class Style(NamedTuple):
    r"""How a file is written.

    Attributes:
        guard: Text that would start a formula has an apostrophe before it, and characters that break lines or turn
            the direction of a text (U+2028, bidirectional, zero-width) are written as `\u2028`.
        excel_ids: Text that Excel would change into a number or a date (`00123`, `1E5`, `1-2`, `SEPT2`) is written
            as the formula `="00123"`, the one way in which Excel keeps it in a CSV file. Others show the formula.
        bom: The file begins with a byte order mark.
    """

    guard: bool = True
    excel_ids: bool = False
    bom: bool = False


PLAIN = Style(guard=False)
GUARDED = Style()


def guarded(text: str) -> str:
    """Text that a spreadsheet shows as it is: with an apostrophe before what would start a formula, blanks or not.

    Ids come from whoever publishes events; without this one of them could run a command at whoever opens the file.
    So could one with a semicolon before the formula, where Excel parts cells at semicolons.
    """
    text = _HIDDEN_START.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def visible(text: str) -> str:
    r"""Text without characters that break lines or hide: each is written as its code, such as `\u2028`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(one):04x}" if unicodedata.category(one) in _UNSEEN else one for one in text)


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Cell]], style: Style = GUARDED) -> Iterator[str]:
    """A whole file in pieces of a hundred lines or so, made as they are asked for.

    Text cells are written as the style says, numbers are written plain (a negative one is no formula), null is an empty
    cell.
    """
    lines = [BOM * style.bom + _line(header, style)]
    for row in rows:
        lines.append(_line(row, style))
        if len(lines) >= LINES_PER_CHUNK:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _line(row: Sequence[Cell], style: Style) -> str:
    return ",".join(_cell(cell, style) for cell in row) + "\r\n"


def _cell(cell: Cell, style: Style) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _text(cell, style)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


@lru_cache(maxsize=TEXTS_HELD)  # most cells of a column repeat
def _text(cell: str, style: Style) -> str:
    text = visible(guarded(cell)) if style.guard else cell
    if style.excel_ids and _CHANGED.fullmatch(cell):
        text = f'="{cell}"'
    return '"{}"'.format(text.replace('"', '""')) if any(mark in text for mark in _QUOTED) else text
