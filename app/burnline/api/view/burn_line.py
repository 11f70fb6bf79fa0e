"""What all active sessions burn together, second by second, for as long as a line on a page is wide."""

from collections import deque
from typing import NamedTuple

from burnline.api.view.collection import ActiveSessions

SECONDS_KEPT = 900


class BurnPoint(NamedTuple):
    """The short windows' sum at a moment of the wall clock, in pico-USD, by organisation."""

    at_ms: int
    by_org: dict[str, int]

    def total(self, orgs: frozenset[str] | None) -> int:
        """Pico-USD in the short windows of these organisations' sessions; None is all organisations."""
        if orgs is None:
            return sum(self.by_org.values())
        return sum(self.by_org.get(org_id, 0) for org_id in orgs)


class BurnLine:
    """The newest points, oldest first; about a point per second, since this process has looked."""

    def __init__(self) -> None:
        """Begin without a point."""
        self.points: deque[BurnPoint] = deque(maxlen=SECONDS_KEPT)

    def note(self, sessions: ActiveSessions, now_ms: int) -> None:
        """Add up what burns now: two additions per active session."""
        by_org: dict[str, int] = {}
        for row in sessions.rows():
            if row.short_pico_usd:
                by_org[row.org_id] = by_org.get(row.org_id, 0) + row.short_pico_usd
        self.points.append(BurnPoint(now_ms, by_org))
