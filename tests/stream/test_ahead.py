"""Polling ahead: one poll, of the partitions that are assigned, and nothing is lost on the way."""

import asyncio
import threading
from collections.abc import Collection, Mapping, Sequence
from functools import partial

import pytest
from confluent_kafka import KafkaError, KafkaException

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.stream.ahead import PollingAhead
from burnline.stream.batches import RecordBatch, Records
from burnline.stream.reader import MakeReader
from tests.stream.test_reader import POLLS, READERS, ROWS, rows_of, topic, write

__all__ = ["topic"]

SOON_S = 30.0
REFUSED = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))


class CountingReader:
    """Finds no records and counts how often it was asked; `tests/stream/test_reader.py` has the real ones."""

    def __init__(self) -> None:
        self.away_since_s: float | None = None
        self.in_doubt = False
        self.polls = threading.Semaphore(0)
        self.said: list[str] = []
        self.refuses_poll: int | None = None
        self.assigned: list[int] = []

    def assign(self, positions: Mapping[int, int]) -> None:
        self.assigned = list(positions)
        self.said.append(f"assign {dict(positions)}")

    def poll(self) -> Mapping[int, Sequence[Records]]:
        self.said.append("poll")
        self.polls.release()
        if self.said.count("poll") == self.refuses_poll:
            raise REFUSED
        return dict.fromkeys(self.assigned, ())

    def end_offset(self, partition: int) -> int:
        return 10 * partition

    def unheard(self) -> Collection[int]:
        return self.assigned[1:]

    def look_for_brokers(self) -> None:
        self.said.append("look")

    def close(self) -> None:
        self.said.append("close")


def test_the_next_poll_begins_before_it_is_asked_for_and_no_further_one() -> None:
    reader = CountingReader()

    async def scenario() -> None:
        ahead = PollingAhead(lambda: reader)
        await ahead.assign({0: 0})
        await ahead.poll()
        assert reader.polls.acquire(timeout=SOON_S)
        assert reader.polls.acquire(timeout=SOON_S)
        await ahead.look_for_brokers()
        assert reader.said == ["assign {0: 0}", "poll", "poll", "look"]
        await ahead.poll()
        await ahead.close()

    asyncio.run(scenario())
    assert reader.said == ["assign {0: 0}", "poll", "poll", "look", "poll", "close"]


def test_what_came_ahead_of_another_assignment_is_dropped() -> None:
    reader = CountingReader()

    async def scenario() -> None:
        ahead = PollingAhead(lambda: reader)
        for partition in (0, 1, 2):
            await ahead.assign({partition: 0})
            assert await ahead.poll() == {partition: ()}
        await ahead.close()

    asyncio.run(scenario())


def test_before_an_assignment_nothing_is_made_or_known() -> None:
    def never() -> CountingReader:
        raise AssertionError("no reader is needed yet")

    async def scenario() -> None:
        ahead = PollingAhead(never)
        assert (ahead.end_offset(1), ahead.away_since_s) == (-1, None)
        await ahead.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("then", ["poll", "assign"])
def test_an_error_that_came_ahead_is_raised_by_what_comes_next(then: str) -> None:
    reader = CountingReader()
    reader.refuses_poll = 2

    async def scenario() -> None:
        ahead = PollingAhead(lambda: reader)
        await ahead.assign({0: 0})
        await ahead.poll()
        with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
            await (ahead.poll() if then == "poll" else ahead.assign({0: 0}))
        await ahead.assign({0: 0})
        await ahead.poll()
        await ahead.close()

    asyncio.run(scenario())


def test_an_error_that_came_ahead_does_not_keep_it_from_closing() -> None:
    reader = CountingReader()
    reader.refuses_poll = 2

    async def scenario() -> None:
        ahead = PollingAhead(lambda: reader)
        await ahead.assign({0: 0})
        await ahead.poll()
        await ahead.close()

    asyncio.run(scenario())
    assert reader.said[-1] == "close"


@pytest.mark.broker
@pytest.mark.parametrize("make", READERS)
def test_records_come_from_where_they_are_assigned_anew(make: MakeReader, settings: Settings, topic: str) -> None:
    for partition in (0, 1):
        write(settings, topic, partition, ROWS)

    async def scenario() -> None:
        ahead = PollingAhead(partial(make, topic, client_config(settings)))
        try:
            for positions in ({0: 0, 1: 0}, {0: 2, 1: 4}, {1: 1}):
                await ahead.assign(positions)
                expected = {partition: ROWS[offset:] for partition, offset in positions.items()}
                assert await _rows(ahead, positions, sum(map(len, expected.values()))) == expected
                await ahead.poll()  # leaves another one under way
        finally:
            await ahead.close()

    asyncio.run(scenario())


async def _rows(ahead: PollingAhead, positions: Mapping[int, int], count: int) -> dict[int, list[object]]:
    rows: dict[int, list[object]] = {partition: [] for partition in positions}
    for _ in range(POLLS):
        for partition, several in (await ahead.poll()).items():
            for records in several:
                rows[partition] += rows_of([RecordBatch(partition, records.offsets[0], records)])
        if sum(map(len, rows.values())) >= count:
            return rows
    raise TimeoutError(f"{rows} is all that came")
