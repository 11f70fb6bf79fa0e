"""Reads out of one generation of the projection, in pieces that the event loop does not feel."""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

from redis.asyncio import Redis

from burnline.readmodel.checked import Ask, read_checked
from burnline.readmodel.keys import Control, Keys

AT_ONCE = 50
"""Hashes read in one go: less than a millisecond of reading answers."""
IDS_AT_ONCE = 500

Item = TypeVar("Item")


class Switched(Exception):
    """Readers use another generation by now, or none; what was read since may be half deleted."""


class GenerationReader:
    """Reads keys of one generation, as long as it is the one that readers use."""

    def __init__(self, redis: Redis, control: Control, generation: bytes) -> None:
        self.redis = redis
        self.generation = generation
        self.keys: Keys = control.keys(generation.decode())
        self._control = control

    async def read(self, ask: Ask) -> list[Any]:
        """The answers to some commands, all as of one moment.

        Args:
            ask: Queues the commands.

        Raises:
            Switched: Readers use another generation now.
            NotWhole: The generation has lost what was asked for.
            redis.RedisError: Redis is away.
        """
        answers = await read_checked(self.redis, self._control, self.generation, ask)
        if answers is None:
            raise Switched
        return answers

    async def hashes(self, names: Iterable[str]) -> AsyncIterator[dict[bytes, bytes]]:
        """Whole hashes, in the order of their names; an empty one is missing.

        Raises:
            Switched: As `read`.
            redis.RedisError: As `read`.
        """
        for some in _batches(names, AT_ONCE):
            for answer in await self.read(_each_hash(some)):
                yield answer

    async def newest_ids(self, name: str, at_least: int | str) -> AsyncIterator[list[bytes]]:
        """Members of a sorted set from the greatest score down to one.

        Members that move up meanwhile may come twice; none that stays is left out.

        Raises:
            Switched: As `read`.
            redis.RedisError: As `read`.
        """
        start = 0
        while True:
            (some,) = await self.read(_descending(name, at_least, start))
            yield some
            if len(some) < IDS_AT_ONCE:
                return
            start += len(some)

    async def scan(self, name: str, cursor: int) -> tuple[list[str], int]:
        """Some members of a sorted set, in no order, and the cursor of the next ones.

        From 0 until 0 again all come that stay; what comes or goes meanwhile may, and some come twice.

        Raises:
            Switched: As `read`.
            redis.RedisError: As `read`.
        """
        ((further, some),) = await self.read(lambda pipe, _: pipe.zscan(name, cursor, count=IDS_AT_ONCE))
        return [member.decode() for member, _ in some], int(further)

    async def changes(self, since: int, until: int) -> AsyncIterator[tuple[list[str], int]]:
        """Ids of the sessions that changed with numbers above one and up to another, in the order of the numbers.

        Comes in pieces of whole numbers, so that a reader who stops in between goes on without a gap. An id that
        changes meanwhile has a number above `until` and comes with the next call.

        Yields:
            The ids, and the number up to which they are complete.

        Raises:
            Switched: As `read`.
            redis.RedisError: As `read`.
        """
        size = IDS_AT_ONCE
        while since < until:
            (some,) = await self.read(_ascending(self.keys.changes, since, until, size))
            if len(some) < size:
                yield [member.decode() for member, _ in some], until
                return
            last = int(some[-1][1])
            whole = [member.decode() for member, number in some if number < last]
            if whole:
                since = last - 1
                yield whole, since
            else:
                size *= 2  # one number alone has more


def _each_hash(names: Sequence[str]) -> Ask:
    return lambda pipe, _: [pipe.hgetall(name) for name in names]


def _descending(name: str, at_least: int | str, start: int) -> Ask:
    return lambda pipe, _: pipe.zrevrangebyscore(name, "+inf", at_least, start=start, num=IDS_AT_ONCE)


def _ascending(name: str, above: int, until: int, size: int) -> Ask:
    return lambda pipe, _: pipe.zrangebyscore(name, f"({above}", until, start=0, num=size, withscores=True)


def _batches(items: Iterable[Item], size: int) -> Iterable[Sequence[Item]]:
    rest = iter(items)
    while some := tuple(islice(rest, size)):
        yield some
