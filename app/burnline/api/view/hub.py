"""What streams tell their readers: every new notice, and once a second the active sessions that have changed.

A reader that is slow costs a bounded queue and no more: notices beyond it are given up, which the reader is told, and
changed sessions come together, because the newest row of a session is all there is to say about it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import nlargest
from typing import NamedTuple

import msgspec

from burnline.api.view.active import ActiveSession, RowId
from burnline.api.view.collection import ActiveSessions
from burnline.api.view.feed import FeedPlace
from burnline.api.view.orders import Column

MAX_ROWS = 100
"""Sessions in one burn event, those that burn most."""
MAX_GONE = 1_000
"""Sessions that it says are active no more."""
MAX_NOTICES = 1_000
"""Notices that may wait for a reader."""
TICKS_KEPT = 30
"""Seconds that a reader may be behind before it is told of all sessions again."""

Orgs = frozenset[str] | None


class Notice(NamedTuple):
    """A new notice: its place in the feed, whose it is, and its JSON."""

    place: FeedPlace
    org_id: str
    json: bytes


class Subscriber:
    """One reader of the stream."""

    def __init__(self, orgs: Orgs, *, notices: bool) -> None:
        """Take whose anomalies and sessions it sees, and whether it wants notices."""
        self.orgs = orgs
        self._wants_notices = notices
        self.notices: deque[Notice] = deque()
        self.lost = False
        """Notices were given up, because it did not read."""
        self.tick = -1
        """The last tick that it was told of."""
        self.news = asyncio.Event()

    def offer(self, notice: Notice) -> None:
        """Let a notice wait for it, if it may see it."""
        if not self._wants_notices or (self.orgs is not None and notice.org_id not in self.orgs):
            return
        if len(self.notices) >= MAX_NOTICES:
            self.notices.clear()
            self.lost = True
        self.notices.append(notice)
        self.news.set()


class Hub:
    """All readers, and what they are to hear."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._ticks: deque[list[RowId]] = deque(maxlen=TICKS_KEPT)
        self._tick = 0
        self._told: dict[tuple[Orgs, int], bytes | None] = {}
        self._started_over = False
        self.closing = False
        self.newest: dict[str, FeedPlace] = {}
        """The newest notice of an organisation that was told here, and once `newest_are_known` of any."""
        self.newest_are_known = False

    def __len__(self) -> int:
        return len(self._subscribers)

    @property
    def ticks(self) -> int:
        """A number that grows with each tick."""
        return self._tick

    @contextmanager
    def subscribed(self, orgs: Orgs, *, notices: bool = True) -> Iterator[Subscriber]:
        """A reader, for as long as it reads."""
        subscriber = Subscriber(orgs, notices=notices)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    def publish(self, notice: Notice) -> None:
        """Tell of a notice."""
        self.newest[notice.org_id] = notice.place
        for subscriber in self._subscribers:
            subscriber.offer(notice)

    def lose(self) -> None:
        """Notices were lost before they could be told."""
        for subscriber in self._subscribers:
            subscriber.lost = True
        self._wake()

    def tick(self, sessions: ActiveSessions) -> None:
        """Tell of the sessions that have changed since the last call."""
        changed = sessions.take_changed()
        self._tick += 1
        self._ticks.append(changed)
        self._told.clear()
        if changed or self._started_over:
            self._started_over = False
            self._wake()

    def start_over(self) -> None:
        """The sessions are another picture: the next tick tells everybody of all of them."""
        self._tick += TICKS_KEPT + 1
        self._ticks.clear()
        self._told.clear()
        self._started_over = True

    def close(self) -> None:
        """Let every reader end."""
        self.closing = True
        self._wake()

    def _wake(self) -> None:
        for subscriber in self._subscribers:
            subscriber.news.set()

    def burn_for(self, subscriber: Subscriber, sessions: ActiveSessions, now_s: float) -> bytes | None:
        """The burn event that a reader has not had yet, as JSON; None if nothing that it sees has changed."""
        since, subscriber.tick = subscriber.tick, self._tick
        if since == self._tick:
            return None
        key = subscriber.orgs, since
        if key not in self._told:
            self._told[key] = self._burn(subscriber.orgs, since, sessions, now_s)
        return self._told[key]

    def _burn(self, orgs: Orgs, since: int, sessions: ActiveSessions, now_s: float) -> bytes | None:
        behind = self._tick - since
        if since < 0 or behind > len(self._ticks):
            page = sessions.page(
                Column.BURN_SHORT,
                descending=True,
                after=None,
                limit=MAX_ROWS,
                wanted=None if orgs is None else lambda row: row.org_id in orgs,
                now_s=now_s,
            )
            return _event(sessions, page.rows, sessions.count(orgs), [], complete=True)
        ids = {
            row_id: None
            for tick in list(self._ticks)[-behind:]
            for row_id in tick
            if orgs is None or row_id.org_id in orgs
        }
        rows = {row_id: sessions.get(row_id) for row_id in ids}
        there = [row for row in rows.values() if row is not None]
        gone = [row_id for row_id, row in rows.items() if row is None]
        if not there and not gone:
            return None
        top = nlargest(MAX_ROWS, there, key=_burn_order)
        return _event(sessions, top, len(there), gone, complete=False)


def _burn_order(row: ActiveSession) -> tuple[int, str]:
    return row.short_pico_usd, row.session_id


def _event(
    sessions: ActiveSessions, rows: list[ActiveSession], changed: int, gone: list[RowId], *, complete: bool
) -> bytes:
    head = {
        "as_of_ms": sessions.moments.newest(),
        "complete": complete,
        "omitted": changed - len(rows),
        "gone": [row_id._asdict() for row_id in gone[:MAX_GONE]],
    }
    body = b",".join(row.json(sessions.rule) for row in rows)
    return msgspec.json.encode(head)[:-1] + b',"sessions":[' + body + b"]}"
