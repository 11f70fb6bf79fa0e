"""What was set on topic `valuation-rates`, when, and what became of it: out of its records, in their order. Pure.

A later record of a key takes the place of an earlier one, and a null value removes it. The topic keeps both for as long
as usage is kept (`min.compaction.lag.ms`), so that it can be said what stood there at a time.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from burnline.pricing.valuation import ValuationRate


class Record(NamedTuple):
    """A record of the topic that can be read; a rate of None removes what stood under the key."""

    key: str
    at_ms: int
    """When it was written: epoch milliseconds."""
    rate: ValuationRate | None


class Became(StrEnum):
    """What became of a change."""

    STANDS = "stands"
    REPLACED = "replaced"
    REMOVED = "removed"


class Change(NamedTuple):
    """A rate that was set, from when to when it stood on the topic (None: it still does), and how that ended."""

    rate: ValuationRate
    set_ms: int
    until_ms: int | None
    became: Became

    def stood_at(self, at_ms: int) -> bool:
        """Whether it stood on the topic at a moment, so that events were charged by it."""
        return self.set_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)


def history(records: Iterable[Record]) -> list[Change]:
    """Every rate that was set, in order; what is written twice alike stands from the first time on."""
    changes: list[Change] = []
    standing: dict[str, int] = {}
    for record in records:
        place = standing.get(record.key)
        if place is not None:
            before = changes[place]
            if record.rate == before.rate:
                continue
            became = Became.REMOVED if record.rate is None else Became.REPLACED
            changes[place] = before._replace(until_ms=record.at_ms, became=became)
            del standing[record.key]
        if record.rate is not None:
            standing[record.key] = len(changes)
            changes.append(Change(record.rate, record.at_ms, None, Became.STANDS))
    return changes
