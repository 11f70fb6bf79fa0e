"""Work with the brokers on behalf of a request: reading reference topics, and writes that are answered when they stand.

The brokers' client blocks, so all of it runs in a few threads of its own: requests for what is in Redis never wait
behind it. What goes wrong is a problem that says whether something may have been written.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from pydantic import BaseModel

from burnline.api.problems import Problem, unavailable
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec
from burnline.topics.compacted import Placed, Written, read_placed, write_key
from burnline.topics.errors import BrokerSilent, TopicError, TopicMissing

TIMEOUT_S = 10.0
"""How long brokers may stay silent before a request is given up."""
THREADS = 4
"""So many requests talk to the brokers at once; others wait their turn."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="brokers")  # starts none before the first request

Result = TypeVar("Result")


class Keyed(Protocol):
    """An entry that knows the key of its record."""

    def key(self) -> str:
        """The key."""


Entry = TypeVar("Entry", bound=Keyed)


async def ask_brokers(work: Callable[[], Result]) -> Result:
    """Run blocking work with the brokers.

    Raises:
        Problem: 503, the brokers are away or refuse, or a topic is missing.
    """
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    except TopicMissing as error:
        raise unavailable(f"{error} `burnline topics ensure` creates what is missing.", "topic-missing") from error
    except BrokerSilent as error:
        raise unavailable(f"The brokers do not answer: {error}", "brokers-away") from error
    except TopicError as error:
        raise unavailable(f"The brokers refuse: {error}", "brokers-refuse") from error


async def read_entries(
    settings: Settings, topic: TopicSpec, parse: Callable[[bytes, bytes], Entry]
) -> tuple[dict[str, Entry], dict[str, Placed]]:
    """A reference topic as it stands now: entries by key, and their places. What is none is left out, as by workers.

    Raises:
        Problem: As `ask_brokers`.
    """
    placed = await ask_brokers(lambda: read_placed(client_config(settings), topic, timeout_s=TIMEOUT_S))
    entries: dict[str, Entry] = {}
    places: dict[str, Placed] = {}
    for key, place in placed.items():
        try:
            entry = parse(key, place.value)
        except ValueError:
            continue
        entries[entry.key()] = entry
        places[entry.key()] = place
    return entries, places


async def write(settings: Settings, topic: TopicSpec, key: str, entry: BaseModel | None) -> Written:
    """Write an entry (None deletes the key), and come back once every in-sync replica has it.

    Raises:
        Problem: 503; where nobody acknowledged it, it may have been written all the same.
    """
    value = None if entry is None else entry.model_dump_json(exclude_none=True).encode()
    try:
        return await ask_brokers(lambda: write_key(client_config(settings), topic, key, value, timeout_s=TIMEOUT_S))
    except Problem as problem:
        if problem.kind != "brokers-away":
            raise
        detail = f"{problem.detail}. It may have been written all the same: ask again, the same twice does no harm."
        raise unavailable(detail, "not-acknowledged") from problem
