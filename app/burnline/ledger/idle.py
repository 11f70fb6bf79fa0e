"""Which sessions may be idle: an index by the hour of their newest event, as far as it was told."""

from collections.abc import Iterator

HOUR_MS = 3_600_000


def is_due(last_event_at: int, horizon_ms: int) -> bool:
    """Whether the whole hour of a session's newest event lies before the horizon: sessions retire at full hours."""
    return (last_event_at // HOUR_MS + 1) * HOUR_MS <= horizon_ms


class IdleIndex:
    """Finds sessions that have seen nothing for long, without looking at the others.

    A session stands under the hour of every note about it, so what `due` yields has to be checked against its ledger.
    """

    def __init__(self) -> None:
        self._by_hour: dict[int, set[str]] = {}

    def note(self, session_id: str, last_event_at: int) -> None:
        """A session's newest event is at this time (epoch ms)."""
        self._by_hour.setdefault(last_event_at // HOUR_MS, set()).add(session_id)

    def due(self, horizon_ms: int) -> Iterator[str]:
        """Sessions last noted before the horizon, oldest first; each is forgotten as it is yielded."""
        for hour in sorted(hour for hour in self._by_hour if is_due(hour * HOUR_MS, horizon_ms)):
            waiting = self._by_hour[hour]
            while waiting:
                yield waiting.pop()
            del self._by_hour[hour]
