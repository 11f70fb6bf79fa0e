"""What routes work with: settings, the Redis client, the clock, and views that live as long as the process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from redis.asyncio import Redis

from burnline.settings import Settings

if TYPE_CHECKING:
    from burnline.api.view.catalogue import HeldBook
    from burnline.api.view.names_seen import NamesSeen
    from burnline.api.view.rollups import RollupCache


@dataclass(frozen=True, slots=True)
class Resources:
    """One per application, on `app.state.resources`, from start to stop.

    Attributes:
        settings: The settings in force.
        redis: Client of the projection; answers are bytes.
        now_ms: The wall clock, epoch milliseconds.
        rollups: Rollup rows that were read already.
        names: Names that usage had lately.
        held_book: Prices of the catalogue that was in force last.
    """

    settings: Settings
    redis: Redis
    now_ms: Callable[[], int]
    rollups: "RollupCache"
    names: "NamesSeen"
    held_book: "HeldBook"


def resources(request: Request) -> Resources:
    """The application's resources, as a dependency."""
    found: Resources = request.app.state.resources
    return found


async def _resources(request: Request) -> Resources:
    return resources(request)


WithResources = Annotated[Resources, Depends(_resources)]
"""Type of a route's parameter that gets them."""
