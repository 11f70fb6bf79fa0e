"""The generation of the projection that is read: one whole picture, or a 503 that says why there is none.

A rebuild may switch generations between two reads and then deletes the old one's keys, which would read as an empty
day. So what belongs together is read in one transaction with the generation's id, and read anew when that has moved.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends
from redis.asyncio.client import Pipeline

from burnline.api.problems import Problem, unavailable
from burnline.api.resources import Resources, WithResources
from burnline.readmodel.keys import Control, Keys

ATTEMPTS = 3
"""Switches in a row that a reader follows; a rebuild takes longer than a read."""


def missing() -> Problem:
    """The answer while there is no whole projection."""
    return unavailable(
        "The projection is being built; there is nothing whole to answer from yet.", "projection-missing"
    )


async def current(resources: Resources) -> Keys:
    """The keys of the generation that readers use now.

    Raises:
        Problem: 503, there is none.
        redis.RedisError: Redis is away (which the application answers with 503, too).
    """
    control = Control(resources.settings.redis_prefix)
    found = await resources.redis.get(control.generation)
    if found is None:
        raise missing()
    return control.keys(_text(found))


async def read_together(resources: Resources, ask: Callable[[Pipeline, Keys], object]) -> tuple[Keys, list[Any]]:
    """Read several keys of one generation in one transaction.

    Args:
        resources: The application's.
        ask: Queues the commands; it may be called again with another generation's keys.

    Returns:
        The generation's keys, and an answer per queued command.

    Raises:
        Problem: 503, there is no generation, or it was switched time and again.
        redis.RedisError: Redis is away.
    """
    control = Control(resources.settings.redis_prefix)
    for _ in range(ATTEMPTS):
        keys = await current(resources)
        async with resources.redis.pipeline(transaction=True) as pipe:
            pipe.get(control.generation)
            ask(pipe, keys)
            generation, *answers = await pipe.execute()
        if generation is not None and control.keys(_text(generation)) == keys:
            return keys, answers
    raise missing()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


async def _current(resources: WithResources) -> Keys:
    return await current(resources)


WithKeys = Annotated[Keys, Depends(_current)]
"""Type of a route's parameter that gets the keys of the generation in use; 503 without one."""
