"""A backtest: a log read in its order, through the functions that a detector uses."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from burnline.backtest.report import Report
from burnline.backtest.source import Source
from burnline.detection.learned.calendar import Planned
from burnline.detection.learned.notice import Incident
from burnline.detection.learned.policy import Policies
from burnline.detection.learned.rules import RULES
from burnline.detection.learned.watch import Watch
from burnline.detector.priced import Pricer
from burnline.events.usage import END_TIME_MS
from burnline.native.meters import engine_for
from burnline.pricing.book import RateBook


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a backtest has found; provider and model of what has no price; how many agents each policy holds for."""

    report: Report
    unpriced: set[tuple[str | None, str]]
    agents_by_policy: dict[str, int]


class Period(NamedTuple):
    """Event times, epoch milliseconds; the end is not in it."""

    from_ms: int
    until_ms: int


ALL = Period(0, END_TIME_MS)


def backtest(
    source: Source,
    *,
    book: RateBook,
    planned: Iterable[Planned],
    policies: Policies,
    tell: Callable[[Incident], object] = lambda _notice: None,
    period: Period = ALL,
) -> Outcome:
    """Read a log and tell every notice, in order.

    Args:
        source: Usage events, in the order of their times.
        book: The prices.
        planned: Announced spikes.
        policies: What is asked of the rules, by agent.
        tell: Takes each notice.
        period: Only incidents that were opened in it are told and counted; what was before is learned from.
    """
    watch = Watch(engine_for(RULES), RULES, planned, policies)
    pricer, report = Pricer(book, watch), Report()
    for notice in _notices(watch, source, pricer, period):
        if period.from_ms <= notice.opened_at < period.until_ms:
            report.add(notice)
            tell(notice)
    return Outcome(report, pricer.unpriced, watch.agents_by_policy())


def _notices(watch: Watch, source: Source, pricer: Pricer, period: Period) -> Iterator[Incident]:
    for batch in source.batches(pricer):
        yield from watch.apply(batch)
        if batch.calls.at_ms and batch.calls.at_ms[0] >= period.until_ms:
            break
    yield from watch.end(source.last_ms)
