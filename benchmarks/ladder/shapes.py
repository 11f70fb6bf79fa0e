"""The worker alone: against overlap, the size of events, how many workers, a long backlog; and what it writes."""

from decimal import Decimal

from benchmarks.bench import Bench
from benchmarks.ledgers import LedgerReader
from benchmarks.load import Load, Popularity, baseline_for
from benchmarks.topics import delete_all, forget_work
from benchmarks.worker import measure
from burnline.settings import SLICE_S
from burnline.topics.catalogue import topics_for

OVERLAPS = (1, 6, 30, 60)
"""Slices in the long window: an event counts in so many windows that begin a slice apart."""
OVERLAP_SPAN_S = 1_500.0
"""Event time of that load: each window length slides over the most of it."""
SHARES = {"every session": 0.01, "the busiest hundredth": 1.0, "none": 1_000.0}
"""Which sessions run away, by how much the baseline is raised over that of the other parts."""
BACKLOG_SPAN_S = 600.0
"""As many events a second, of event time, as there are in the peers' load."""
SIZES = (240, 1_024, 4_096)
EVENT_BYTES = 240
WRITTEN: tuple[Popularity, ...] = ("skewed", "active", "each")
WRITTEN_TO = ("sessions", "event_ids", "usage_rollups", "rollups", "progress")


def workers(bench: Bench) -> None:
    """One worker and two, in turns, over the same topic."""
    settings = bench.fresh()
    expected = bench.publish(settings, Load(bench.scale.events))
    for _ in range(bench.scale.rounds):
        for count in (1, 2):
            bench.worker(settings, expected, {"workers": count}, workers=count)
            settings = forget_work(settings)
    delete_all(settings)


def overlap(bench: Bench) -> None:
    """Short and long windows of more and more slices, in turns; slices are held for 660 s in all of them."""
    settings = bench.fresh()
    expected = bench.publish(settings, Load(bench.scale.events, span_s=OVERLAP_SPAN_S))
    for _ in range(bench.scale.rounds):
        for slices in OVERLAPS:
            long_s = slices * SLICE_S
            windows = {"short_window_s": min(60, long_s), "long_window_s": long_s, "window_retention_s": 660}
            settings = forget_work(settings, **windows)
            bench.worker(settings, expected, {"overlap": slices})
    delete_all(settings)


def anomalies(bench: Bench) -> None:
    """Every session above the threshold, the busiest ones, and none, in turns over the same topic."""
    settings = bench.fresh()
    expected = bench.publish(settings, Load(bench.scale.events))
    for _ in range(bench.scale.rounds):
        for share, factor in SHARES.items():
            baseline = Decimal(str(baseline_for(bench.scale.events) * factor))
            settings = forget_work(settings, baseline_usd_per_hour=baseline)
            bench.worker(settings, expected, {"runaway": share})
    delete_all(settings)


def sizes(bench: Bench) -> None:
    """Events of more and more bytes; what is added are tags. Half as many of the largest."""
    for size in SIZES:
        settings = bench.fresh()
        events = bench.scale.ladder_events // (2 if size > SIZES[1] else 1)
        expected = bench.publish(settings, Load(events, padding=size - EVENT_BYTES))
        for _ in range(bench.scale.rounds):
            bench.worker(settings, expected, {"bytes": size})
            settings = forget_work(settings)
        delete_all(settings)


def backlog(bench: Bench) -> None:
    """A worker that starts far behind: whether its memory stays bounded."""
    settings = bench.fresh()
    expected = bench.publish(settings, Load(bench.scale.backlog, span_s=BACKLOG_SPAN_S))
    for _ in range(bench.scale.rounds):
        bench.worker(settings, expected, {"events": bench.scale.backlog})
        settings = forget_work(settings)
    delete_all(settings)


def written(bench: Bench) -> None:
    """What lies on the disk of each topic per event: few sessions, an active set, and an event for each session.

    A backlog is worked off, whose flushes hold half a million events: a ledger with many of them is written once.
    """
    if bench.log_bytes is None:
        bench.not_run("worker", "only on a broker whose disk can be looked at: --broker apache")
        return
    events = bench.scale.ladder_events // 2
    for popularity in WRITTEN:
        settings = bench.fresh()
        sessions = events if popularity == "each" else min(events, 2_000 if popularity == "skewed" else 100_000)
        expected = bench.publish(settings, Load(events, sessions, popularity=popularity))
        measure(settings, expected, LedgerReader(settings))
        topics = topics_for(settings)
        read = bench.log_bytes(topics.usage.name)
        lies = {role: bench.log_bytes(getattr(topics, role).name) for role in WRITTEN_TO}
        figures = {f"{role}_bytes": round(size / events, 1) for role, size in lies.items()}
        at = {"sessions": sessions, "spread": popularity}
        bench.record(
            "worker",
            at,
            read_bytes=round(read / events, 1),
            **figures,
            written_ratio=round(sum(lies.values()) / read, 2),
        )
        delete_all(settings)
