"""How often one caller may ask: a token bucket each, in this process. No I/O, no clock."""

from collections import OrderedDict

MOST_CALLERS = 10_000
"""So many callers are remembered; the one that was silent for longest is forgotten first, and starts anew."""


class Buckets:
    """A bucket per caller: holds as many requests as are allowed in a second, and fills at that rate."""

    def __init__(self, per_s: int) -> None:
        """Allow `per_s` requests a second; 0 allows any number."""
        self._per_s = per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now_s: float) -> float:
        """Seconds until the caller may ask again; 0 if it may now, and then this request is counted.

        Args:
            caller: Whoever shares a bucket.
            now_s: A clock that does not go back, in seconds.
        """
        if not self._per_s:
            return 0.0
        left, before_s = self._buckets.pop(caller, (float(self._per_s), now_s))
        left = min(self._per_s, left + (now_s - before_s) * self._per_s)
        allowed = left >= 1
        self._buckets[caller] = (left - allowed, now_s)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_s
