"""The topic `usage` as the log of a backtest: all that it holds now, in the order in which it took the records."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from burnline.backtest.source import Source
from burnline.detection.learned.watch import Batch
from burnline.detector.admission import Admission
from burnline.detector.priced import Pricer
from burnline.detector.tape import Tape
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for


class LogSource(Source):
    """A topic. Events that come while it is read are left out; so is what a detector passes over.

    Attributes:
        repeated, late: How many events were there before, and how many came more than a day after their time.
    """

    def __init__(
        self, settings: Settings, on_planned: Callable[[int], object], on_read: Callable[[int], object]
    ) -> None:
        """Take how to reach the brokers, and who is told how many offsets there are, and how many were read."""
        super().__init__()
        self._settings = settings
        self._topic = topics_for(settings).usage
        self._by_event_time = settings.judge_by == "event_time"
        self._on_planned = on_planned
        self._on_read = on_read
        self.repeated = self.late = 0

    def batches(self, pricer: Pricer) -> Iterator[Batch]:
        """As `Source` says.

        Raises:
            TopicError: The topic is missing, or the brokers are silent or refuse.
        """
        admission = Admission(max_clock_skew_ms=self._settings.max_clock_skew_ms, by_event_time=self._by_event_time)
        config = client_config(self._settings)
        with closing(Tape(config, self._topic, _clock_ms, by_event_time=self._by_event_time)) as tape:
            spans = tape.ends(self._topic)
            self._on_planned(sum(span.stable - span.first for span in spans.values()))
            tape.start({}, {})
            ends = {partition: span.stable for partition, span in spans.items()}
            ahead = {partition for partition, span in spans.items() if span.stable > span.first}
            while ahead and not tape.at_end:
                records = [record for record in tape.take().records if record.offset < ends[record.partition]]
                ahead -= {record.partition for record in records if record.offset + 1 == ends[record.partition]}
                usages, _, rejections, counts = admission.take(records)
                self.repeated += counts.repeated
                self.late += counts.late
                places_of = [f"partition {record.partition}, offset {record.offset}" for record in records]
                self._reject(rejections, places_of.__getitem__)
                yield self._counted(pricer.batch(usages))
                self._on_read(len(records))


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
