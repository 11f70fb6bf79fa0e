"""What one reader of the stream gets, in its order."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

from fastapi.sse import ServerSentEvent
from pydantic import BaseModel
from redis.exceptions import RedisError

from burnline.api.view.feed import START, FeedPlace, all_behind
from burnline.api.view.hub import Orgs, Subscriber
from burnline.api.view.live import LiveView
from burnline.api.view.reading import Switched
from burnline.api.view.shapes import ReadyEvent, ResetEvent

RETRY_MS = 1_000
"""How soon a reader comes back when the stream ends."""


class Kind(StrEnum):
    """What a stream tells of."""

    ANOMALY = "anomaly"
    BURN = "burn"


class Wish(NamedTuple):
    """What a reader wants."""

    orgs: Orgs
    kinds: frozenset[Kind]
    after: FeedPlace | None
    """The last notice that it has; None begins with what is new from now on."""
    seconds: float
    """How long the stream lasts at most."""


async def events(live: LiveView, wish: Wish) -> AsyncIterator[ServerSentEvent]:
    """The events for one reader, until it has had enough, the process ends, or Redis cannot be asked for the past.

    The reader is let in before the past is read, so nothing falls between the two; what both hold comes once.
    """
    ends_at_s = time.monotonic() + wish.seconds
    with live.hub.subscribed(wish.orgs, notices=Kind.ANOMALY in wish.kinds) as subscriber:
        reached = live.place
        after = reached if wish.after is None else wish.after
        try:
            shown = await _newest_seen(live, wish.orgs, reached) if wish.after is None else after
        except (RedisError, Switched):
            return  # the reader comes back and asks again
        yield _event("ready", ReadyEvent(resumed=wish.after is not None), str(shown), RETRY_MS)
        if wish.after is not None and Kind.ANOMALY in wish.kinds:
            try:
                async for event in _past(live, wish, after, reached):
                    yield event
            except (RedisError, Switched):
                return  # the reader comes back and asks again
        while not live.hub.closing and (left_s := ends_at_s - time.monotonic()) > 0:
            subscriber.news.clear()
            while (news := _next(live, subscriber, wish, after)) is not None:
                yield news
            if not subscriber.news.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(subscriber.news.wait(), left_s)


async def _newest_seen(live: LiveView, orgs: Orgs, reached: FeedPlace) -> FeedPlace:
    """Where a new reader may resume: at the newest notice that it may see. Any other tells when others had one."""
    if orgs is None:
        return reached
    if not live.hub.newest_are_known:
        found: dict[str, FeedPlace] = {}
        async for behind in all_behind(live.picture.reader, START):
            found |= {kept.heading.org_id: place for place, kept in behind.entries if place <= reached}
        live.hub.newest = found | live.hub.newest
        live.hub.newest_are_known = True
    return max((live.hub.newest.get(org, START) for org in orgs), default=START)


async def _past(live: LiveView, wish: Wish, after: FeedPlace, until: FeedPlace) -> AsyncIterator[ServerSentEvent]:
    async for behind in all_behind(live.picture.reader, after):
        if behind.lost:
            yield _event("reset", ResetEvent(reason="The feed does not go back to your Last-Event-ID."))
        for place, kept in behind.entries:
            if place <= until and (wish.orgs is None or kept.heading.org_id in wish.orgs):
                yield ServerSentEvent(event=Kind.ANOMALY, raw_data=kept.json.decode(), id=str(place))


def _next(live: LiveView, subscriber: Subscriber, wish: Wish, after: FeedPlace) -> ServerSentEvent | None:
    if subscriber.lost:
        subscriber.lost = False
        return _event("reset", ResetEvent(reason="Notices came faster than they were read."))
    while subscriber.notices:
        notice = subscriber.notices.popleft()
        if notice.place > after:  # a reader who was at another process may be ahead of this one
            return ServerSentEvent(event=Kind.ANOMALY, raw_data=notice.json.decode(), id=str(notice.place))
    if Kind.BURN in wish.kinds and live.is_ready:
        burn = live.hub.burn_for(subscriber, live.picture.sessions, live.clock_s())
        if burn is not None:
            return ServerSentEvent(event=Kind.BURN, raw_data=burn.decode())
    return None


def _event(name: str, data: BaseModel, event_id: str | None = None, retry_ms: int | None = None) -> ServerSentEvent:
    return ServerSentEvent(event=name, raw_data=data.model_dump_json(), id=event_id, retry=retry_ms)
