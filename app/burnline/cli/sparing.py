"""A log that nobody can flood: of each kind of line a hundred at once, and ten a minute while they go on.

Ten thousand records that cannot be read, a Redis that is away under load, a broker that a client tries seven times a
second: each of these is one thing to know, and their number stands in metrics. What is left out is told with the next
line of its kind.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

AT_ONCE = 100
PER_MINUTE = 10
WHOLE = frozenset({"burnline.api.audit"})
"""Loggers whose lines are all told: who has changed what is no flood."""
KINDS = 1_000
"""Kinds of lines that are told apart; the one that was logged the longest ago is forgotten first."""

Kind = tuple[str, int, str]


@dataclass(slots=True)
class _Flow:
    left: float
    since_s: float
    left_out: int = 0


class Sparing(logging.Filter):
    """Lets lines through, or leaves them out. A kind is a logger, a level and a text before its arguments are in it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        super().__init__()
        self._clock = clock
        self._flows: OrderedDict[Kind, _Flow] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is told; what is critical always is, and so is the audit."""
        if record.levelno >= logging.CRITICAL or record.name in WHOLE:
            return True
        flow = self._flow((record.name, record.levelno, str(record.msg)))
        if flow.left < 1:
            flow.left_out += 1
            return False
        flow.left -= 1
        if flow.left_out:
            _add(record, f"({flow.left_out} more such lines were left out)")
            flow.left_out = 0
        elif flow.left < 1:
            _add(record, f"(of such lines {PER_MINUTE} a minute are told from now on)")
        return True

    def _flow(self, kind: Kind) -> _Flow:
        now_s = self._clock()
        flow = self._flows.pop(kind, None) or _Flow(AT_ONCE, now_s)
        self._flows[kind] = flow
        if len(self._flows) > KINDS:
            self._flows.popitem(last=False)
        flow.left = min(AT_ONCE, flow.left + (now_s - flow.since_s) * PER_MINUTE / 60)
        flow.since_s = now_s
        return flow


def _add(record: logging.LogRecord, words: str) -> None:
    escaped = words.replace("%", "%%") if record.args else words
    record.msg = f"{record.msg} {escaped}"
