"""The newest notice of every anomaly that is kept, ordered for the history and for what is open. No I/O.

A notice is kept as the JSON that was published, and handed out as that.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from burnline.api.view.notes import NOTHING_SAID
from burnline.detection.anomaly import Severity, State


class Heading(msgspec.Struct, frozen=True):
    """The part of a notice that is asked for by filters and orders."""

    anomaly_id: str
    revision: int
    state: State
    severity: Severity
    org_id: str
    agent_id: str
    session_id: str
    opened_at: int
    updated_at: int

    @property
    def is_open(self) -> bool:
        """Whether it is not resolved."""
        return self.state is not State.RESOLVED


class Kept(NamedTuple):
    """A notice: what it is about, and its JSON."""

    heading: Heading
    json: bytes


class Opened(NamedTuple):
    """Where an anomaly stands in the history. It never moves: the time of its opening does not change."""

    opened_at: int
    anomaly_id: str


class Urgency(NamedTuple):
    """Where an open anomaly stands: critical before warning, then the latest change first."""

    is_warning: bool
    behind: int
    anomaly_id: str


_heading = msgspec.json.Decoder(Heading)


def read_notice(json: bytes) -> Kept:
    """A notice out of the projection.

    Raises:
        msgspec.MsgspecError: It is none.
    """
    return Kept(_heading.decode(json), json)


def urgency(heading: Heading) -> Urgency:
    """Sort key of the open ones."""
    return Urgency(heading.severity is Severity.WARNING, -heading.updated_at, heading.anomaly_id)


Wanted = Callable[[Heading], bool]


class AnomalyIndex:
    """All anomalies, by their newest notices."""

    def __init__(self) -> None:
        self.notes: Mapping[str, bytes] = {}
        """What people say of an anomaly, as JSON, by its id."""
        self._newest: dict[str, Kept] = {}
        self._history: list[Opened] = []
        self._open: dict[str, Kept] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def __contains__(self, anomaly_id: str) -> bool:
        return anomaly_id in self._newest

    def row(self, kept: Kept) -> bytes:
        """A notice with what people say of its anomaly, as JSON (`notes.SeenAnomaly`)."""
        return b'%s,"notes":%s}' % (kept.json[:-1], self.notes.get(kept.heading.anomaly_id, NOTHING_SAID))

    def put(self, kept: Kept) -> bool:
        """Take over a notice, unless a newer one of its anomaly is known; whether it is news."""
        heading = kept.heading
        before = self._newest.get(heading.anomaly_id)
        if before is not None and before.heading.revision >= heading.revision:
            return False
        if before is None:
            insort(self._history, Opened(heading.opened_at, heading.anomaly_id))
        self._newest[heading.anomaly_id] = kept
        if heading.is_open:
            self._open[heading.anomaly_id] = kept
        else:
            self._open.pop(heading.anomaly_id, None)
        return True

    def keep_only(self, anomaly_ids: frozenset[str]) -> None:
        """Let all others go: they are kept no more."""
        if len(anomaly_ids) >= len(self._newest) and self._newest.keys() <= anomaly_ids:
            return
        self._newest = {key: kept for key, kept in self._newest.items() if key in anomaly_ids}
        self._open = {key: kept for key, kept in self._open.items() if key in anomaly_ids}
        self._history = [place for place in self._history if place.anomaly_id in anomaly_ids]

    def history(self, wanted: Wanted, *, limit: int, before: Opened | None, until_ms: int | None) -> list[Kept]:
        """Anomalies, the latest opening first.

        Args:
            wanted: Which ones.
            limit: At most so many.
            before: Only what was opened before this one.
            until_ms: Only what was opened before this moment.
        """
        ends = [len(self._history)]
        if before is not None:
            ends.append(bisect_left(self._history, before))
        if until_ms is not None:
            ends.append(bisect_left(self._history, Opened(until_ms, "")))
        places = (self._history[index] for index in range(min(ends) - 1, -1, -1))
        return _first(limit, wanted, (self._newest[place.anomaly_id] for place in places))

    def open(self, wanted: Wanted, *, limit: int, after: Urgency | None) -> list[Kept]:
        """Anomalies that are not resolved, the most urgent first; `after` continues behind one."""
        places = sorted((urgency(kept.heading), kept) for kept in self._open.values())
        return _first(limit, wanted, (kept for place, kept in places if after is None or place > after))


def _first(limit: int, wanted: Wanted, found: Iterable[Kept]) -> list[Kept]:
    def some() -> Iterator[Kept]:
        for kept in found:
            if wanted(kept.heading):
                yield kept

    return [kept for kept, _ in zip(some(), range(limit), strict=False)]
