"""Where the calls of a backtest come from: a file of usage events, one JSON object a line."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from burnline.detection.learned.watch import Batch
from burnline.detector.priced import Pricer
from burnline.events.decode import decode_batch, decode_lines
from burnline.events.usage import END_TIME_MS

if TYPE_CHECKING:
    from burnline.events.rejection import Rejection
    from burnline.events.usage import Usage

BYTES_AT_ONCE = 1 << 21
MOST_NAMED = 20
"""Of what is no usage event so many are kept by name."""


class Source(ABC):
    """Usage events in their order, and what was met while they were read. To be read once.

    Attributes:
        events: How many were taken in.
        first_ms, last_ms: Event times of the earliest and the latest.
        rejections: How many records are no usage event.
        rejected: The first of them, and where each stands.
    """

    def __init__(self) -> None:
        self.events = 0
        self.first_ms, self.last_ms = END_TIME_MS, 0
        self.rejections = 0
        self.rejected: list[tuple[str, Rejection]] = []

    @abstractmethod
    def batches(self, pricer: Pricer) -> Iterator[Batch]:
        """All of it, priced."""

    def _counted(self, batch: Batch) -> Batch:
        times = batch.calls.at_ms
        if times:
            self.events += len(times)
            self.first_ms = min(self.first_ms, min(times))
            self.last_ms = max(self.last_ms, max(times))
        return batch

    def _reject(self, found: "list[Rejection]", place: Callable[[int], str]) -> None:
        self.rejections += len(found)
        self.rejected += [(place(each.index), each) for each in found[: MOST_NAMED - len(self.rejected)]]


class FileSource(Source):
    """A file, in the order of its lines."""

    def __init__(self, file: BinaryIO, now_ms: int, on_bytes: Callable[[int], object] = lambda _bytes: None) -> None:
        """Take the file, the clock (later events are refused), and who is told how many bytes were read."""
        super().__init__()
        self._file = file
        self._now_ms = now_ms
        self._on_bytes = on_bytes
        self._lines = 0

    def batches(self, pricer: Pricer) -> Iterator[Batch]:
        """As `Source` says."""
        while lines := self._file.readlines(BYTES_AT_ONCE):
            chunk = b"".join(lines)
            usages = decode_lines(chunk, newest_ms=self._now_ms)
            if usages is None:
                usages = self._one_by_one(lines)
            self._lines += len(lines)
            yield self._counted(pricer.batch(usages))
            self._on_bytes(len(chunk))

    def _one_by_one(self, lines: list[bytes]) -> "list[Usage]":
        values = [line.rstrip() for line in lines]
        numbers = [number for number, value in enumerate(values, self._lines + 1) if value]
        usages, rejections = decode_batch(
            [value for value in values if value], now_ms=self._now_ms, max_clock_skew_ms=0
        )
        self._reject(rejections, lambda index: f"line {numbers[index]}")
        return [usage for usage in usages if usage is not None]
