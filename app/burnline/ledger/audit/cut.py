"""What stands on the topics about one partition, read so that it fits together while workers go on writing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from burnline.events.usage import END_TIME_MS
from burnline.ledger.audit.letters import DeadLetters
from burnline.ledger.audit.usage_held import HeldUsage
from burnline.ledger.progress import Progress

MARGIN_MS = 3_600_000
"""How long an event may be under way, or clocks may differ, when times are held against the log's order."""


class Begun(NamedTuple):
    """How counting was begun anew, or went on with another source topic: `burnline.ledger.renewal`.

    Attributes:
        source: Name of the source topic.
        at_ms: When, Unix epoch ms.
        adopted: Whether the sums of what was before were kept.
        kept_events: How many events these held.
        offset_base: Added to the offsets in ledgers and usage rollups since; what is below is of former source topics.
        offsets: By topic name, from where on records belong to it; empty where that was not kept.
    """

    source: str
    at_ms: int
    adopted: bool
    kept_events: int
    offset_base: int
    offsets: Mapping[str, int]

    @classmethod
    def of(cls, progress: Progress | None) -> "Begun | None":
        """What a progress says; None if it goes back to the very beginning."""
        lineage = progress.lineage if progress else None
        if progress is None or lineage is None or not lineage.begun_at_ms:
            return None
        base = lineage.offset_base
        return cls(progress.source_topic, lineage.begun_at_ms, base > 0, lineage.kept_events, base, lineage.begun_from)

    @property
    def from_offset(self) -> int:
        """Of the source topic."""
        return self.offsets.get(self.source, 0)


@dataclass(slots=True)
class Cut:
    """One partition's committed records.

    Read in this order, each after all that was committed with the one before:

    1. `rollups`, 2. `progress`, 3. `ledgers`, 4. `rollups` again, `usage`, `letters`, and `progress_after`.

    So each ledger holds every event of its session below `progress`, and so do the usage rollups together. None of them
    is beyond `progress_after`. If the
    rollups did not change meanwhile, no session was retired meanwhile: what they hold lies below `progress` and in no
    ledger.
    """

    partition: int
    progress: Progress | None
    ledgers: dict[str, bytes]
    """Value of each session's newest record, by the record's key; emptied as it is compared."""
    rollups: list[bytes] | None
    """Values of the closed rollups; None when they changed while the ledgers were read, in every attempt."""
    letters: DeadLetters
    progress_after: Progress | None
    taken_at_ms: int
    """Wall clock when the last of them was read."""
    usage: HeldUsage = field(default_factory=HeldUsage)
    """The usage rollups."""

    @property
    def next_offset(self) -> int:
        """Every event below it is in a ledger of the cut, in a rollup, or a dead letter."""
        return self.progress.next_offset if self.progress else 0

    @property
    def begun(self) -> Begun | None:
        """Since when the present counting goes on; None: from the very beginning."""
        return Begun.of(self.progress)


class Scope(NamedTuple):
    """Which sessions are compared: those whose events all happened in [from, to)."""

    from_ms: int | None = None
    to_ms: int | None = None

    @property
    def everything(self) -> bool:
        """Whether no session is left out."""
        return self.from_ms is None and self.to_ms is None

    def skips(self, written_ms: int, max_clock_skew_ms: int) -> bool:
        """Whether a record at the log's beginning, written at this time, is too old to matter."""
        return self.from_ms is not None and 0 < written_ms < self.from_ms - MARGIN_MS - max_clock_skew_ms

    def covers(self, first_event_at: int, last_event_at: int) -> bool:
        """Whether a session with these first and last event times lies inside."""
        return (self.from_ms is None or first_event_at >= self.from_ms) and (
            self.to_ms is None or last_event_at < self.to_ms
        )


class Judging(NamedTuple):
    """How partitions are judged, the same for all."""

    scope: Scope
    rated_models: frozenset[str]
    """Models (and patterns) in lower case for which a rate stands or stood on `valuation-rates`."""
    max_clock_skew_ms: int
    most_rows: int
    """Kept per outcome; beyond that rows are counted."""


class Beginning(NamedTuple):
    """Where the reading of a log begins."""

    offset: int
    whole_from_ms: int
    """All events of a session that began at this time or later lie behind the beginning."""

    @classmethod
    def of_log(cls, first_offset: int, oldest_ms: int | None, max_clock_skew_ms: int) -> "Beginning":
        """At the oldest record that is left, written at `oldest_ms` (None where nothing is left)."""
        if first_offset == 0:
            return cls(0, 0)
        return cls(first_offset, END_TIME_MS if oldest_ms is None else oldest_ms + MARGIN_MS + max_clock_skew_ms)

    @property
    def whole(self) -> bool:
        """Whether nothing lies before it."""
        return self.whole_from_ms == 0
