"""Whether the installed version can read the records that are there: each one is, by what reads it at work."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from burnline.budgets.budget import Budget
from burnline.controls.control import Control
from burnline.detection.baseline import Baseline
from burnline.detection.notes import AnomalyNote
from burnline.detection.policy_record import PolicyRecord
from burnline.kafka import Config
from burnline.ledger import record, rollup, usage_record
from burnline.ledger.progress import Progress
from burnline.pricing.valuation import ValuationRate
from burnline.repricing.adjustment import Adjustment
from burnline.topics.catalogue import Topics, TopicSpec
from burnline.topics.errors import TopicMissing
from burnline.topics.reading import read_to_end

Read = Callable[[bytes, bytes], object]

READERS: Final[dict[str, Read]] = {
    "progress": lambda _key, value: Progress.decode(value),
    "sessions": lambda _key, value: record.decode(value),
    "rollups": lambda _key, value: rollup.decode(value),
    "usage_rollups": lambda _key, value: usage_record.parse(value),
    "baselines": Baseline.parse,
    "valuation_rates": ValuationRate.parse,
    "budgets": Budget.parse,
    "anomaly_notes": AnomalyNote.parse,
    "controls": Control.parse,
    "adjustments": Adjustment.parse,
    "policies": PolicyRecord.parse,
}
"""What reads the records of a topic, by its role; raises ValueError for one that it cannot read."""
_SHOWN: Final = 3


class Readable(NamedTuple):
    """What was found on one topic.

    Attributes:
        topic: Its name.
        records: How many records it holds, deletions left out.
        unreadable: How many of them the installed version cannot read.
        examples: Where the first of those stand, and why, in words.
    """

    topic: str
    records: int
    unreadable: int
    examples: tuple[str, ...]


def readable(config: Config, topics: Topics, *, timeout_s: float) -> Iterator[Readable]:
    """Read the topics of `READERS` from their beginnings to their ends; those that are not there are passed over.

    Raises:
        TopicError: The brokers are silent, or refuse.
    """
    for role, read in READERS.items():
        try:
            yield _on(config, getattr(topics, role), read, timeout_s)
        except TopicMissing:
            continue


def _on(config: Config, topic: TopicSpec, read: Read, timeout_s: float) -> Readable:
    counted: Counter[str] = Counter()
    examples: list[str] = []
    for batch in read_to_end(config, topic.name, range(topic.partitions), timeout_s=timeout_s):
        for message in batch:
            if (value := message.value()) is None:
                continue
            counted["records"] += 1
            try:
                read(message.key() or b"", value)
            except ValueError as error:
                counted["unreadable"] += 1
                if len(examples) < _SHOWN:
                    examples.append(f"{message.partition()}/{message.offset()}: {error}")
    return Readable(topic.name, counted["records"], counted["unreadable"], tuple(examples))
