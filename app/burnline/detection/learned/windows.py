"""Sums over moving windows of event time, in constant time and memory: rings of buckets, and of the last values."""

from collections import deque


class Buckets:
    """A sum over the last `count` buckets of `width_ms`, the filling one included; integers, so it never drifts.

    Time is the newest that was added. A late value counts while its bucket is held.
    """

    __slots__ = ("count", "newest", "slots", "total", "width_ms")

    def __init__(self, width_ms: int, count: int) -> None:
        self.width_ms = width_ms
        self.count = count
        self.newest = -1
        self.slots = [0] * count
        self.total = 0

    def add(self, at_ms: int, value: int) -> int:
        """Add a value at a moment, and answer the sum."""
        index = at_ms // self.width_ms
        if index > self.newest:
            self._move_on(index)
        elif index <= self.newest - self.count:
            return self.total
        self.slots[index % self.count] += value
        self.total += value
        return self.total

    def _move_on(self, index: int) -> None:
        if index - self.newest >= self.count:
            self.slots = [0] * self.count
            self.total = 0
        else:
            for passed in range(self.newest + 1, index + 1):
                place = passed % self.count
                self.total -= self.slots[place]
                self.slots[place] = 0
        self.newest = index


class Last:
    """The sum of the last `size` integers."""

    __slots__ = ("size", "total", "values")

    def __init__(self, size: int) -> None:
        self.size = size
        self.values: deque[int] = deque(maxlen=size)
        self.total = 0

    def add(self, value: int) -> bool:
        """Add one, and answer whether there are `size` of them now."""
        if len(self.values) == self.size:
            self.total -= self.values[0]
        self.values.append(value)
        self.total += value
        return len(self.values) == self.size


class Recent:
    """How many different things were seen within `window_ms`: at most `most` of them are told apart."""

    __slots__ = ("most", "seen", "window_ms")

    def __init__(self, window_ms: int, most: int) -> None:
        self.window_ms = window_ms
        self.most = most
        self.seen: list[tuple[int, int]] = []

    def add(self, at_ms: int, thing: int) -> int:
        """See a thing at a moment, and answer how many were seen in the window that ends now.

        The thing goes to the end of the list, what is older than the window leaves it, and if there are too many the
        one that was seen longest ago leaves.
        """
        since = at_ms - self.window_ms
        self.seen = [(when, other) for when, other in self.seen if when >= since and other != thing]
        if len(self.seen) == self.most:
            del self.seen[0]
        self.seen.append((at_ms, thing))
        return len(self.seen)


class Begun:
    """How many things began within `window_ms`; at most `most` are counted."""

    __slots__ = ("times", "window_ms")

    def __init__(self, window_ms: int, most: int) -> None:
        self.window_ms = window_ms
        self.times: deque[int] = deque(maxlen=most)

    def add(self, at_ms: int, *, begins: bool) -> int:
        """How many began in the window that ends now."""
        if begins:
            self.times.append(at_ms)
        while self.times and self.times[0] < at_ms - self.window_ms:
            self.times.popleft()
        return len(self.times)
