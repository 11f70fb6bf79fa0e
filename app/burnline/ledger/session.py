"""One session's ledger: totals by model, slices, running windows, and the anomaly if one is open.

All amounts are integers: tokens, and pico-USD (10^-12 USD). Nothing here reads a clock or knows of Kafka.
"""

from collections.abc import Callable
from operator import attrgetter

from burnline.detection.lifecycle import UNREACHABLE, OpenAnomaly
from burnline.ledger.duplicates import RecentIds
from burnline.ledger.identity import ledger_key
from burnline.ledger.rare import LEDGER_NAMES, NOTHING_RARE, LedgerRare
from burnline.windows.slices import Slices, slide, window_sum


class ModelSums(LedgerRare):
    """What one session has used of one model. Token counts are inclusive, as in the events.

    Rare sums (`burnline.ledger.rare`) are attributes, too.
    """

    __slots__ = (
        "cache_savings_pico_usd",
        "cache_write_tokens",
        "cached_input_tokens",
        "cost_pico_usd",
        "embedding_cost_pico_usd",
        "events",
        "input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "unpriced_tokens",
    )

    def __init__(self) -> None:
        self.rare = NOTHING_RARE
        self.events = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cached_input_tokens = 0
        self.cache_write_tokens = 0
        self.reasoning_tokens = 0
        self.unpriced_tokens = 0
        self.cost_pico_usd = 0
        self.cache_savings_pico_usd = 0
        self.embedding_cost_pico_usd = 0

    def add(self, other: "ModelSums") -> None:
        """Add another one's sums to these."""
        for field in COMMON_FIELDS:
            setattr(self, field, getattr(self, field) + getattr(other, field))
        self.add_rare(other.rare)

    def values(self) -> tuple[int, ...]:
        """The sums in the order of `SUM_FIELDS`."""
        return (
            self.events,
            self.input_tokens,
            self.output_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
            self.unpriced_tokens,
            self.cost_pico_usd,
            self.cache_savings_pico_usd,
            self.embedding_cost_pico_usd,
            *self.rare_values(),
        )


COMMON_FIELDS = (
    "events",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "unpriced_tokens",
    "cost_pico_usd",
    "cache_savings_pico_usd",
    "embedding_cost_pico_usd",
)
SUM_FIELDS = (*COMMON_FIELDS, *LEDGER_NAMES)
_common: Callable[[ModelSums], tuple[int, ...]] = attrgetter(*COMMON_FIELDS)


def add_up(models: dict[str, ModelSums]) -> ModelSums:
    """The totals over all models."""
    total = ModelSums()
    for field, of_all in zip(COMMON_FIELDS, zip(*map(_common, models.values()), strict=True), strict=False):
        setattr(total, field, sum(of_all))
    for sums in models.values():
        total.add_rare(sums.rare)
    return total


class Ledger:
    """The state of one session of one organisation on one source partition."""

    __slots__ = (
        "agent_id",
        "anomaly",
        "delay_ms",
        "dirty",
        "first_event_at",
        "key",
        "last_event_at",
        "last_offset",
        "limits_version",
        "long_pico_usd",
        "models",
        "newest_slice",
        "org_id",
        "parent_session_id",
        "recent",
        "runs",
        "session_id",
        "short_pico_usd",
        "slices",
        "source_partition",
        "tool_calls",
        "watch_long_pico_usd",
        "watch_short_pico_usd",
    )

    def __init__(self, session_id: str, org_id: str, agent_id: str, source_partition: int, first_event_at: int) -> None:
        self.key = ledger_key(org_id, session_id)
        self.session_id = session_id
        self.org_id = org_id
        self.agent_id = agent_id
        self.source_partition = source_partition
        self.last_offset = -1
        self.first_event_at = first_event_at
        self.last_event_at = first_event_at
        self.parent_session_id: str | None = None
        """The session that it is a part of, as its first event says that names one."""
        self.runs = 0
        self.tool_calls = 0
        self.models: dict[str, ModelSums] = {}
        self.slices: Slices = {}
        self.newest_slice = -1
        self.delay_ms = 0
        """How long after its time the log took the newest event of the windows: the session's own time runs so far
        behind the log's."""
        self.short_pico_usd = 0
        self.long_pico_usd = 0
        # No event is judged before the limits of its baseline are known: version -1 is older than any.
        self.limits_version = -1
        self.watch_short_pico_usd = UNREACHABLE
        self.watch_long_pico_usd = UNREACHABLE
        self.recent = RecentIds()
        self.anomaly: OpenAnomaly | None = None
        self.dirty = False

    def total(self, field: str) -> int:
        """Sum of one of `SUM_FIELDS` over all models."""
        return sum(getattr(sums, field) for sums in self.models.values())

    def grow_from(self, parent_session_id: str | None) -> None:
        """Note whose part it is, unless that is known; a session is no part of itself."""
        if self.parent_session_id is None and parent_session_id != self.session_id:
            self.parent_session_id = parent_session_id

    def advance(self, newest: int, short: int, long: int) -> None:
        """Move both windows on so that they end with slice `newest`, which is after the newest so far."""
        if self.newest_slice >= 0:
            self.short_pico_usd = slide(self.slices, self.short_pico_usd, short, self.newest_slice, newest)
            self.long_pico_usd = slide(self.slices, self.long_pico_usd, long, self.newest_slice, newest)
        self.newest_slice = newest

    def settle_windows(self, short: int, long: int) -> None:
        """Recompute both window sums from the slices, as after a restore."""
        self.short_pico_usd = window_sum(self.slices, self.newest_slice, short)
        self.long_pico_usd = window_sum(self.slices, self.newest_slice, long)
