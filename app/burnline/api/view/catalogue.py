"""The catalogue in force, below the rates that were set: for what is read, and for what is written."""

import asyncio
import logging
from dataclasses import dataclass

from burnline.api.problems import unavailable
from burnline.api.resources import Resources
from burnline.api.view.generation import read_together
from burnline.api.writing import TIMEOUT_S, ask_brokers
from burnline.finance.bounds import UnpricedBounds
from burnline.kafka import client_config
from burnline.pricing.book import RateBook
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import IN_FORCE, InForce, catalogue_of
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.shelf import read_shelf

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HeldBook:
    """The book of the catalogue that was in force last, and its bounds: to make each takes a quarter of a second."""

    book: RateBook | None = None
    bounds: UnpricedBounds | None = None
    bounds_version: str = ""


async def projected_book(resources: Resources) -> RateBook:
    """Prices of the catalogue in force as the projection has it, without rates that were set.

    Raises:
        Problem: 503, there is no projection, or the catalogue cannot be read here.
        redis.RedisError: Redis is away.
    """
    try:
        return await _in_force(resources)
    except CatalogueError as error:
        raise unavailable(f"The catalogue in force cannot be read: {error}", "catalogue-unreadable") from error


async def projected_bounds(resources: Resources) -> UnpricedBounds:
    """Between what tokens without a rate may cost by the catalogue in force, as the projection has it.

    Where that catalogue cannot be read here, the bundled one's bounds stand in: they are an estimate in any case.

    Raises:
        Problem: 503, there is no projection.
        redis.RedisError: Redis is away.
    """
    held = resources.held_book
    try:
        book = await _in_force(resources)
    except CatalogueError as error:
        _log.warning("bounds of what has no rate are the bundled catalogue's: %s", error)
        return await asyncio.to_thread(UnpricedBounds.bundled)
    if held.book is not book:  # the bundled one: none is in force on the topic
        return await asyncio.to_thread(UnpricedBounds.bundled)
    if held.bounds is None or held.bounds_version != book.catalogue_version:
        held.bounds = await asyncio.to_thread(UnpricedBounds, book.catalogue)
        held.bounds_version = book.catalogue_version
    return held.bounds


async def _in_force(resources: Resources) -> RateBook:
    settings = resources.settings
    pointer = await _projected(resources, IN_FORCE)
    if pointer is None:
        return await asyncio.to_thread(RateBook.from_settings, settings)
    held = resources.held_book
    version = InForce.decode(pointer).version
    if held.book is None or held.book.catalogue_version != version:
        value = await _projected(resources, version)
        held.book = await asyncio.to_thread(_book, settings, version, value or b"")
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
