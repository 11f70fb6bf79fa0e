"""What a publisher says when events did not arrive."""

from collections.abc import Sequence
from typing import NamedTuple

_NAMED_IN_MESSAGE = 5


class Failure(NamedTuple):
    """One event that the brokers did not acknowledge, and why."""

    event_id: str
    reason: str


class DeliveryError(Exception):
    """Events did not arrive. `failures` names each; every failure is raised once, by the next call that can."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        self.failures = tuple(failures)
        named = "; ".join(f"{event_id}: {reason}" for event_id, reason in self.failures[:_NAMED_IN_MESSAGE])
        more = len(self.failures) - _NAMED_IN_MESSAGE
        rest = f"; and {more:,} more" if more > 0 else ""
        super().__init__(f"{len(self.failures):,} events not acknowledged: {named}{rest}")

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The ids of the events, in the order in which they failed."""
        return tuple(failure.event_id for failure in self.failures)
