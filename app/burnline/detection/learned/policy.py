"""What people ask of the learned rules, by agent: how sensitive, from how much money on, and when nobody wants to hear.

Of the policies that fit an agent the most specific one counts, alone: one of org and agent, else of the agent in any
org, else of the org, else of any; and else the plain one, which asks for nothing. Pure: times are arguments.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

ANY = "*"
MINUTE_MS = 60_000
DAY_MINUTES = 1_440


class Quiet(NamedTuple):
    """Hours of each day in which nothing is told, from the first (in it) to the second (not in it)."""

    begin: time
    end: time
    zone: ZoneInfo

    def holds(self, at_ms: int) -> bool:
        """Whether a moment lies in it."""
        at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone).time()
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


class Policy(NamedTuple):
    """What holds for the agents that it names.

    Attributes:
        name: What notices call it; empty for the plain one.
        org_id, agent_id: Whose agents, or any (`*`).
        sensitivity: 1.0 as the limits are tuned; above it more is found and more is told in vain.
        minimum_pico_usd: An incident is told once it has spent so much.
        quiet: When it is not told, unless it goes on afterwards.
        usd_per_hour_pico: What all sessions of one agent together may burn in the mean; None: nothing is said of that.
        version: Counts the changes of the policy on its topic; 0 for one of a file.
    """

    name: str = ""
    org_id: str = ANY
    agent_id: str = ANY
    sensitivity: float = 1.0
    minimum_pico_usd: int = 0
    quiet: tuple[Quiet, ...] = ()
    usd_per_hour_pico: int | None = None
    version: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Whom it is about."""
        return self.org_id, self.agent_id

    def lets_tell(self, at_ms: int, spent_pico_usd: int) -> bool:
        """Whether an incident that has spent so much is told at a moment."""
        return spent_pico_usd >= self.minimum_pico_usd and not any(each.holds(at_ms) for each in self.quiet)

    def is_always_quiet(self) -> bool:
        """Whether its quiet hours leave no minute of a day in which anything is told."""
        return bool(self.quiet) and all(
            any(each.holds(minute * MINUTE_MS) for each in self.quiet) for minute in range(DAY_MINUTES)
        )


class Policies:
    """Policies by whom they are about."""

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        """Take them.

        Raises:
            ValueError: Two are about the same.
        """
        self._by_key: dict[tuple[str, str], Policy] = {}
        for policy in policies:
            if (other := self._by_key.setdefault(policy.key, policy)) is not policy:
                raise ValueError(f"policies {other.name!r} and {policy.name!r} are both about {_whom(policy.key)}")
        self.plain = self._by_key.setdefault((ANY, ANY), Policy())

    def all(self) -> Sequence[Policy]:
        """All of them, the plain one last."""
        return sorted(self._by_key.values(), key=lambda policy: (policy.org_id == ANY) + 2 * (policy.agent_id == ANY))

    def of(self, org_id: str, agent_id: str) -> Policy:
        """The one that holds for an agent."""
        for key in ((org_id, agent_id), (ANY, agent_id), (org_id, ANY)):
            if (found := self._by_key.get(key)) is not None:
                return found
        return self.plain


def _whom(key: tuple[str, str]) -> str:
    org_id, agent_id = key
    agents = "any agent" if agent_id == ANY else f"agent {agent_id}"
    return f"{agents} of {'any org' if org_id == ANY else f'org {org_id}'}"
