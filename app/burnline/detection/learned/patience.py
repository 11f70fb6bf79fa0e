"""What people say of notices makes the rules for an agent less sensitive for a while. Pure.

Each notice that was `false` or `planned` takes a tenth off the sensitivity of its agent's rules, for 14 days; all of
them together take no more than two fifths. `true` changes nothing. It counts from the next UTC day on: so a log that is
read again is judged by the same lines, whenever it is read.
"""

from collections.abc import Iterable

from burnline.detection.learned.ranges import HISTORY_DAYS
from burnline.detection.notes import AnomalyNote, Verdict

DAY_MS = 86_400_000
EACH = 0.9
LEAST = 0.6

Agent = tuple[str, str]
"""Organisation and agent."""


def in_vain(notes: Iterable[AnomalyNote]) -> dict[Agent, list[int]]:
    """By agent, when it was said of a notice that it was in vain: epoch milliseconds, ascending."""
    found: dict[Agent, list[int]] = {}
    for note in notes:
        if note.verdict in {Verdict.FALSE, Verdict.PLANNED}:
            found.setdefault((note.org_id, note.agent_id), []).append(note.at)
    return {agent: sorted(times) for agent, times in found.items()}


def said_lately(times: Iterable[int], day: int) -> int:
    """How often it was said on the 14 days before a day (days since 1970-01-01, UTC)."""
    return sum(day - HISTORY_DAYS <= at_ms // DAY_MS < day for at_ms in times)


def patience(said: int) -> float:
    """What a sensitivity is multiplied by after so many notices in vain."""
    return max(LEAST, EACH**said)
