"""A backtest: a log read in its order, through the functions that a worker would use."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

from burnline.backtest.report import Report
from burnline.backtest.source import Reader
from burnline.detection.learned.calendar import Planned
from burnline.detection.learned.notice import Incident
from burnline.detection.learned.rules import RULES
from burnline.detection.learned.watch import Watch
from burnline.native.meters import engine_for
from burnline.pricing.book import RateBook


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a backtest has found, and what it has read."""

    report: Report
    reader: Reader


def backtest(
    file: BinaryIO,
    *,
    book: RateBook,
    planned: Iterable[Planned],
    sensitivity: float,
    now_ms: int,
    tell: Callable[[Incident], object],
) -> Outcome:
    """Read a log and tell every notice, in order.

    Args:
        file: Usage events, one JSON object a line, in the order of their times.
        book: The prices.
        planned: Announced spikes.
        sensitivity: 1.0 as tuned.
        now_ms: The clock; later events are refused.
        tell: Takes each notice.
    """
    watch = Watch(engine_for(RULES), RULES, planned, sensitivity)
    reader, report = Reader(book, watch, now_ms), Report()
    for batch in reader.batches(file):
        for notice in watch.apply(batch):
            report.add(notice)
            tell(notice)
    for notice in watch.end(reader.last_ms):
        report.add(notice)
        tell(notice)
    return Outcome(report, reader)
