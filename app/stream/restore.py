"""Read back what a partition's former owner wrote, after it has been shut out."""

import logging
import time
from collections.abc import Sequence

from app.kafka import Config
from app.ledger.progress import Progress
from app.topics.catalogue import Topics
from app.topics.errors import BrokerSilent
from app.topics.reading import read_to_end

RESTORE_TIMEOUT_S = 60.0

_log = logging.getLogger(__name__)


class Restored:
    """What the topics hold for one partition: its progress if there is any, and each session's newest record."""

    __slots__ = ("progress_record", "records")

    def __init__(self) -> None:
        self.progress_record: bytes | None = None
        self.records: dict[str, bytes] = {}

    @property
    def progress(self) -> Progress | None:
        """The progress, read.

        Raises:
            ValueError: It cannot be read.
        """
        return None if self.progress_record is None else Progress.decode(self.progress_record)


def restore(config: Config, topics: Topics, partitions: Sequence[int]) -> dict[int, Restored]:
    """Read ledgers and progress of partitions, committed records only. Blocks: call it off the event loop.

    Raises:
        TopicError: A topic is missing, or the broker stayed away.
    """
    started = time.monotonic()
    found = {partition: Restored() for partition in partitions}
    for messages in read_to_end(config, topics.progress.name, partitions, timeout_s=RESTORE_TIMEOUT_S):
        for message in messages:
            found[message.partition() or 0].progress_record = message.value()
    count = 0
    for messages in read_to_end(config, topics.sessions.name, partitions, timeout_s=RESTORE_TIMEOUT_S):
        count += len(messages)
        for message in messages:
            records = found[message.partition() or 0].records
            session_id = (message.key() or b"").decode()
            value = message.value()
            if value is None:
                records.pop(session_id, None)
            else:
                records[session_id] = value
    held = sum(len(restored.records) for restored in found.values())
    seconds = time.monotonic() - started
    _log.info("restored %d ledgers of partitions %s from %d records in %.2f s", held, list(partitions), count, seconds)
    return found


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
