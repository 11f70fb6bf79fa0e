"""What the tests of this room build on: a small burn rule, events, and ledgers that were given some."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from burnline.detection.baseline import Baseline, Baselines, EffectiveBaseline
from burnline.detection.rule import BurnRule
from burnline.events.usage import RareUsage, Usage, plain
from burnline.ledger.changes import Changes
from burnline.ledger.identity import ledger_key, record_name
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.ledger.session import Ledger
from burnline.pricing.book import RateBook
from burnline.pricing.money import PICO_PER_USD
from burnline.pricing.valuation import ValuationRate
from burnline.windows.slices import SLICE_MS

if TYPE_CHECKING:
    from burnline.detection.anomaly import Anomaly
    from burnline.ledger.progress import Progress

MILLI: Final = PICO_PER_USD // 1000
"""0.001 USD."""
TOPIC: Final = "finops.usage"
PARTITION: Final = 2
T0: Final = 1_760_000_000_000
"""Begin of a slice, and of all that happens here."""

RULE: Final = BurnRule(
    short_window_slices=2,
    long_window_slices=4,
    critical_factor=Decimal(3),
    minimum_spend_pico_usd=PICO_PER_USD // 20,
    resolve_after_slices=2,
    recovery_factor=Decimal("0.9"),
)
"""Windows of 20 and 40 s, 0.05 USD, resolved after 20 s below 0.9 times the line."""
BASELINE: Final = EffectiveBaseline(PICO_PER_USD, Decimal(5), "default")
"""1.00 USD/h × 5: above 0.02777… USD in 20 s, 0.05555… USD in 40 s; critical above three times as much."""
RETENTION: Final = Retention(slices=7, duplicate_ids=4, idle_ms=10 * HOUR_MS)

BOOK: Final = RateBook.bundled()


def policy(*baselines: Baseline) -> Policy:
    """The small rule over the bundled catalogue, with these baselines."""
    return Policy(RULE, BOOK, baselines_of(*baselines))


def baselines_of(*entries: Baseline) -> Baselines:
    """A snapshot with these entries over the default."""
    return Baselines(BASELINE, {entry.key(): entry for entry in entries})


def usage(**changes: Any) -> Usage:
    """An event of session s-1 in the first slice: 10,000 input tokens of gpt-4o, so 0.025 USD."""
    fields: dict[str, Any] = {
        "event_id": "e-1",
        "occurred_at": T0,
        "org_id": "acme",
        "agent_id": "agent-7",
        "session_id": "s-1",
        "model": "gpt-4o",
        "input_tokens": 10_000,
        "output_tokens": 0,
    }
    return plain(RareUsage(**(fields | changes)))


def ledger(of: Policy | None = None, retention: Retention = RETENTION) -> PartitionLedger:
    """An empty one."""
    return PartitionLedger(TOPIC, PARTITION, of or policy(), retention)


def feed(partition: PartitionLedger, *events: Usage | None, now_ms: int = T0) -> None:
    """Apply events at the next offsets, as one batch."""
    first = partition.next_offset
    partition.apply(range(first, first + len(events)), events, now_ms=now_ms)


def publish(partition: PartitionLedger, *events: Usage) -> None:
    """Apply events at the next offsets, as the records that they arrive in: the kernel counts what it can of them."""
    offsets = range(partition.next_offset, partition.next_offset + len(events))
    values = [msgspec.json.encode(event) for event in events]
    logged_ms = [event.occurred_at for event in events]
    refused = partition.apply_records(offsets, values, logged_ms=logged_ms, now_ms=T0, max_clock_skew_ms=HOUR_MS)
    assert refused == []


def at_slice(index: float) -> int:
    """A moment in the `index`-th slice from the first."""
    return T0 + int(index * SLICE_MS)


class Topics:
    """What was committed, as compacted topics keep it."""

    def __init__(self) -> None:
        self.sessions: dict[str, bytes] = {}
        """By the record's key, see `named`."""
        self.rollups: dict[bytes, bytes] = {}
        self.usage_rollups: dict[bytes, bytes] = {}
        self.event_ids: dict[bytes, bytes] = {}
        self.progress: Progress | None = None
        self.notices: list[Anomaly] = []

    def commit(self, changes: Changes) -> None:
        """Write what a flush holds."""
        for key, value in changes.ledgers:
            if value is None:
                del self.sessions[key.decode()]
            else:
                self.sessions[key.decode()] = value
        for key, value in changes.event_ids:
            if value is None:
                del self.event_ids[key]
            else:
                self.event_ids[key] = value
        self.rollups.update(changes.rollups)
        self.usage_rollups.update(changes.usage_rollups)
        self.progress = changes.progress
        self.notices += changes.notices

    def restored(self, of: Policy, retention: Retention = RETENTION) -> PartitionLedger:
        """The ledger of the next owner, who knows nothing else."""
        fresh = ledger(of, retention)
        fresh.restore(self.progress, self.sessions.items(), self.rollups.values(), self.event_ids.items())
        return fresh


def marks(partition: PartitionLedger) -> list[str]:
    """State and revision of each notice since the last flush, in order, such as `opened 1`."""
    return [f"{notice.state} {notice.revision}" for notice in partition.take_changes(T0).notices]


def runs_of(log: Sequence[object], cuts: Iterable[int]) -> list[range]:
    """`range(len(log))` cut into batches at these places."""
    ends = sorted({cut for cut in cuts if 0 < cut < len(log)} | {len(log)})
    return [range(start, end) for start, end in zip([0, *ends], ends, strict=False) if start < end]


def named(session_id: str, org_id: str = "acme") -> str:
    """The key of a session's record."""
    return record_name(ledger_key(org_id, session_id)).decode()


def held(partition: PartitionLedger, session_id: str = "s-1", org_id: str = "acme") -> Ledger:
    """A session's ledger, which must be there."""
    found = partition.get(ledger_key(org_id, session_id))
    assert found is not None
    return found


def spend(slice_number: float, milli_usd: int, number: int = 0, **changes: Any) -> Usage:
    """An event of that cost: 400 input tokens of gpt-4o are 0.001 USD."""
    fields = {
        "event_id": f"e-{slice_number}-{number}",
        "occurred_at": at_slice(slice_number),
        "input_tokens": 400 * milli_usd,
    }
    return usage(**(fields | changes))


def rate(effective_from: int, usd: str, model: str = "gpt-4o") -> ValuationRate:
    """A rate of one's own, the same for all tokens."""
    return ValuationRate(
        provider="*",
        model=model,
        effective_from=effective_from,
        input_usd_per_million_tokens=usd,
        output_usd_per_million_tokens=usd,
    )
