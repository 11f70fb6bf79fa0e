"""A file of usage events, one JSON object a line, as priced calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from burnline.detection.learned.watch import Batch, Watch
from burnline.detector.priced import Pricer
from burnline.events.decode import decode_batch
from burnline.events.usage import END_TIME_MS
from burnline.pricing.book import RateBook

if TYPE_CHECKING:
    from burnline.events.rejection import Rejection

BYTES_AT_ONCE = 1 << 21


class Reader:
    """Turns lines into batches of calls. What is no usage event is counted, and the first ones are kept by name."""

    def __init__(self, book: RateBook, watch: Watch, now_ms: int) -> None:
        self._pricer = Pricer(book, watch)
        self._now_ms = now_ms
        self.lines = 0
        self.events = 0
        self.first_ms, self.last_ms = END_TIME_MS, 0
        self.rejected: list[tuple[int, Rejection]] = []
        self.rejections = 0

    @property
    def unpriced(self) -> set[tuple[str | None, str]]:
        """Provider and model of what has no price."""
        return self._pricer.unpriced

    def batches(self, file: BinaryIO) -> Iterator[Batch]:
        """Every batch of a file."""
        while lines := file.readlines(BYTES_AT_ONCE):
            yield self._batch(lines)

    def _batch(self, lines: list[bytes]) -> Batch:
        values = [line.rstrip() for line in lines]
        numbers = [number for number, value in enumerate(values, self.lines + 1) if value]
        self.lines += len(lines)
        usages, rejections = decode_batch(
            [value for value in values if value], now_ms=self._now_ms, max_clock_skew_ms=0
        )
        if rejections:
            self.rejections += len(rejections)
            self.rejected += [(numbers[each.index], each) for each in rejections[: 20 - len(self.rejected)]]
        batch = self._pricer.batch([usage for usage in usages if usage is not None])
        if batch.event_ids:
            self.events += len(batch.event_ids)
            self.first_ms = min(self.first_ms, min(batch.calls.at_ms))
            self.last_ms = max(self.last_ms, max(batch.calls.at_ms))
        return batch
