"""The generation of the projection that is read: one whole picture, or a 503 that says why there is none.

A rebuild may switch generations between two reads and then deletes the old one's keys, which would read as an empty
day. So what belongs together is read in one transaction with the generation's id, and read anew when that has moved. In
the same transaction it is held against what should be there (`burnline.readmodel.checked`).
"""

from typing import Annotated, Any

from fastapi import Depends

from burnline.api.problems import Problem, unavailable
from burnline.api.resources import Resources, WithResources
from burnline.readmodel.checked import Ask, read_checked
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
        NotWhole: It has lost something.
        redis.RedisError: Redis is away (which the application answers with 503, too).
    """
    keys, _ = await read_together(resources, lambda pipe, keys: pipe.hlen(keys.offsets))
    return keys


async def read_together(resources: Resources, ask: Ask) -> tuple[Keys, list[Any]]:
    """Read several keys of one generation in one transaction.

    Args:
        resources: The application's.
        ask: Queues the commands; it may be called again with another generation's keys.

    Returns:
        The generation's keys, and an answer per queued command.

    Raises:
        Problem: 503, there is no generation, or it was switched time and again.
        NotWhole: It has lost what was asked for (which the application answers with 503, too).
        redis.RedisError: Redis is away.
    """
    control = Control(resources.settings.redis_prefix)
    for _ in range(ATTEMPTS):
        generation = await resources.redis.get(control.generation)
        if not isinstance(generation, bytes):  # None: there is none
            break
        answers = await read_checked(resources.redis, control, generation, ask)
        if answers is not None:
            return control.keys(generation.decode()), answers
    raise missing()


async def _current(resources: WithResources) -> Keys:
    return await current(resources)


WithKeys = Annotated[Keys, Depends(_current)]
"""Type of a route's parameter that gets the keys of the generation in use; 503 without one."""
