"""After how long a part that has ended is started again."""

from dataclasses import dataclass

FIRST_S = 1.0
LONGEST_S = 30.0
WELL_AFTER_S = 60.0
"""Who has run for so long was well, and its next end is a new story."""


@dataclass(slots=True)
class Backoff:
    """Twice as long after each end, from a second up to half a minute."""

    _next_s: float = FIRST_S

    def pause_s(self, ran_s: float) -> float:
        """How long to wait for the next start of a part that has run for `ran_s` seconds."""
        if ran_s >= WELL_AFTER_S:
            self._next_s = FIRST_S
        pause = self._next_s
        self._next_s = min(2 * pause, LONGEST_S)
        return pause
