"""Rows of exports: CSV with a header, JSON lines, an array of objects, or pages of them as APIs answer.

Files are read as they go, but for pages: these are as large as an API's answer.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from burnline.imports.found import OnBytes, Unread

CHUNK_BYTES = 1 << 20
Row = Mapping[str, Any]
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_MARK = b"\xef\xbb\xbf"
_LIST = "data"
"""Where pages of APIs have their rows."""


def read_rows(file: Path, on_bytes: OnBytes) -> Iterator[tuple[str, Row] | Unread]:
    """Each row of a file, and where it stands; what its content is shows by its first character."""
    with file.open("rb") as opened:
        first = opened.read(4_096).removeprefix(_MARK).lstrip()[:1]
    if first == b"[":
        return _array(file, on_bytes)
    if first == b"{":
        return _objects(file, on_bytes)
    return csv_rows(file, on_bytes)


def csv_rows(file: Path, on_bytes: OnBytes) -> Iterator[tuple[str, Row] | Unread]:
    """Each row of a CSV file with a header; commas, semicolons or tabs."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        head = text.readline()
        text.seek(0)
        separator = max(",;\t", key=head.count)
        rows = csv.DictReader(_counted(text, on_bytes), delimiter=separator, strict=True)
        while True:
            where = f"{file}:{rows.line_num + 1}"
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield Unread(where, str(error))
                continue
            if row is None:
                return
            yield where, row


def _counted(lines: io.TextIOBase, on_bytes: OnBytes) -> Iterator[str]:
    for line in lines:
        on_bytes(len(line.encode()))
        yield line


def _objects(file: Path, on_bytes: OnBytes) -> Iterator[tuple[str, Row] | Unread]:
    """One object a line, or one that goes over many; either may be a page."""
    with file.open("rb") as opened:
        is_lines = _is_object(opened.readline())
    if is_lines:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                on_bytes(len(line))
                if line.strip():
                    yield from _of_text(f"{file}:{number}", line.removeprefix(_MARK))
        return
    whole = file.read_bytes()
    on_bytes(len(whole))
    yield from _of_text(str(file), whole.removeprefix(_MARK))


def _is_object(line: bytes) -> bool:
    try:
        _decode(line.removeprefix(_MARK))
    except (ValueError, RecursionError):
        return False
    return True


def _of_text(where: str, text: bytes) -> Iterator[tuple[str, Row] | Unread]:
    try:
        found = _decode(text)
    except (ValueError, RecursionError) as error:
        yield Unread(where, str(error))
        return
    rows = found.get(_LIST)
    if not isinstance(rows, list):
        yield where, found
        return
    for number, row in enumerate(rows, 1):
        yield _object(f"{where}[{number}]", row)


def _array(file: Path, on_bytes: OnBytes) -> Iterator[tuple[str, Row] | Unread]:
    """Objects of an array, one after the other: of a file that does not fit into memory, too."""
    decode = json.JSONDecoder().raw_decode
    number, held = 0, ""
    with file.open(encoding="utf-8-sig") as text:
        while chunk := text.read(CHUNK_BYTES):
            on_bytes(len(chunk.encode()))
            held += chunk
            while True:
                held = held.lstrip(" \t\r\n,[" if number == 0 else " \t\r\n,")
                if not held.startswith("{"):
                    break
                try:
                    row, end = decode(held)
                except (json.JSONDecodeError, RecursionError):
                    break  # it goes on in the next chunk
                number += 1
                held = held[end:]
                yield _object(f"{file}[{number}]", row)
    if held.strip() not in ("]", ""):
        yield Unread(f"{file}[{number + 1}]", f"no JSON object begins at {held.strip()[:40]!r}")


def _object(where: str, row: object) -> tuple[str, Row] | Unread:
    return (where, row) if isinstance(row, dict) else Unread(where, f"a row must be an object, not {row!r:.40}")
