"""All active sessions: rows in by their ledgers, time in by moments, pages and what has changed out.

Nothing here waits or reads a clock. What may be long is an iterator: whoever drives it lets others run in between.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from burnline.api.view.active import ActiveSession, RowId
from burnline.api.view.moments import Moments
from burnline.api.view.orders import Column, Order, Orders, Place
from burnline.detection.baseline import Baselines
from burnline.detection.rule import BurnRule
from burnline.ledger.view import merge
from burnline.readmodel.rows import SessionRow
from burnline.windows.slices import SLICE_MS, slice_index


class Page(NamedTuple):
    """Rows of one page, and where the next one begins."""

    rows: list[ActiveSession]
    last: Place | None
    """The last row's place if there may be more."""


class ActiveSessions:
    """The rows, and the orders that they are asked for in."""

    def __init__(self, rule: BurnRule, baselines: Baselines, active_after_ms: int) -> None:
        """Begin without a row.

        Args:
            rule: The burn rule, for its windows.
            baselines: The snapshot in force.
            active_after_ms: A session is active for so long after its newest event, in event time.
        """
        self.rule = rule
        self.baselines = baselines
        self.moments = Moments()
        self._active_after_ms = active_after_ms
        self._rows: dict[RowId, ActiveSession] = {}
        self._ids: dict[str, tuple[RowId, ...]] = {}
        self._by_age = Order(Column.LAST_EVENT_AT, ())
        self._orders = Orders()
        self._count: dict[str, int] = {}
        self._unpriced: dict[tuple[str, str], int] = {}
        self._changed: dict[RowId, None] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterable[ActiveSession]:
        """Every row, in no order."""
        return self._rows.values()

    def count(self, orgs: frozenset[str] | None) -> int:
        """How many sessions of these orgs are active; None is all orgs."""
        return len(self._rows) if orgs is None else sum(self._count.get(org_id, 0) for org_id in orgs)

    def unpriced(self, orgs: frozenset[str] | None) -> dict[str, int]:
        """Tokens without a rate in the active sessions of these orgs, by model."""
        found: dict[str, int] = {}
        for (org_id, model), tokens in self._unpriced.items():
            if orgs is None or org_id in orgs:
                found[model] = found.get(model, 0) + tokens
        return found

    def put(self, session_id: str, parts: Sequence[SessionRow]) -> None:
        """Take over a session's ledgers, one per source partition; none lets it go."""
        by_org: dict[str, list[SessionRow]] = {}
        for part in parts:
            by_org.setdefault(part.org_id, []).append(part)
            if part.slices:
                newest = max(index for index, _ in part.slices)
                self.moments.reach(part.source_partition, newest * SLICE_MS + part.delay_ms)
        rows = []
        for org_id, own in by_org.items():
            (view,) = merge(own)
            row = ActiveSession(view, self.baselines.lookup(org_id, view.agent_id))
            if self._is_active(row):
                rows.append(row)
        for row_id in self._ids.get(session_id, ()):
            if all(row.id != row_id for row in rows):
                self._discard(row_id)
        for row in rows:
            self._settle(row)
            self._let_in(row)

    def _let_in(self, row: ActiveSession) -> None:
        before = self._rows.get(row.id)
        if before is None:
            self._ids[row.session_id] = (*self._ids.get(row.session_id, ()), row.id)
            self._count[row.org_id] = self._count.get(row.org_id, 0) + 1
        else:
            self._count_unpriced(before, -1)
        self._count_unpriced(row, 1)
        self._rows[row.id] = row
        self._by_age.put(row)
        self._orders.put(row)
        self._changed[row.id] = None

    def _discard(self, row_id: RowId) -> None:
        row = self._rows.pop(row_id)
        self._by_age.discard(row_id)
        self._orders.discard(row_id)
        self._count_unpriced(row, -1)
        self._count[row.org_id] -= 1
        if not self._count[row.org_id]:
            del self._count[row.org_id]
        others = tuple(other for other in self._ids[row.session_id] if other != row_id)
        if others:
            self._ids[row.session_id] = others
        else:
            del self._ids[row.session_id]
        self._changed[row_id] = None

    def _count_unpriced(self, row: ActiveSession, sign: int) -> None:
        for model, tokens in row.unpriced_by_model.items():
            key = row.org_id, model
            left = self._unpriced.get(key, 0) + sign * tokens
            if left:
                self._unpriced[key] = left
            else:
                del self._unpriced[key]

    def _moment(self, row: ActiveSession) -> int:
        return self.moments.of(row.source_partitions)

    def _is_active(self, row: ActiveSession) -> bool:
        return row.last_event_at >= self._moment(row) - self._active_after_ms

    def _settle(self, row: ActiveSession) -> bool:
        baseline = self.baselines.lookup(row.org_id, row.agent_id)
        return row.settle(slice_index(self._moment(row) - row.delay_ms), baseline, self.rule)

    def expire(self) -> Iterator[None]:
        """Let sessions go that are active no more; a step per session that was looked at."""
        newest = self.moments.newest()
        if newest is None:
            return
        for row_id in self._by_age.below(newest - self._active_after_ms):
            row = self._rows.get(row_id)
            if row is not None and not self._is_active(row):  # its own partition may be behind the newest
                self._discard(row_id)
            yield

    def settle(self) -> Iterator[None]:
        """Let the windows of all rows end at their moments, under the baselines in force; a step per row."""
        for row_id in list(self._rows):
            row = self._rows.get(row_id)
            if row is not None and self._settle(row):
                self._orders.put(row)
                self._changed[row_id] = None
            yield

    def get(self, row_id: RowId) -> ActiveSession | None:
        """A row, if it is active."""
        return self._rows.get(row_id)

    def take_changed(self) -> list[RowId]:
        """Rows that have changed, come or gone since the last call."""
        changed, self._changed = self._changed, {}
        return list(changed)

    def page(
        self,
        column: Column,
        *,
        descending: bool,
        after: Place | None,
        limit: int,
        wanted: Callable[[ActiveSession], bool] | None,
        now_s: float,
    ) -> Page:
        """At most `limit` rows in the order of a column, behind a place."""
        rows: list[ActiveSession] = []
        last: Place | None = None
        for place in self._orders.get(column, self._rows.values(), now_s).walk(after, descending=descending):
            row = self._rows[place.row]
            if wanted is not None and not wanted(row):
                continue
            if len(rows) == limit:
                return Page(rows, last)
            rows.append(row)
            last = place
        return Page(rows, None)

    def forget_unused_orders(self, now_s: float) -> None:
        """Drop orders that nobody has asked for lately."""
        self._orders.forget_unused(now_s)
