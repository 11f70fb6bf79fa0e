"""What librdkafka has to say, without saying it over and over.

A client that cannot reach its brokers logs the same failed connection many times a second. Once tells an operator as
much, and leaves the error that follows in sight.
"""

import logging
import re
import time
from collections.abc import Callable

REPEAT_S = 10.0
_CHANGING = re.compile(r"rdkafka#\w+-\d+|\(after \d+ms[^)]*\)")


class Dampen(logging.Filter):
    """Lets a message through once in `REPEAT_S`, whichever client says it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record."""
        now = self._clock()
        self._said_at = {text: at for text, at in self._said_at.items() if now - at < REPEAT_S}
        text = _CHANGING.sub("", record.getMessage())
        if text in self._said_at:
            return False
        self._said_at[text] = now
        return True


def tried_again_by_itself(record: logging.LogRecord) -> bool:
    """Whether a message is about a transactional id that librdkafka goes on asking for.

    It does so while a coordinator loads its part of the log, which each start of a worker meets on a broker that has
    just started. Whoever asked is told when it does not succeed in time.
    """
    text = record.getMessage()
    return text.startswith("GETPID") and text.endswith("retrying")


client_log = logging.getLogger("librdkafka")
client_log.addFilter(lambda record: not tried_again_by_itself(record))
client_log.addFilter(Dampen())
