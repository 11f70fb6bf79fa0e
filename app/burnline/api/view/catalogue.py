"""The catalogue in force, below the rates that were set: for what is read, and for what is written."""

import asyncio
from dataclasses import dataclass

from burnline.api.problems import unavailable
from burnline.api.resources import Resources
from burnline.api.view.generation import read_together
from burnline.api.writing import TIMEOUT_S, ask_brokers
from burnline.kafka import client_config
from burnline.pricing.book import RateBook
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import IN_FORCE, InForce, catalogue_of
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.shelf import read_shelf


@dataclass(slots=True)
class HeldBook:
    """The book of the catalogue that was in force last: to make one takes a quarter of a second."""

    book: RateBook | None = None


async def projected_book(resources: Resources) -> RateBook:
    """Prices of the catalogue in force as the projection has it, without rates that were set.

    Raises:
        Problem: 503, there is no projection, or the catalogue cannot be read here.
        redis.RedisError: Redis is away.
    """
    settings = resources.settings
    pointer = await _projected(resources, IN_FORCE)
    if pointer is None:
        return await asyncio.to_thread(RateBook.from_settings, settings)
    held = resources.held_book
    try:
        version = InForce.decode(pointer).version
        if held.book is None or held.book.catalogue_version != version:
            value = await _projected(resources, version)
            held.book = await asyncio.to_thread(_book, settings, version, value or b"")
    except CatalogueError as error:
        raise unavailable(f"The catalogue in force cannot be read: {error}", "catalogue-unreadable") from error
    return held.book


async def _projected(resources: Resources, key: str) -> bytes | None:
    _, ((value,),) = await read_together(resources, lambda pipe, keys: pipe.hmget(keys.catalogues, [key]))
    found: bytes | None = value
    return found


def _book(settings: Settings, version: str, value: bytes) -> RateBook:
    return RateBook.from_settings(settings).with_catalogue(catalogue_of(version, value))


async def book_of_topic(resources: Resources) -> RateBook:
    """The same as the topic has it, for what is written to topics.

    Raises:
        Problem: 503, the brokers do not answer, or the catalogue cannot be read here.
    """

    def read() -> RateBook:
        settings = resources.settings
        shelf = read_shelf(client_config(settings), topics_for(settings), timeout_s=TIMEOUT_S)
        return RateBook.from_settings(settings).with_catalogue(shelf.current())

    try:
        return await ask_brokers(read)
    except CatalogueError as error:
        raise unavailable(f"The catalogue in force cannot be read: {error}", "catalogue-unreadable") from error
