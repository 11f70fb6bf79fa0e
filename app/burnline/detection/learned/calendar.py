"""Announced spikes: while one lasts nothing of its agent is out of range, and nothing is learned from it."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec

BEFORE_MS = 60_000
AFTER_MS = 600_000
"""A spike may begin a little early and end late."""


class Planned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the calendar. Times are epoch milliseconds; the factor is for people."""

    org: str
    agent: str
    from_ms: Annotated[int, msgspec.Meta(ge=0)]
    to_ms: Annotated[int, msgspec.Meta(ge=0)]
    factor: float | None = None

    def __post_init__(self) -> None:
        if self.to_ms < self.from_ms:
            raise ValueError(f"to_ms={self.to_ms} lies before from_ms={self.from_ms}")


class Turn(NamedTuple):
    """A moment at which an agent's announcement begins or ends."""

    at_ms: int
    org: str
    agent: str
    step: int


def turns(planned: Iterable[Planned]) -> list[Turn]:
    """All beginnings (+1) and ends (-1), in order."""
    return sorted(
        turn
        for each in planned
        for turn in (
            Turn(each.from_ms - BEFORE_MS, each.org, each.agent, 1),
            Turn(each.to_ms + AFTER_MS, each.org, each.agent, -1),
        )
    )
