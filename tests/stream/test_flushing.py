"""Partitions are flushed for themselves: one that is slow, or refused, holds up no other, and goes on when it can."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.stream import refusals
from burnline.stream import shards as module
from burnline.stream.shards import Shards
from burnline.stream.writer import Fenced, StillOpen, TransactionalWriter
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from burnline.topics.refusal import Cause, Refusal, Refused
from tests.brokers import MakeSettings
from tests.faults.topics import alter
from tests.ledger.examples import named
from tests.stream.test_shards import SOON_S, batch, shards_of

pytestmark = pytest.mark.broker

REFUSAL = Refusal(Cause.NOT_AUTHORISED, "topic t.sessions", "writing to topic t.sessions is refused")


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    settings = make_settings(partitions=2, kernel="python")
    ensure_topics(settings)
    return settings


@pytest.fixture
def shards(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Shards:
    monkeypatch.setattr(refusals, "FIRST_RETRY_S", 0.0)
    return shards_of(settings)


@pytest.fixture
def before_write(monkeypatch: pytest.MonkeyPatch) -> dict[int, Callable[[], None]]:
    """What happens before a partition is written, by its number."""
    happens: dict[int, Callable[[], None]] = {}
    write = TransactionalWriter.write

    def first(self: TransactionalWriter, *args: Any, **kwargs: Any) -> None:
        happens.get(self.partition, lambda: None)()
        write(self, *args, **kwargs)

    monkeypatch.setattr(TransactionalWriter, "write", first)
    return happens


async def until(condition: Callable[[], bool], again: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again until a condition holds."""
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline
        await again()
        await asyncio.sleep(0.02)


def wait_for(event: threading.Event) -> None:
    assert event.wait(SOON_S)


def refuse() -> None:
    raise Refused(REFUSAL)


def test_a_slow_flush_holds_up_no_other(
    shards: Shards, before_write: dict[int, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    before_write[0] = partial(wait_for, may_end)

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 2))
        await shards.begin_flushes()
        for end in range(1, 4):
            await shards.apply(batch(1, end - 1, end))
            await until(partial(lambda end: shards.durable_offsets()[1] == end, end), shards.begin_flushes)
        assert shards.durable_offsets() == {0: 0, 1: 3}
        assert shards.stalled().keys() == {0}
        monkeypatch.setattr(module, "SLOW_S", 0.0)
        assert (shards.next_offset(0), shards.next_offset(1)) == (None, 3)
        may_end.set()
        await until(lambda: shards.durable_offsets()[0] == 2, shards.begin_flushes)
        assert (shards.next_offset(0), shards.stalled()) == (2, {})

    asyncio.run(scenario())


def test_what_a_slow_one_has_gathered_takes_no_room_from_others(
    shards: Shards, before_write: dict[int, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    before_write[0] = partial(wait_for, may_end)
    monkeypatch.setattr(module, "MAX_UNFLUSHED_EVENTS", 4)

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 1))
        await shards.begin_flushes()
        await shards.apply(batch(0, 1, 5))
        waits = asyncio.create_task(shards.apply(batch(1, 0, 3)))
        await asyncio.wait_for(shards.flush_due.wait(), SOON_S)
        assert shards.next_offset(1) == 0
        monkeypatch.setattr(module, "SLOW_S", 0.0)
        await until(waits.done, shards.begin_flushes)
        assert shards.next_offset(1) == 3
        may_end.set()
        await shards.flush()
        assert shards.durable_offsets() == {0: 5, 1: 3}

    asyncio.run(scenario())


