"""Parquet files by a mapping of their columns, some thousand rows at a time."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from burnline.imports.found import Found, OnBytes, Unread
from burnline.imports.mapped import FieldMapping, mapped_row

ROWS_AT_ONCE = 50_000


def read_parquet(file: Path, mapping: FieldMapping, on_bytes: OnBytes) -> Iterator[Found | Unread]:
    """Each row of a Parquet file; a dot in a column's name goes into a struct.

    Raises:
        ImportError: Polars is not installed (extra `api`).
    """
    import polars as pl

    size = file.stat().st_size
    try:
        frame = pl.scan_parquet(file)
        rows = int(frame.select(pl.len()).collect().item())
    except pl.exceptions.PolarsError as error:
        yield Unread(str(file), str(error).partition("\n")[0])
        return
    told = 0
    for offset in range(0, rows, ROWS_AT_ONCE):
        batch = frame.slice(offset, ROWS_AT_ONCE).collect()
        for number, row in enumerate(batch.iter_rows(named=True), offset + 1):
            yield mapped_row(f"{file}[{number}]", _plain(row), mapping.event)
        read = size * min(rows, offset + ROWS_AT_ONCE) // rows
        on_bytes(read - told)
        told = read


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Times as texts, which a mapping reads, and an id derives from."""
    return {name: value.isoformat() if isinstance(value, date | datetime) else value for name, value in row.items()}
