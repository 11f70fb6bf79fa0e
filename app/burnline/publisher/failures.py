"""What a publisher says when events did not arrive."""

from collections.abc import Sequence
from typing import NamedTuple

_NAMED_IN_MESSAGE = 5


class Failure(NamedTuple):
    """One event that did not arrive, and why."""

    event_id: str
    """Empty when the event has none that can be read."""
    reason: str


class Counts(NamedTuple):
    """What became of the events that were given to a publisher; `lost` of them will not arrive."""

    acknowledged: int
    """The brokers have them."""
    in_flight: int
    """In the buffer or on their way."""
    failed: int
    """Taken into the buffer, and not acknowledged."""
    dropped: int
    """Not taken: the buffer was full, or the publisher closed."""
    invalid: int
    """Not taken: they break the contract."""

    @property
    def lost(self) -> int:
        """Failed, dropped or invalid."""
        return self.failed + self.dropped + self.invalid


class DeliveryError(Exception):
    """Events did not arrive. `failures` names them, or the newest of very many; `lost` is how many there are."""

    def __init__(self, failures: Sequence[Failure], lost: int | None = None) -> None:
        self.failures = tuple(failures)
        self.lost = len(self.failures) if lost is None else lost
        named = "; ".join(f"{event_id}: {reason}" for event_id, reason in self.failures[:_NAMED_IN_MESSAGE])
        more = self.lost - min(len(self.failures), _NAMED_IN_MESSAGE)
        rest = f"; and {more:,} more" if more > 0 else ""
        super().__init__(f"{self.lost:,} events not acknowledged: {named}{rest}")

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The ids of the events, in the order in which they failed."""
        return tuple(failure.event_id for failure in self.failures)
