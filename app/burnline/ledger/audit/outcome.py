"""What can come out of comparing one thing with the log."""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """What a session, a rollup or a dead letter turned out to be. Values are names in the report."""

    AGREES = "agrees"
    OTHER_RATES = "other_rates"
    """Counts agree; the amount was charged at rates that have changed since."""
    RETIRED = "retired"
    """What its ledger does not hold is in the closed rollup of its agent."""
    NOT_CHECKABLE = "not_checkable"
    """It may have begun before the log that is left, or was being retired."""
    OUTSIDE = "outside"
    """Not wholly inside the range that was asked for."""

    LOST = "lost"
    """Events that were gone from the log before they were read."""
    MISSING = "missing"
    """Events of the log are not counted."""
    DOUBLED = "doubled"
    """More is counted than the log holds."""
    ALTERED = "altered"
    """As many events, but other tokens, runs, owner, times or offset."""
    WRONG_AMOUNT = "wrong_amount"
    """Counts agree, the amount does not, and no rate of one's own explains it."""
    CONTRADICTORY = "contradictory"
    """A record that contradicts itself, its key or its partition."""
    UNREADABLE = "unreadable"
    """A record that cannot be read."""
    AHEAD = "ahead"
    """A ledger with events that the partition's progress does not cover: they would count again."""
    LOG_CUT = "log_cut"
    """The log ends before what has been applied: it was replaced, or lost its end."""
    NO_DEAD_LETTER = "no_dead_letter"
    """A refused event without its dead letter."""
    REPEATED_DEAD_LETTER = "repeated_dead_letter"
    """One event with several dead letters."""
    UNFOUNDED_DEAD_LETTER = "unfounded_dead_letter"
    """A dead letter of no event, or of one that is good."""


NO_DIFFERENCE = frozenset(
    {Outcome.AGREES, Outcome.OTHER_RATES, Outcome.RETIRED, Outcome.NOT_CHECKABLE, Outcome.OUTSIDE}
)


class Row(NamedTuple):
    """One thing worth a line in the report. Sums are what is counted minus what the log comes to."""

    outcome: Outcome
    partition: int
    subject: str
    """A session id, an agent (`org/agent`), or a place in a topic."""
    events: int = 0
    tokens: int = 0
    """Input and output."""
    pico_usd: int = 0
    detail: str = ""
