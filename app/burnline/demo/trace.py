"""The packaged trace: when real requests came, and how long they and their answers were."""

import csv
import gzip
from collections.abc import Iterable
from datetime import datetime
from importlib import resources
from operator import itemgetter
from typing import NamedTuple

TRACE_FILE = "AzureLLMInferenceTrace_code.csv.gz"
_SECONDS_DIGITS = len("2023-11-16 18:17:03")
_TICKS_PER_MS = 10_000


class Request(NamedTuple):
    """One line of the trace: milliseconds since the first request, and the tokens that went in and came out."""

    offset_ms: int
    context_tokens: int
    generated_tokens: int


def load_trace() -> list[Request]:
    """All requests of the packaged trace, in order of arrival."""
    return parse_trace(published_file().decode("ascii").splitlines())


def published_file() -> bytes:
    """The trace byte for byte as its authors published it; in the package it is compressed."""
    return gzip.decompress((resources.files("burnline.demo") / "data" / TRACE_FILE).read_bytes())


def parse_trace(lines: Iterable[str]) -> list[Request]:
    """Read lines of the Azure trace's format; the first line names the columns."""
    rows = [
        (_epoch_ms(row["TIMESTAMP"]), int(row["ContextTokens"]), int(row["GeneratedTokens"]))
        for row in csv.DictReader(lines)
    ]
    rows.sort(key=itemgetter(0))
    return [Request(at_ms - rows[0][0], context, generated) for at_ms, context, generated in rows]


def _epoch_ms(timestamp: str) -> int:
    """`2023-11-16 18:17:03.9799600` (UTC) as milliseconds; what is finer is cut off, without a float on the way."""
    seconds = datetime.fromisoformat(timestamp[:_SECONDS_DIGITS] + "+00:00").timestamp()
    return int(seconds) * 1000 + int(timestamp[_SECONDS_DIGITS + 1 :]) // _TICKS_PER_MS
