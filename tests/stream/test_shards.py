"""How much may be applied before it is written, and when it is written without waiting for the interval."""

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from burnline.detection.baseline import Baselines, default_baseline
from burnline.detection.rule import BurnRule
from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.pricing.book import RateBook
from burnline.settings import Settings
from burnline.stream import shards as module
from burnline.stream.batches import RecordBatch, Records
from burnline.stream.shards import Shards
from burnline.stream.writer import TransactionalWriter
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.events.examples import NOW_MS, encoded

SOON_S = 30.0
pytestmark = pytest.mark.broker


def batch(partition: int, start: int, end: int, *, sessions: int = 1) -> RecordBatch:
    """Good events, as a reader hands them on; the sessions take turns."""
    records = SimpleNamespace(
        offsets=range(start, end),
        values=[encoded(event_id=f"e-{offset}", session_id=f"s-{offset % sessions}") for offset in range(start, end)],
        logged_ms=[NOW_MS] * (end - start),
        by_clock=0,
        first_written_ms=NOW_MS,
        last_written_ms=NOW_MS,
    )
    return RecordBatch(partition, start, cast("Records", records))


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    settings = make_settings(partitions=2, kernel="python")
    ensure_topics(settings)
    return settings


@pytest.fixture
def shards(settings: Settings) -> Shards:
    return shards_of(settings)


def shards_of(settings: Settings, registry: CollectorRegistry | None = None) -> Shards:
    policy = Policy(BurnRule.from_settings(settings), RateBook.bundled(), Baselines(default_baseline(settings), {}))
    metrics = WorkerMetrics(registry or CollectorRegistry(), label_limit=settings.metrics_label_limit)
    return Shards(settings, topics_for(settings), policy, metrics)


def test_what_waits_for_room_goes_on_while_the_flush_that_made_it_is_written(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, may_end = threading.Event(), threading.Event()
    write = TransactionalWriter.write

    def slowly(self: TransactionalWriter, *args: Any, **kwargs: Any) -> None:
        writing.set()
        assert may_end.wait(SOON_S)
        write(self, *args, **kwargs)

    monkeypatch.setattr(module, "MAX_UNFLUSHED_EVENTS", 3)
    monkeypatch.setattr(TransactionalWriter, "write", slowly)

    async def scenario() -> None:
        await shards.own([0])
        await shards.apply(batch(0, 0, 2))
        await shards.apply(batch(0, 2, 3))
        assert not shards.flush_due.is_set()
        waits = asyncio.create_task(shards.apply(batch(0, 3, 4)))
        await asyncio.wait_for(shards.flush_due.wait(), SOON_S)
        assert shards.next_offset(0) == 3
        flush = asyncio.create_task(shards.flush())
        assert await asyncio.wait_for(waits, SOON_S)
        assert writing.wait(SOON_S)
        assert (shards.next_offset(0), shards.durable_offsets()) == (4, {0: 0})
        may_end.set()
        await flush
        assert shards.durable_offsets() == {0: 3}
        await shards.flush()
        assert shards.durable_offsets() == {0: 4}

    asyncio.run(scenario())


@pytest.mark.parametrize("kernel", ["python", "native"])
@pytest.mark.parametrize(
    ("sessions", "full"),
    [pytest.param(2, False, id="one ledger less than the limit"), pytest.param(3, True, id="the limit")],
)
def test_so_many_ledgers_are_changed_before_they_are_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kernel: str, sessions: int, *, full: bool
) -> None:
    monkeypatch.setattr(module, "MAX_UNFLUSHED_LEDGERS", 3)
    shards = shards_of(settings.model_copy(update={"kernel": kernel}))

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 6, sessions=sessions))
        more = asyncio.create_task(shards.apply(batch(1, 0, 1)))
        await asyncio.sleep(0)
        assert (shards.flush_due.is_set(), more.done()) == (full, not full)
        await shards.flush()
        await asyncio.wait_for(more, SOON_S)
        assert not shards.flush_due.is_set()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("applied", "ends", "due"),
    [
        pytest.param({0: 3, 1: 1}, {0: 3, 1: 1}, True, id="many and no more to come"),
        pytest.param({0: 3}, {0: 3, 1: 0}, False, id="one less than many"),
        pytest.param({0: 4, 1: 1}, {0: 4, 1: 2}, False, id="more to come of another partition"),
        pytest.param({0: 4, 1: 1}, {0: 4}, False, id="an end that is not known yet"),
    ],
)
def test_many_events_are_written_at_once_when_no_more_are_to_come(
    shards: Shards, monkeypatch: pytest.MonkeyPatch, applied: dict[int, int], ends: dict[int, int], *, due: bool
) -> None:
    monkeypatch.setattr(module, "MANY_EVENTS", 4)
    shards.end_offset = ends.get

    async def scenario() -> None:
        await shards.own([0, 1])
        for partition, end in applied.items():
            await shards.apply(batch(partition, 0, end))
        assert shards.flush_due.is_set() == due
        await shards.flush()
        assert not shards.flush_due.is_set()

    asyncio.run(scenario())


def test_sessions_on_two_partitions_are_counted(settings: Settings) -> None:
    registry = CollectorRegistry()
    shards = shards_of(settings, registry)

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 4, sessions=4))
        await shards.flush()
        await shards.apply(batch(1, 0, 3, sessions=3))
        await shards.flush()

    asyncio.run(scenario())
    org_id = json.loads(encoded())["org_id"]
    assert registry.get_sample_value("burnline_split_sessions_total", {"org": org_id}) == 3


@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000], ids=["an-hour-ahead", "an-hour-back"])
def test_the_systems_clock_may_be_set_and_nothing_is_resolved_by_it(settings: Settings, jump_ms: int) -> None:
    now_ms, registry = [NOW_MS], CollectorRegistry()
    shards = shards_of(settings, registry)
    shards.clock_ms = lambda: now_ms[0]
    burning = batch(0, 0, 1)
    burning.records.values[0] = encoded(input_tokens=10_000_000)  # type: ignore[index]  # a list here

    async def scenario() -> None:
        await shards.own([0])
        await shards.apply(burning)
        await shards.flush()
        assert registry.get_sample_value("burnline_anomalies_open") == 1
        now_ms[0] += jump_ms
        await shards.flush()
        assert registry.get_sample_value("burnline_anomalies_open") == 1

    asyncio.run(scenario())
