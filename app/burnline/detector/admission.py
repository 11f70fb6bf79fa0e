"""Which records of `usage` count: what workers accept, once each, and no later than a day after its time. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from burnline.detection.learned.meters import DAY_MS
from burnline.detection.learned.notice import Place
from burnline.detector.merging import Logged
from burnline.events.decode import decode_batch
from burnline.events.usage import Usage
from burnline.ledger.duplicates import RecentIds, fingerprint

if TYPE_CHECKING:
    from burnline.events.rejection import Rejection

KNOWN_IDS = 100_000
"""At least so many of the newest events are known as repeated ones."""
LATE_MS = DAY_MS


class Counts(NamedTuple):
    """What became of records."""

    counted: int = 0
    refused: int = 0
    repeated: int = 0
    late: int = 0


class Admitted(NamedTuple):
    """Events that count, where each stands, what was refused (by its place among the records), and how many of each."""

    usages: list[Usage]
    places: list[Place]
    rejections: "list[Rejection]"
    counts: Counts


class Admission:
    """Lets each event in once."""

    def __init__(self, *, max_clock_skew_ms: int, by_event_time: bool) -> None:
        """Take how far ahead of the log's time an event's may be, and whether none is late: of a replay."""
        self.known = RecentIds()
        self._max_clock_skew_ms = max_clock_skew_ms
        self._by_event_time = by_event_time

    def take(self, records: Sequence[Logged]) -> Admitted:
        """Decode records, in the order of the log, and let in what counts."""
        usages, rejections = decode_batch(
            [record.value for record in records],
            now_ms=0,
            max_clock_skew_ms=self._max_clock_skew_ms,
            logged_ms=[record.logged_ms for record in records],
        )
        accepted, places, late, repeated = [], [], 0, 0
        for record, usage in zip(records, usages, strict=True):
            if usage is None:
                continue
            if not self._by_event_time and record.logged_ms - usage.occurred_at > LATE_MS:
                late += 1
            elif self._is_new(usage):
                accepted.append(usage)
                places.append(Place(record.partition, record.offset, record.logged_ms))
            else:
                repeated += 1
        return Admitted(accepted, places, rejections, Counts(len(accepted), len(rejections), repeated, late))

    def _is_new(self, usage: Usage) -> bool:
        key = f"{usage.org_id}\n{usage.session_id}"
        return self.known.add(fingerprint(key, usage.event_id), KNOWN_IDS)