def test_a_refused_flush_is_kept_and_written_when_it_is_cured(
    shards: Shards, before_write: dict[int, Callable[[], None]], caplog: pytest.LogCaptureFixture
) -> None:
    before_write[0] = refuse

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 2))
        await shards.apply(batch(1, 0, 2))
        await shards.flush()
        assert shards.durable_offsets() == {0: 0, 1: 2}
        assert (shards.refused.all(), shards.failure) == ({0: REFUSAL}, None)
        assert await shards.apply(batch(0, 2, 3))  # was under way: dropped, and read again later
        assert (shards.next_offset(0), shards.next_offset(1)) == (None, 2)
        await shards.flush()
        await shards.own([0, 1])  # a rebalance that leaves it here changes nothing
        assert shards.next_offset(0) is None
        before_write.clear()
        await until(lambda: len(shards.refused) == 0, shards.begin_flushes)
        assert (shards.next_offset(0), shards.durable_offsets()) == (2, {0: 2, 1: 2})
        await shards.apply(batch(0, 2, 3))
        await shards.flush()
        assert shards.durable_offsets() == {0: 3, 1: 2}

    with caplog.at_level(logging.WARNING, logger=module.__name__):
        asyncio.run(scenario())
    assert [re.sub(r"\d+ s$", "N s", one.getMessage()) for one in caplog.records if one.name == module.__name__] == [
        "partition 0 is not read any further: writing to topic t.sessions is refused",
        "partition 0 goes on after N s",
    ]


def test_one_that_is_in_doubt_is_taken_over_anew(shards: Shards, before_write: dict[int, Callable[[], None]]) -> None:
    def in_doubt() -> None:
        raise StillOpen("a transaction stays open on t.sessions")

    before_write[0] = in_doubt

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 2))
        await shards.flush()
        assert shards.durable_offsets() == {1: 0}
        assert [refusal.cause for refusal in shards.refused.all().values()] == [Cause.IN_DOUBT]
        before_write.clear()
        await shards.look_again()
        assert (shards.next_offset(0), len(shards.refused)) == (0, 0)

    asyncio.run(scenario())


@pytest.mark.parametrize("failure", [Fenced("partition 0"), RuntimeError("made up")], ids=["fenced", "unforeseen"])
def test_any_other_failure_ends_the_worker(
    shards: Shards, before_write: dict[int, Callable[[], None]], failure: Exception
) -> None:
    def fail() -> None:
        raise failure

    before_write[0] = fail

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 2))
        with pytest.raises(type(failure)):
            await shards.flush()
        await shards.apply(batch(1, 0, 2))
        await shards.flush()
        assert (shards.failure, shards.durable_offsets()) == (failure, {0: 0, 1: 0})

    asyncio.run(scenario())


@pytest.mark.needs("size-limit")
def test_a_record_larger_than_its_topic_takes_stops_its_partition_alone(shards: Shards, settings: Settings) -> None:
    topics = topics_for(settings)
    alter(settings, topics.sessions.name, {"max.message.bytes": "500"})

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 9, sessions=1))
        await shards.flush()
        (refusal,) = shards.refused.all().values()
        assert (refusal.cause, refusal.resource) == (Cause.TOO_LARGE, f"topic {topics.sessions.name}")
        assert f"key '{named('s-0')}', is larger than topic" in str(refusal)
        alter(settings, topics.sessions.name, {"max.message.bytes": "1000000"})
        await shards.apply(batch(1, 0, 1))
        await until(lambda: shards.durable_offsets() == {0: 9, 1: 1}, shards.begin_flushes)
        assert len(shards.refused) == 0

    asyncio.run(scenario())
    config = client_config(settings)
    written = [one for found in read_to_end(config, topics.sessions.name, [0, 1], timeout_s=SOON_S) for one in found]
    assert len(written) == 2


def test_a_partition_that_is_given_up_takes_no_room_any_more(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNFLUSHED_EVENTS", 4)

    async def scenario() -> None:
        await shards.own([0, 1])
        await shards.apply(batch(0, 0, 4))
        await shards.own([1])
        assert await asyncio.wait_for(shards.apply(batch(1, 0, 3)), SOON_S)
        assert not shards.flush_due.is_set()
        await shards.flush()
        assert shards.durable_offsets() == {1: 3}

    asyncio.run(scenario())
