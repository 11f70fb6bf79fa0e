"""Read back what a partition's former owner wrote, after it has been shut out."""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from app.kafka import Config
from app.ledger.progress import Progress
from app.topics.catalogue import Topics
from app.topics.errors import BrokerSilent
from app.topics.reading import read_to_end

RESTORE_TIMEOUT_S = 60.0

_log = logging.getLogger(__name__)


class Restored:
    """What the topics hold for one partition: progress if there is any, and the newest records of each key."""

    __slots__ = ("event_ids", "ledgers", "progress_record", "rollups")

    def __init__(self) -> None:
        self.progress_record: bytes | None = None
        self.ledgers: dict[bytes, bytes] = {}
        self.rollups: dict[bytes, bytes] = {}
        self.event_ids: dict[bytes, bytes] = {}

    @property
    def progress(self) -> Progress | None:
        """The progress, read.

        Raises:
            ValueError: It cannot be read.
        """
        return None if self.progress_record is None else Progress.decode(self.progress_record)


def restore(config: Config, topics: Topics, partitions: Sequence[int]) -> dict[int, Restored]:
    """Read progress, ledgers and rollups of partitions, committed records only. Blocks: call it off the event loop.

    Raises:
        TopicError: A topic is missing, or the broker stayed away.
    """
    started = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        progress, ledgers, rollups, event_ids = threads.map(
            lambda topic: _newest_by_partition(config, topic.name, partitions),
            (topics.progress, topics.sessions, topics.rollups, topics.event_ids),
        )
    found = {}
    for partition in partitions:
        found[partition] = restored = Restored()
        restored.progress_record = next(iter(progress[partition].values()), None)
        restored.ledgers = ledgers[partition]
        restored.rollups = rollups[partition]
        restored.event_ids = event_ids[partition]
    held = sum(len(restored.ledgers) for restored in found.values())
    _log.info("restored %d ledgers of partitions %s in %.2f s", held, list(partitions), time.monotonic() - started)
    return found


def _newest_by_partition(config: Config, topic: str, partitions: Sequence[int]) -> dict[int, dict[bytes, bytes]]:
    newest: dict[int, dict[bytes, bytes]] = {partition: {} for partition in partitions}
    for messages in read_to_end(config, topic, partitions, timeout_s=RESTORE_TIMEOUT_S):
        for message in messages:
            key, value = message.key() or b"", message.value()
            if value is None:
                newest[message.partition() or 0].pop(key, None)
            else:
                newest[message.partition() or 0][key] = value
    return newest


def stored_progress(config: Config, topics: Topics, partition: int) -> bytes | None:
    """The newest committed progress record of a partition. Blocks until the brokers answer."""
    while True:
        try:
            newest = None
            for messages in read_to_end(config, topics.progress.name, [partition], timeout_s=RESTORE_TIMEOUT_S):
                newest = messages[-1].value()
        except BrokerSilent as silence:
            _log.warning("partition %d: %s", partition, silence)
        else:
            return newest
