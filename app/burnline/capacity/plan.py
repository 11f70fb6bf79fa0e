"""From a load to partitions, workers, memory and disks: arithmetic over what was measured, each line with its sum.

All figures hold for one processor core of the machine that docs/benchmarks.md names; measure on yours before you buy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

EVENT_CPU_US = 1.5
"""Of a worker, fetching to judging (docs/benchmarks.md, what an event costs)."""
LEDGER_CPU_US = 13.5
"""Of a worker for each ledger that a flush writes, with its rollup and ids: 11.9 µs an event where 78 in 100 events had
a ledger of their own to write (*All sessions alike*, a million sessions), less what the event itself costs."""
LEDGER_BYTES = 1_240
"""Of a worker's memory for each ledger held: 1,709 MiB at a million, less 530 at two thousand (the worse of two)."""
BASE_MIB = 530
"""A worker with its queues full."""
RESTORE_US = 7.0
"""Of time for each ledger when a worker starts (a million in 7.03 s)."""
PROJECTOR_PER_S = 37_000
"""Ledger records that one projector brings to Redis; only one is at work at a time."""
REDIS_SESSION_BYTES, REDIS_ROLLUP_BYTES = 2_450, 703
"""docs/redis.md, the larger of Redis and Valkey."""
BUSY = 0.6
"""So much of a core is used at most, so that a worker that has fallen behind catches up."""
LEAST_PARTITIONS = 4
DAY_S = 86_400
QUARTERS_PER_DAY = 96
MIB, GIB = 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True)
class Load:
    """What has to be borne.

    Attributes:
        events_per_s: At the busiest time.
        sessions: That have a ledger at the same time: those of the last day (`BURNLINE_RETIRE_AFTER_S`).
        active: That have an event within one flush interval; at worst each event is another session's.
        rollup_rows: Rows in each quarter of an hour: combinations of agent, team, project, model and kind. Each
            partition writes its own, at worst all of them.
        event_bytes: Of one event as it is sent.
        flush_interval_s: `BURNLINE_FLUSH_INTERVAL_MS`.
        replicas: Of each topic.
        usage_days: How long events are kept.
        rollup_days: How long the sums per quarter of an hour are kept.
    """

    events_per_s: float
    sessions: int
    active: int
    rollup_rows: int
    event_bytes: int
    flush_interval_s: float
    replicas: int
    usage_days: int
    rollup_days: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Bytes on a broker's disk, one replica, lz4: measured by `make bench QUICK=1 ONLY=written` on 2026-11-28.

    Attributes:
        event_share: Of an event's bytes, what is left of them on the topic.
        ledger: Of one ledger record: of a session with fifteen events and more; 140 at its first.
        event_id: What the ids of one event come to.
        rollup_row: Of one row of usage rollups.
    """

    event_share: float
    ledger: float
    event_id: float
    rollup_row: float


MEASURED = Packed(event_share=0.33, ledger=900.0, event_id=8.0, rollup_row=250.0)


class Line(NamedTuple):
    """One answer.

    Attributes:
        name: What of, with its unit, as a program reads it.
        value: How much.
        text: The same for people.
        sum: How it comes about, in figures.
    """

    name: str
    value: float
    text: str
    sum: str


def plan(load: Load, packed: Packed = MEASURED) -> list[Line]:
    """What the load asks for, line by line, in the order in which one follows from another."""
    written_per_s = min(load.events_per_s, load.active / load.flush_interval_s)
    cores = (load.events_per_s * EVENT_CPU_US + written_per_s * LEDGER_CPU_US) / 1e6
    workers = max(1, ceil(cores / BUSY))
    rows = load.rollup_rows * partitions_for(workers)
    return [
        Line(
            "ledgers_written_per_s",
            written_per_s,
            f"{written_per_s:,.0f} /s",
            f"the lesser of {load.events_per_s:,.0f} events/s and {load.active:,} active / {load.flush_interval_s:g} s",
        ),
        Line(
            "worker_cores",
            cores,
            f"{cores:.2f}",
            f"{load.events_per_s:,.0f} × {EVENT_CPU_US} µs + {written_per_s:,.0f} × {LEDGER_CPU_US} µs",
        ),
        Line("workers", workers, f"{workers:,}", f"{cores:.2f} cores, each used to {BUSY:.0%}"),
        *_worker(load, workers),
        *_kafka(load, packed, written_per_s, rows),
        *_redis(load, written_per_s, rows),
    ]


def partitions_for(workers: int) -> int:
    """Twice as many as workers, so that there may be more of these; a power of two, so that it can be doubled."""
    return max(LEAST_PARTITIONS, 1 << (2 * workers - 1).bit_length())


def _worker(load: Load, workers: int) -> Iterator[Line]:
    each = ceil(load.sessions / workers)
    memory = BASE_MIB * MIB + each * LEDGER_BYTES
    partitions = partitions_for(workers)
    yield Line("partitions", partitions, f"{partitions:,}", f"2 × {workers:,} workers, to the next power of two")
    yield Line(
        "worker_memory_bytes",
        memory,
        amount(memory),
        f"{BASE_MIB} MiB + {each:,} ledgers × {LEDGER_BYTES:,} bytes; give it half as much again",
    )
    restore_s = each * RESTORE_US / 1e6
    yield Line("restart_s", restore_s, f"{restore_s:.1f} s", f"{each:,} ledgers × {RESTORE_US:g} µs")


def _kafka(load: Load, packed: Packed, written_per_s: float, rows: int) -> Iterator[Line]:
    usage = load.events_per_s * load.event_bytes * packed.event_share
    rows_per_s = min(load.events_per_s, rows / load.flush_interval_s)
    state = written_per_s * packed.ledger + load.events_per_s * packed.event_id + rows_per_s * packed.rollup_row
    yield Line(
        "kafka_in_bytes_per_s",
        (usage + state) * load.replicas,
        f"{amount((usage + state) * load.replicas)}/s",
        f"({amount(usage)} of events + {amount(state)} of ledgers, ids and rollups) × {load.replicas} replicas",
    )
    kept = usage * DAY_S * load.usage_days * load.replicas
    yield Line(
        "kafka_usage_disk_bytes",
        kept,
        amount(kept),
        f"{amount(usage)}/s × {load.usage_days} days × {load.replicas} replicas",
    )
    kept_rows = rows * QUARTERS_PER_DAY * load.rollup_days
    compacted = (load.sessions * packed.ledger + kept_rows * packed.rollup_row) * load.replicas
    yield Line(
        "kafka_state_disk_bytes",
        2 * compacted,
        amount(2 * compacted),
        f"2 × ({load.sessions:,} ledgers × {packed.ledger:g} + {kept_rows:,} rollup rows × {packed.rollup_row:g}) "
        f"bytes × {load.replicas} replicas: half of it waits to be compacted",
    )


def _redis(load: Load, written_per_s: float, rows: int) -> Iterator[Line]:
    kept_rows = rows * QUARTERS_PER_DAY * load.rollup_days
    memory = load.sessions * REDIS_SESSION_BYTES + kept_rows * REDIS_ROLLUP_BYTES
    yield Line(
        "redis_memory_bytes",
        2 * memory,
        amount(2 * memory),
        f"2 × ({load.sessions:,} sessions × {REDIS_SESSION_BYTES:,} + {kept_rows:,} rows × {REDIS_ROLLUP_BYTES}) "
        "bytes: a rebuild fills a second picture beside the first",
    )
    share = written_per_s / PROJECTOR_PER_S
    yield Line(
        "projector_busy",
        share,
        f"{share:.0%}",
        f"{written_per_s:,.0f} of the {PROJECTOR_PER_S:,} ledgers/s that one projector can do",
    )


def warnings(load: Load) -> list[str]:
    """What no number of workers cures, in words; empty when the load can be borne."""
    written_per_s = min(load.events_per_s, load.active / load.flush_interval_s)
    found = []
    if written_per_s > BUSY * PROJECTOR_PER_S:
        needed_s = load.active / (BUSY * PROJECTOR_PER_S)
        found.append(
            f"One projector cannot follow {written_per_s:,.0f} ledgers/s: flush each {needed_s:.1f} s "
            f"(BURNLINE_FLUSH_INTERVAL_MS={ceil(needed_s * 1000)}), or run several deployments, each with its share of "
            "organisations and a topic prefix of its own."
        )
    return found


def amount(size: float) -> str:
    """Bytes for people."""
    for unit, least in (("TiB", 1 << 40), ("GiB", GIB), ("MiB", MIB), ("KiB", 1 << 10)):
        if size >= least:
            return f"{size / least:,.1f} {unit}"
    return f"{size:,.0f} bytes"
