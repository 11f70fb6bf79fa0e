"""What a projector waits for: said in the log once per change, and at any time in a sentence."""

import logging
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Reach:
    """Whether something outside can be reached: Redis, or the brokers."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._since: float | None = None
        self._why = ""

    def failed(self, error: Exception) -> None:
        """It did not answer, or refused."""
        self._why = f"{type(error).__name__}: {error}"
        if self._since is None:
            self._since = self._clock()
            _log.warning("%s cannot be used; waiting for it: %s", self._name, self._why)

    def answered(self) -> bool:
        """It did what was asked.

        Returns:
            Whether it had not before.
        """
        if self._since is None:
            return False
        _log.info("%s can be used again, after %.1f s", self._name, self.away_s)
        self._since = None
        return True

    @property
    def away_s(self) -> float:
        """For how long it has not answered; 0 while it does."""
        return 0.0 if self._since is None else self._clock() - self._since

    @property
    def sentence(self) -> str | None:
        """What is wrong, None if nothing is."""
        if self._since is None:
            return None
        return f"{self._name} cannot be used for {self.away_s:.0f} s; waiting for it ({self._why})"
