"""One session: its ledger against what the log comes to."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from burnline.ledger.audit.outcome import Outcome, Row
from burnline.ledger.audit.sums import NOTHING, Sums
from burnline.ledger.record import LedgerRecord
from burnline.ledger.session import Ledger

_NAMED = 3
"""So many fields are named in a row."""


class Side(NamedTuple):
    """What one side of the comparison says of a session."""

    sums: Sums
    org_id: str = ""
    agent_id: str = ""
    first_event_at: int = 0
    last_event_at: int = 0
    last_offset: int = -1


ABSENT = Side(NOTHING)


def side(held: Ledger | LedgerRecord, sums: Sums) -> Side:
    """A ledger, or its record, as a side."""
    return Side(sums, held.org_id, held.agent_id, held.first_event_at, held.last_event_at, held.last_offset)


class Bounds(NamedTuple):
    """What is known of the log and of the workers, and so of what may differ."""

    whole_from_ms: int
    """The log that was read holds all events of a session that began at this time or later; 0: of every session."""
    retired_before_ms: int | None
    """A session all of whose events are younger cannot have been retired; None when none ever was."""
    has_own_rate: Callable[[str], bool]
    """Whether a rate for a model stands or stood on `valuation-rates`."""


class Verdict(NamedTuple):
    """What a session turned out to be."""

    outcome: Outcome
    delta: Sums
    """What is counted minus what the log comes to."""
    detail: str = ""

    def row(self, partition: int, subject: str) -> Row:
        """As a line of the report."""
        delta = self.delta
        return Row(self.outcome, partition, subject, delta.events, delta.tokens, delta.pico_usd, self.detail)


def compare(held: Side, wanted: Side, bounds: Bounds) -> Verdict:
    """Compare a session's ledger (`held`) with what the log comes to (`wanted`); either may be `ABSENT`.

    RETIRED as an outcome is a claim, to be held against the closed rollups: `delta` is what they must contain, negated.
    """
    delta = held.sums.minus(wanted.sums)
    less = any(count < 0 for count in delta.counts())
    more = any(count > 0 for count in delta.counts())
    if not (less or more):
        return _of_equal_counts(held, wanted, delta, bounds)
    if less and not more and _may_be_retired(held, wanted, bounds):
        return Verdict(Outcome.RETIRED, delta)
    whole = held.first_event_at >= bounds.whole_from_ms
    if more and not less and not whole:
        return Verdict(Outcome.NOT_CHECKABLE, delta)
    return Verdict(unequal(delta, whole=whole), delta, described(delta))


def _of_equal_counts(held: Side, wanted: Side, delta: Sums, bounds: Bounds) -> Verdict:
    if held[1:] != wanted[1:]:
        names = [name for name, one, other in zip(Side._fields, held, wanted, strict=True) if one != other][-_NAMED:]
        told = [f"{name} {getattr(held, name)} instead of {getattr(wanted, name)}" for name in names if name != "sums"]
        return Verdict(Outcome.ALTERED, delta, ", ".join(told))
    return of_equal_counts(delta, bounds)


def of_equal_counts(delta: Sums, bounds: Bounds) -> Verdict:
    """What it means that counts are equal and amounts perhaps are not."""
    if not delta.models:
        return Verdict(Outcome.AGREES, delta)
    outcome = Outcome.OTHER_RATES if all(map(bounds.has_own_rate, delta.models)) else Outcome.WRONG_AMOUNT
    return Verdict(outcome, delta, described(delta))


def _may_be_retired(held: Side, wanted: Side, bounds: Bounds) -> bool:
    """Whether what the ledger lacks can be its beginning, retired: its end is there, or it is gone as a whole."""
    if bounds.retired_before_ms is None:
        return False
    if held is ABSENT:
        return wanted.last_event_at <= bounds.retired_before_ms
    return wanted.first_event_at <= bounds.retired_before_ms and held.last_offset == wanted.last_offset


def unequal(delta: Sums, *, whole: bool) -> Outcome:
    """The difference that unequal counts are; of a log that is not whole it is only known what it holds too much."""
    events = delta.events if whole else min((fields[0] for fields in delta.models.values()), default=0)
    if events < 0:
        return Outcome.MISSING
    return Outcome.DOUBLED if whole and events else Outcome.ALTERED


def described(delta: Sums) -> str:
    """The first few sums that differ, with their signs."""
    named = [f"{name} {value:+d}" for name, value in delta.named()]
    return ", ".join(_some(named))


def _some(entries: Collection[str]) -> list[str]:
    shown = list(entries)[:_NAMED]
    return [*shown, f"and {len(entries) - _NAMED} more"] if len(entries) > _NAMED else shown
