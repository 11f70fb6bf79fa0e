"""A team at work, by the minute: for tests of scopes that are wider than an agent."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from burnline.detection.learned.meters import DAY_MS
from tests.detection.learned.fleet import T0_MS, Sent

HOUR_MS = 3_600_000
EVERY_MS = 60_000


@dataclass(frozen=True)
class Feed(Sent):
    """A call for a team and a project, perhaps of a session that another one began."""

    team: str | None = "platform"
    project: str | None = None
    parent: str | None = None

    def event(self, number: int) -> dict[str, Any]:
        """As a usage event."""
        own = {"team_id": self.team, "project_code": self.project, "parent_session_id": self.parent}
        return super().event(number) | {name: value for name, value in own.items() if value is not None}


def hours(
    agent: str, day: int, *, times: float = 1.0, begin: float = 10.0, length: float = 1.5, **more: Any
) -> Iterator[Feed]:
    """An agent's steady work: a call each minute, or so many times as many, never twice alike."""
    at = T0_MS + day * DAY_MS + int(begin * HOUR_MS)
    every = int(EVERY_MS / times)
    for turn in range(int(length * HOUR_MS / every)):
        yield Feed(
            at + turn * every + 97 * (sum(agent.encode()) % 100),
            agent,
            f"{agent}-{day}",
            8_000 + 131 * ((turn * 7 + day) % 13),
            **more,
        )


def usual_weeks(agents: int = 10, days: int = 5, **more: Any) -> list[Feed]:
    """Some days of a team of agents."""
    return [each for day in range(days) for agent in range(agents) for each in hours(f"feed-{agent}", day, **more)]
