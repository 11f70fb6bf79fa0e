"""A reader follows the ledgers' positions, however questions of before and after a rebalance meet."""

import asyncio
import threading
from array import array
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from burnline.stream.batches import Records
from burnline.stream.following import Batches, Following

WITHIN_S = 30.0
REFUSED = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))


class Numbered:
    """Records of which only the offsets matter."""

    def __init__(self, *offsets: int) -> None:
        self.offsets = array("q", offsets)


class Log:
    """A reader of an endless log that hands out two records of each partition with each poll, if it may."""

    def __init__(self) -> None:
        self.away_since_s: float | None = None
        self.in_doubt = False
        self.positions: dict[int, int] = {}
        self.assignments: list[dict[int, int]] = []
        self.may_poll = threading.Semaphore(100)
        self.may_assign = threading.Event()
        self.may_assign.set()
        self.refuses = self.closed = self.is_deaf = False

    def assign(self, positions: Mapping[int, int]) -> None:
        assert self.may_assign.wait(WITHIN_S)
        if self.refuses:
            raise REFUSED
        self.positions = dict(positions)
        self.assignments.append(dict(positions))

    def poll(self) -> Mapping[int, Sequence[Records]]:
        assert self.may_poll.acquire(timeout=WITHIN_S)
        if self.is_deaf:
            return {}
        found: dict[int, Sequence[Records]] = {}
        for partition, at in self.positions.items():
            found[partition] = [cast("Records", Numbered(at, at + 1))]
            self.positions[partition] += 2
        return found

    def end_offset(self, partition: int) -> int:
        return self.positions[partition] + 100

    def unheard(self) -> Collection[int]:
        return self.positions.keys() if self.is_deaf else ()

    def look_for_brokers(self) -> None:
        """There are none."""

    def close(self) -> None:
        self.closed = True


class Scene:
    """A follower, and the positions that it is to follow."""

    def __init__(self) -> None:
        self.log = Log()
        self.readers: list[Log] = []
        self.following = Following(self.make)
        self.flows = True

    def make(self) -> Log:
        self.readers.append(self.log if not self.readers else Log())
        return self.readers[-1]

    async def fetch(self, **positions: int) -> Batches:
        wanted = {int(name.removeprefix("p")): offset for name, offset in positions.items()}
        return await self.following.fetch(lambda: wanted, lambda: None, lambda: self.flows)


def spans(found: Batches) -> dict[int, list[tuple[int, int]]]:
    return {number: [(batch.start, batch.end) for batch in chain] for number, chain in found.items()}


def test_batches_chain_from_the_ledgers_positions() -> None:
    async def scenario() -> None:
        scene = Scene()
        assert spans(await scene.fetch(p0=5, p1=7)) == {0: [(5, 7)], 1: [(7, 9)]}
        assert spans(await scene.fetch(p0=7, p1=9)) == {0: [(7, 9)], 1: [(9, 11)]}
        assert scene.log.assignments == [{0: 5, 1: 7}]
        await scene.following.close()

    asyncio.run(scenario())


def test_a_question_from_before_a_rebalance_does_not_undo_the_one_after_it() -> None:
    """Of both, the reader's partitions and positions are those of the one that was asked last."""

    async def scenario() -> None:
        scene = Scene()
        scene.log.may_poll = threading.Semaphore(1)
        await scene.fetch(p0=0)  # and one more poll is under way by now
        before = asyncio.create_task(scene.fetch(p3=100))
        await asyncio.sleep(0)
        after = asyncio.create_task(scene.fetch(p1=40, p3=200))
        await asyncio.sleep(0)
        scene.log.may_poll.release(100)
        await asyncio.wait_for(asyncio.gather(before, after), WITHIN_S)
        assert scene.log.assignments[-1] == {1: 40, 3: 200}
        assert spans(after.result()) == {1: [(40, 42)], 3: [(200, 202)]}
        assert [scene.following.fetched_to(partition) for partition in (0, 1, 3)] == [None, 42, 202]
        await scene.following.close()

    asyncio.run(scenario())


def test_what_is_restarted_while_it_begins_begins_again_with_the_next_question() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.log.may_assign.clear()
        first = asyncio.create_task(scene.fetch(p0=5))
        await asyncio.sleep(0)
        scene.following.restart()
        scene.log.may_assign.set()
        assert await asyncio.wait_for(first, WITHIN_S) == {}
        assert spans(await scene.fetch(p0=3)) == {0: [(3, 5)]}
        assert scene.log.assignments == [{0: 5}, {0: 3}]
        await scene.following.close()

    asyncio.run(scenario())


def test_an_assignment_that_failed_is_made_again() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.log.refuses = True
        with pytest.raises(KafkaException):
            await scene.fetch(p0=5)
        scene.log.refuses = False
        assert spans(await scene.fetch(p0=5)) == {0: [(5, 7)]}
        await scene.following.close()

    asyncio.run(scenario())


def test_nothing_is_handed_out_while_nothing_flows_and_nothing_of_it_is_lost() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.flows = False
        assert await scene.fetch(p0=5) == {}
        scene.flows = True
        assert spans(await scene.fetch(p0=5)) == {0: [(5, 7)]}
        await scene.following.close()

    asyncio.run(scenario())


def test_what_is_fetched_in_vain_is_fetched_by_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic may have been made anew, and the client that knew the former one may not see it for minutes."""
    monkeypatch.setattr("burnline.stream.standstill.STANDSTILL_S", 0.0)

    async def scenario() -> None:
        scene = Scene()
        assert spans(await scene.fetch(p0=5)) == {0: [(5, 7)]}
        assert spans(await scene.fetch(p0=0)) == {0: [(0, 2)]}
        assert [(each.closed, each.assignments) for each in scene.readers] == [(True, [{0: 5}]), (False, [{0: 0}])]
        assert spans(await scene.fetch(p0=2)) == {0: [(2, 4)]}
        assert len(scene.readers) == 2
        await scene.following.close()

    asyncio.run(scenario())


def test_what_a_client_hears_nothing_of_is_fetched_by_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its position is that of the ledgers: nothing was fetched in vain, and nothing comes either."""
    monkeypatch.setattr("burnline.stream.standstill.HEARD_WITHIN_POLLS", 3)

    async def scenario() -> None:
        scene = Scene()
        monkeypatch.setattr(scene.following._unheard, "_within_s", 0.0)
        scene.log.is_deaf = True
        for _ in range(3):
            assert await scene.fetch(p0=0) == {}
        assert [each.closed for each in scene.readers] == [True]
        assert spans(await scene.fetch(p0=0)) == {0: [(0, 2)]}
        assert [each.closed for each in scene.readers] == [True, False]
        await scene.following.close()

    asyncio.run(scenario())
