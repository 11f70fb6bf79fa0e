"""What all active sessions burn together, second by second, for as long as a line on a page is wide."""

from collections import deque
from typing import NamedTuple

from burnline.api.view.collection import ActiveSessions

SECONDS_KEPT = 900


class BurnPoint(NamedTuple):
    """The windows' sums at a moment of the wall clock, in pico-USD, by organisation: short window, long window."""

    at_ms: int
    by_org: dict[str, tuple[int, int]]

    def totals(self, orgs: frozenset[str] | None) -> tuple[int, int]:
        """Pico-USD in both windows of these organisations' sessions; None is all organisations."""
        found = [sums for org_id, sums in self.by_org.items() if orgs is None or org_id in orgs]
        return sum(short for short, _ in found), sum(long for _, long in found)


class BurnLine:
    """The newest points, oldest first; about a point per second, since this process has looked."""

    def __init__(self) -> None:
        """Begin without a point."""
        self.points: deque[BurnPoint] = deque(maxlen=SECONDS_KEPT)

    def note(self, sessions: ActiveSessions, now_ms: int) -> None:
        """Add up what burns now: two additions per active session."""
        by_org: dict[str, tuple[int, int]] = {}
        for row in sessions.rows():
            if row.long_pico_usd:  # the short window is a part of the long one
                short, long = by_org.get(row.org_id, (0, 0))
                by_org[row.org_id] = short + row.short_pico_usd, long + row.long_pico_usd
        self.points.append(BurnPoint(now_ms, by_org))
