"""The live part of the projection as this process knows it: a picture that a task of its own keeps up.

Requests are answered out of memory. While there is no picture that is known to be right (no generation, Redis away, the
first one still being read), they are refused with the reason. After a switch of generations the former picture answers
until the new one is read: it is whole, and says itself how old it is.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple

from fastapi import Depends, Request
from redis.exceptions import RedisError

from burnline.api.envelope import Freshness, freshness_of
from burnline.api.problems import not_whole, unavailable
from burnline.api.resources import Resources
from burnline.api.view.breath import Breath
from burnline.api.view.burn_line import BurnLine
from burnline.api.view.catalogue import projected_bounds
from burnline.api.view.feed import START, FeedPlace, Seen, newest_place, read_behind
from burnline.api.view.generation import missing
from burnline.api.view.hub import Hub, Notice
from burnline.api.view.picture import Picture, Plan
from burnline.api.view.reading import GenerationReader, Switched
from burnline.finance.bounds import UnpricedBounds
from burnline.readmodel.checked import NotWhole
from burnline.readmodel.keys import Control

_log = logging.getLogger(__name__)

REFRESH_S = 0.25
TICK_S = 1.0
TIDY_S = 600.0


class Reason(NamedTuple):
    """Why nothing can be answered: the slug of a problem, and a sentence."""

    kind: str
    detail: str


_MISSING = Reason("projection-missing", missing().detail)


class LiveView:
    """Active sessions, anomalies and the stream's readers. `run` keeps it up until it is cancelled."""

    def __init__(self, resources: Resources) -> None:
        """Take what it reads with; it reads nothing yet."""
        self._resources = resources
        self._plan = Plan.from_settings(resources.settings)
        self._control = Control(resources.settings.redis_prefix)
        self._picture: Picture | None = None
        self._why_not: Reason | None = Reason("view-loading", "The projection is being read.")
        self._place: FeedPlace | None = None
        self._seen = Seen()
        self.bounds = UnpricedBounds.bundled()
        """Between what tokens without a rate may cost, by the catalogue in force."""
        self._tidied_at_s = time.monotonic()
        self.hub = Hub()
        self.line = BurnLine()

    @property
    def picture(self) -> Picture:
        """What is known.

        Raises:
            Problem: 503, with the reason why nothing is.
        """
        self.check()
        return self._any_picture()

    @property
    def is_ready(self) -> bool:
        """Whether there is a picture that may be shown."""
        return self._why_not is None

    def check(self) -> None:
        """Nothing, if there is something to answer from.

        Raises:
            Problem: As `picture`.
        """
        if self._why_not is not None:
            raise unavailable(self._why_not.detail, self._why_not.kind)

    def _any_picture(self) -> Picture:
        assert self._picture is not None  # noqa: S101  # else there is a reason why not
        return self._picture

    @property
    def place(self) -> FeedPlace:
        """How far the feed was read."""
        return START if self._place is None else self._place

    def clock_s(self) -> float:
        """A clock that does not go back, in seconds."""
        return time.monotonic()

    def freshness(self) -> Freshness:
        """How fresh the picture is.

        Raises:
            Problem: As `picture`.
        """
        head = self.picture.head
        return freshness_of(head.progress, head.ends, head.seen_at_ms, self._resources.now_ms())

    async def run(self) -> None:
        """Keep the picture up, and tell the stream's readers what is new."""
        ticked_at_s = 0.0
        while True:
            began_s = time.monotonic()
            await self._refresh_or_say_why()
            if self.is_ready and began_s - ticked_at_s >= TICK_S:
                ticked_at_s = began_s
                self.hub.tick(self.picture.sessions)
                self.line.note(self.picture.sessions, self._resources.now_ms())
                self.picture.sessions.forget_unused_orders(began_s)
            await asyncio.sleep(max(0.0, began_s + REFRESH_S - time.monotonic()))

    async def _refresh_or_say_why(self) -> None:
        try:
            await self.refresh()
        except RedisError as error:
            self._refuse(Reason("redis-away", "Redis cannot be read; nothing is answered from memory."), error)
        except NotWhole as error:
            self._picture = None
            self._refuse(Reason(not_whole(error).kind or "", str(error)))
        except Switched:
            pass  # the next refresh finds what there is then
        except Exception as error:  # noqa: BLE001  # logged below
            # Whatever it is, requests must not be answered from a picture that nobody keeps up any more.
            _log.exception("the live view cannot be kept up")
            self._picture = None
            self._refuse(Reason("view-failed", "The live view cannot be read; Burnline's log says why."), error)

    def _refuse(self, reason: Reason, cause: Exception | None = None) -> None:
        if reason != self._why_not:
            _log.warning("live view: %s%s", reason.detail, "" if cause is None else f" {cause}")
        self._why_not = reason

    async def refresh(self) -> None:
        """Take over what has changed in the projection.

        Raises:
            RedisError: Redis is away.
            Switched: Another generation came while this one was read.
        """
        generation = await self._resources.redis.get(self._control.generation)
        if not isinstance(generation, bytes):  # None: there is none
            self._picture = None
            self._refuse(_MISSING)
            return
        picture = self._picture
        if picture is None or picture.generation != generation:
            await self._load(GenerationReader(self._resources.redis, self._control, generation))
        else:
            try:
                await picture.follow(self._resources.now_ms())
                await self._follow_feed(picture)
            except Switched:
                await self._load(GenerationReader(self._resources.redis, self._control, generation))
        if self._why_not is not None:
            _log.info("live view: %d active sessions", len(self._any_picture().sessions))
        self._why_not = None
        await self._tidy()

    async def _load(self, reader: GenerationReader) -> None:
        place = await newest_place(reader) if self._place is None else self._place
        picture = await Picture.load(self._plan, reader, self._resources.now_ms())
        self.bounds = await projected_bounds(self._resources)
        self._picture = picture
        self._place = place
        self.hub.start_over()
        await self._follow_feed(picture)

    async def _follow_feed(self, picture: Picture) -> None:
        more = True
        while more:
            behind = await read_behind(picture.reader, self.place)
            if behind.lost:
                _log.warning("the feed was trimmed before it was read; anomalies are read anew")
                await picture.load_anomalies(Breath(), anew=True)
                self.hub.lose()
            for entry in behind.entries:
                picture.anomalies.put(entry.kept)
                if self._seen.is_new(entry.kept):
                    self.hub.publish(Notice(entry.place, entry.kept.heading.org_id, entry.kept.json))
            self._place = behind.reached
            more = behind.more

    async def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at_s > TIDY_S:
            self._tidied_at_s = time.monotonic()
            self.bounds = await projected_bounds(self._resources)
            await self._any_picture().load_anomalies(Breath())
            await self._any_picture().forget_closed(Breath())


@asynccontextmanager
async def live_view(resources: Resources) -> AsyncIterator[LiveView]:
    """A view that is kept up for as long as the context lasts."""
    await asyncio.to_thread(UnpricedBounds.bundled)  # once, and not while a request waits for it
    view = LiveView(resources)
    task = asyncio.create_task(view.run(), name="live view")
    try:
        yield view
    finally:
        view.hub.close()
        while not task.done():  # Redis' client may turn a cancellation into an error of its own, and `run` goes on
            task.cancel()
            await asyncio.wait([task], timeout=1)
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _live(request: Request) -> LiveView:
    view: LiveView = request.app.state.live
    return view


async def _ready(view: Annotated[LiveView, Depends(_live)]) -> LiveView:
    view.check()
    return view


WithLive = Annotated[LiveView, Depends(_ready)]
"""Type of a route's parameter that gets the view; 503 while there is nothing that it could show."""
