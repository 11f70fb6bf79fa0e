"""What the Python peers share: prices, the form of their results, and a clock that the first record starts.

Runs in the peers' own environments: nothing but the standard library is imported.
"""

import os
import resource
import sys
import time

PER_TOKEN = {
    "gpt-4o": (2.5e-6, 1.25e-6, 10e-6),
    "gpt-4o-mini": (0.15e-6, 0.075e-6, 0.6e-6),
    "claude-sonnet-4-5": (3e-6, 0.3e-6, 15e-6),
    "gemini-2.5-pro": (1.25e-6, 0.125e-6, 10e-6),
}
"""Input, cached input and output in USD, as in `common/java/peers/Prices.java`."""
OTHER = (1e-6, 0.1e-6, 4e-6)

WINDOW_MS = 300_000
HOP_MS = 60_000
DISORDER_MS = 5_000
USD_PER_HOUR = float(os.environ.get("BASELINE", "1")) * float(os.environ.get("MULT", "5"))
"""Baseline × multiplier: what a window must exceed to be a result."""

BOOTSTRAP = os.environ.get("BOOTSTRAP", "127.0.0.1:9092")
TOPIC = os.environ.get("TOPIC", "usage")
OUT = os.environ.get("OUT", "anomalies")
RECORDS = int(os.environ.get("N", "0"))
"""Records on the topic."""


def usd(model: str, input_tokens: int, cached_input_tokens: int, output_tokens: int) -> float:
    """What an event costs."""
    plain, cached, answer = PER_TOKEN.get(model, OTHER)
    return (input_tokens - cached_input_tokens) * plain + cached_input_tokens * cached + output_tokens * answer


def usd_per_hour(window_usd: float) -> float:
    """A window's burn."""
    return window_usd * (3_600_000 / WINDOW_MS)


def result(session_id: str, window_start: int, window_usd: float) -> dict[str, str | int | float]:
    """A window above the threshold, as every peer writes it."""
    return {
        "session_id": session_id,
        "window_start": window_start,
        "window_end": window_start + WINDOW_MS,
        "usd": window_usd,
        "usd_per_hour": usd_per_hour(window_usd),
    }


class Meter:
    """Wall and process clock, from the first record on; children of the process count, too."""

    def __init__(self) -> None:
        self.records = 0
        self._first: tuple[float, float] | None = None

    def start(self) -> None:
        """Call it with every record: the first call counts."""
        if self._first is None:
            self._first = _now()

    def done(self, records: int | None = None) -> None:
        """Print what was measured, once the last result is out."""
        (seconds, cpu), (from_seconds, from_cpu) = _now(), self._first or _now()
        seconds -= from_seconds
        count = self.records if records is None else records
        sys.stdout.write(f"DONE {count} in {seconds:.3f} s {count / seconds:.0f} rate/s {cpu - from_cpu:.3f} cpu s\n")
        sys.stdout.flush()


def _now() -> tuple[float, float]:
    mine, childrens = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = mine.ru_utime + mine.ru_stime + childrens.ru_utime + childrens.ru_stime
    return time.monotonic(), cpu
