"""What a partition's ledgers hand over at a flush: records to write, and what they mean for the metrics."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from burnline.detection.anomaly import Anomaly
from burnline.ledger.progress import Progress


class Activity(NamedTuple):
    """What one agent has used of one model since the last flush, in the order of `SUM_FIELDS`."""

    org_id: str
    agent_id: str
    model: str
    sums: tuple[int, ...]
    provider: str = ""
    """Whose model it is, where events said themselves what they cost; "" elsewhere, for all of them."""


class ClockFault(StrEnum):
    """How an event's time is off the log's. The values are labels of a metric: they stay as they are."""

    AHEAD = "ahead"
    """By more than a slice of 10 s ahead of when the log took it: counted in the windows as of then."""
    DELAYED = "delayed"
    """Taken by the log later than a short window after its time; the late ones are among them."""
    LATE = "late"
    """Older than the windows reach back when the log took it: in the totals alone."""


MAX_UNPRICED_TOLD = 1_000
"""Models without a rate that one flush tells apart, in the log and in metrics: their names are made up without end."""


@dataclass(slots=True)
class Counts:
    """What happened since the counts were last taken, for the metrics."""

    accepted: int = 0
    duplicates: int = 0
    """Repeats of an event id: the first counts."""
    other_content: int = 0
    """Of the repeats, those that would have counted something else: `content_mark` in `duplicates`."""
    unknown_content: int = 0
    """Of the repeats, those of an event whose content is not remembered any more."""
    late: int = 0
    """Counted in the totals, too old for the windows."""
    clocks: dict[tuple[str, str, ClockFault], int] = field(default_factory=dict)
    """Events whose time is off the log's, by org and agent."""
    lost: int = 0
    """Offsets that were gone from the log before they were read."""
    other_agents: int = 0
    """Events that name another agent than the first event of their session: several agents share it."""
    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    tool_calls: dict[tuple[str, str], int] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    """Keys of the ledgers whose first event came in."""
    unpriced: dict[str, str] = field(default_factory=dict)
    """Models without a rate, each with the reason; `MAX_UNPRICED_TOLD` at most."""


class Changes(NamedTuple):
    """All that one flush writes for a partition, or nothing of it.

    Ledgers, rollups, usage rollups and event ids are (key, value) records; a value of None deletes.
    """

    ledgers: list[tuple[bytes, bytes | None]]
    rollups: list[tuple[bytes, bytes]]
    usage_rollups: list[tuple[bytes, bytes]]
    event_ids: list[tuple[bytes, bytes | None]]
    notices: list[Anomaly]
    progress: Progress
    activity: list[Activity]
    counts: Counts
