"""What the log says of models without a rate: a line a minute at most, whatever is named. Pure: time is an argument."""

from collections.abc import Mapping

EVERY_S = 60.0
"""Between two lines."""
MOST_KNOWN = 1_000
"""So many models are said once each. What is named beyond them cannot be told apart from what was named before: it is
counted, once for each flush that it comes with."""
NAMED = 5
"""So many of them in one line, with the reason; `burnline_unpriced_tokens_total` has them all."""


class UnpricedLog:
    """Gathers models without a rate, and makes lines of them. Holds `MOST_KNOWN` names at most."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._new: dict[str, str] = {}
        self._beyond = 0
        self._said_s: float | None = None

    def gather(self, models: Mapping[str, str]) -> None:
        """Models of a flush, and the reason of each; those that were said are passed over."""
        for model, reason in models.items():
            if model in self._known:
                continue
            if len(self._known) < MOST_KNOWN:
                self._known.add(model)
                self._new[model] = reason
            else:
                self._beyond += 1

    def line(self, now_s: float) -> str | None:
        """What to say now; None if nothing is new, or the last line is younger than `EVERY_S`.

        Args:
            now_s: A monotonic clock.
        """
        new, beyond = self._new, self._beyond
        if (not new and not beyond) or (self._said_s is not None and now_s - self._said_s < EVERY_S):
            return None
        self._new, self._beyond, self._said_s = {}, 0, now_s
        return _told(new, beyond)


def _told(new: Mapping[str, str], beyond: int) -> str:
    told = [f"{model!r} ({reason})" for model, reason in list(new.items())[:NAMED]]
    if len(new) > NAMED:
        told.append(f"{len(new) - NAMED:,} more")
    if beyond:
        told.append(f"names beyond the first {MOST_KNOWN:,}, {beyond:,} times")
    return f"models without a rate, their tokens cost nothing yet: {', '.join(told)}"
