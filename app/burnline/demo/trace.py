"""The packaged trace: when real requests came, and how long they and their answers were."""

import csv
from collections.abc import Iterable
from datetime import datetime
from importlib import resources
from operator import itemgetter
from typing import NamedTuple

TRACE_FILE = "AzureLLMInferenceTrace_code.csv"
_SECONDS_DIGITS = len("2023-11-16 18:17:03")
_TICKS_PER_MS = 10_000


class Request(NamedTuple):
    """One line of the trace: milliseconds since the first request, and the tokens that went in and came out."""

    offset_ms: int
    context_tokens: int
    generated_tokens: int


def load_trace() -> list[Request]:
    """All requests of the packaged trace, in order of arrival."""
    path = resources.files("burnline.demo") / "data" / TRACE_FILE
    return parse_trace(path.read_text(encoding="ascii").splitlines())


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
