"""Ids that stand for more than they should: an event id for several contents or sessions, a session on many partitions.

None of it is a difference between log and ledgers. A repeat counts once, and the first one counts: where publishers
send what an answer has come to so far, again and again under one id, that is the least. An event id in a second session
is another event, unless `BURNLINE_EVENT_ID_SCOPE` is `org`; a fork that carries its parent's history counts it again.
And a session is judged by what one partition sees: partitioners that disagree, or events without a key, spread it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from burnline.events.usage import RareUsage, Usage
from burnline.ledger.duplicates import fingerprint_in_org
from burnline.ledger.identity import ledger_key

IDS_KNOWN = 250_000
"""The newest event ids that are told apart, of a partition; up to twice as many are held."""
MOST_NAMED = 5
_OF_NO_MATTER = {"event_id", "org_id", "session_id", "occurred_at", "tool_name", "run_id", "tags"}
CONTENT = tuple(name for name in RareUsage.__struct_fields__ if name not in _OF_NO_MATTER)
"""Fields whose values decide what an event adds to which sum; a later time alone makes no other event."""
_content = attrgetter(*CONTENT)
_HALF = 0xFFFF_FFFF


def differing(event: Usage, other: Usage) -> tuple[str, ...]:
    """In which fields that matter two events are not the same."""
    return tuple(name for name in CONTENT if getattr(event, name) != getattr(other, name))


@dataclass(slots=True)
class Oddities:
    """What was found on one partition."""

    other_content: int = 0
    """Repeats of an event id, in its session, whose content is another one's."""
    other_session: int = 0
    """Events whose id another session of the organisation had before."""
    named: dict[str, list[str]] = field(default_factory=dict)
    """Some of the events, by which of the two they are: event id and session."""

    def add(self, what: str, event: Usage) -> None:
        """Count an event."""
        setattr(self, what, getattr(self, what) + 1)
        named = self.named.setdefault(what, [])
        if len(named) < MOST_NAMED:
            named.append(f"{event.event_id} of session {event.session_id}")


class PartitionIdentities:
    """Looks at the events of one partition, in their order, as far back as `limit` distinct event ids."""

    def __init__(self, limit: int = IDS_KNOWN) -> None:
        self.found = Oddities()
        self._limit = limit
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}

    def take(self, events: Iterable[Usage | None]) -> None:
        """Look at more; None is no event."""
        for event in events:
            if event is not None:
                self._look(event)

    def _look(self, event: Usage) -> None:
        key = fingerprint_in_org(event.org_id, event.event_id)
        session, content = hash(event.session_id) & _HALF, hash(_content(event)) & _HALF
        known = self._newer.get(key, self._older.get(key))
        if known is None:
            self._remember(key, session << 32 | content)
        elif known >> 32 != session:
            self.found.add("other_session", event)
        elif known & _HALF != content:
            self.found.add("other_content", event)

    def _remember(self, key: int, value: int) -> None:
        if len(self._newer) >= self._limit:
            self._older, self._newer = self._newer, {}
        self._newer[key] = value


class Places:
    """On which partitions sessions are met, over all partitions that are looked at one after the other."""

    def __init__(self) -> None:
        self._met: dict[int, int] = {}
        self.spread: dict[tuple[str, str], set[int]] = {}
        """Partitions of each session (organisation, session id) that was met on several."""

    def meet(self, partition: int, org_id: str, session_id: str) -> None:
        """A session has a ledger, or events, on this partition."""
        first = self._met.setdefault(hash(ledger_key(org_id, session_id)), partition)
        if first != partition:
            self.spread.setdefault((org_id, session_id), {first}).add(partition)
