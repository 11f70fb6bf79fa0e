"""Reading a generation without taking a part of it for the whole.

What is read in one transaction is read with the counts of the keys it touches (`Keys.counts`). A key that holds less
than its count was deleted or evicted behind the projector's back, and no answer is made of it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from burnline.readmodel.keys import Control, Keys

Ask = Callable[[Pipeline, Keys], object]
"""Queues commands, one for each answer."""
Command = tuple[Any, ...]

_SIZES = {
    "GET": "GET",
    "HGETALL": "HLEN",
    "HKEYS": "HLEN",
    "HLEN": "HLEN",
    "HMGET": "HLEN",
    "HVALS": "HLEN",
    "LRANGE": "LLEN",
    "XLEN": "XLEN",
    "XRANGE": "XLEN",
    "XREVRANGE": "XLEN",
    "ZCARD": "ZCARD",
    "ZRANGEBYSCORE": "ZCARD",
    "ZREVRANGEBYSCORE": "ZCARD",
    "ZRANGE": "ZCARD",
    "ZSCAN": "ZCARD",
}
"""By command: the one that tells how much there is of what it reads."""
_GENERATION, _LOST = "@generation", "@lost"
_HEAD = 2  # commands before those that are asked
_LOST_SOMETHING = "Redis has lost a part of the projection; it is being built anew."


class NotWhole(Exception):
    """What Redis holds is not the whole picture, or may be a part of it at any moment; the message says why."""

    def __init__(self, sentence: str, *, unfit: bool = False) -> None:
        self.unfit = unfit
        """Whether Redis is set up so that it cannot hold one."""
        super().__init__(sentence)


class _Index(NamedTuple):
    """A command on a hash that an index tells of: its place among the commands, the index, its member there."""

    place: int
    among: str
    member: str


async def read_checked(redis: Redis, control: Control, generation: bytes, ask: Ask) -> list[Any] | None:
    """The answers to some commands, all as of one moment; None if readers use another generation by then.

    Raises:
        NotWhole: The generation has lost what was asked for, or Redis is not fit to hold one.
        redis.RedisError: Redis is away.
    """
    keys = control.keys(generation.decode())
    async with redis.pipeline(transaction=True) as pipe:
        pipe.get(control.generation)
        pipe.get(control.unfit)
        ask(pipe, keys)
        asked: list[Command] = [arguments for arguments, _ in pipe.command_stack][_HEAD:]
        indexed = list(_indexed(asked, keys))
        counted = _counted(asked, keys, {one.place for one in indexed})
        for one in indexed:
            pipe.zscore(one.among, one.member)
        for name, command in counted.items():
            pipe.execute_command(command, name)
        pipe.hmget(keys.counts, [_GENERATION, _LOST, *(name.removeprefix(keys.prefix) for name in counted)])
        in_use, unfit, *answers = await pipe.execute()
    if unfit is not None:
        raise NotWhole(unfit.decode(), unfit=True)
    if in_use != generation:
        return None
    answers, scores, sizes, (known, lost, *counts) = _split(answers, len(asked), len(indexed), len(counted))
    if known != generation or lost is not None:
        raise NotWhole(_LOST_SOMETHING)
    _hold_indexed(indexed, answers, scores)
    _hold_counted(keys, list(counted), sizes, counts)
    return answers


def _indexed(commands: Sequence[Command], keys: Keys) -> Iterator[_Index]:
    prefixes = (
        (keys.session(""), keys.sessions),
        (keys.closed_session(""), keys.closed_sessions),
        (keys.anomaly(""), keys.anomalies),
    )
    for place, (_, name, *_rest) in enumerate(commands):
        for prefix, index in prefixes:
            if name.startswith(prefix):
                yield _Index(place, index, name.removeprefix(prefix))


def _counted(commands: Sequence[Command], keys: Keys, left_out: Collection[int]) -> dict[str, str]:
    """Names of the counted keys, each with the command that tells how much is there."""
    return {
        name: _SIZES[command]
        for place, (command, name, *_) in enumerate(commands)
        if place not in left_out and name != keys.counts
    }


def _split(answers: list[Any], *lengths: int) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    rest = iter(answers)
    parts = [list(islice(rest, length)) for length in lengths]
    return parts[0], parts[1], parts[2], next(rest)


def _hold_indexed(indexed: list[_Index], answers: list[Any], scores: list[Any]) -> None:
    for one, score in zip(indexed, scores, strict=True):
        if bool(answers[one.place]) != (score is not None):
            raise NotWhole(_LOST_SOMETHING)


def _hold_counted(keys: Keys, names: list[str], sizes: list[Any], counts: list[bytes | None]) -> None:
    for name, size, count in zip(names, sizes, counts, strict=True):
        is_there = size is not None if name == keys.seen_at_ms else int(size or 0) == int(count or 0)
        if not is_there:
            raise NotWhole(_LOST_SOMETHING)
