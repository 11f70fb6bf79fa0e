"""Read back what a partition's former owner wrote, after it has been shut out."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from confluent_kafka import Message

from burnline.kafka import Config
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.progress import Progress
from burnline.topics.catalogue import Topics
from burnline.topics.errors import BrokerSilent
from burnline.topics.reading import read_to_end
from burnline.topics.refusal import Cause, Refusal

RESTORE_TIMEOUT_S = 60.0
PORTION = 100_000
"""So many sessions' records are gathered before the ledgers take them over: most old versions of a record are never
looked at, and no more than these stand in memory beside the ledgers."""

_log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What became of a partition.

    Attributes:
        progress_record: The newest progress record; None if there is none.
        why_not: Why its ledger cannot be used; None if it is restored.
        other_records: How many records stand on topics that hold no ledgers, by topic name.
    """

    progress_record: bytes | None
    why_not: Refusal | None
    other_records: Mapping[str, int]


def restore(config: Config, topics: Topics, ledgers: Mapping[int, PartitionLedger]) -> dict[int, Found]:
    """Give new ledgers of partitions what was committed for them. Blocks: call it off the event loop.

    Raises:
        TopicError: A topic is missing, or the broker stayed away.
    """
    if not ledgers:
        return {}
    started = time.monotonic()
    partitions = list(ledgers)
    with ThreadPoolExecutor(4) as threads:
        unreadable_sessions = threads.submit(_restore_sessions, config, topics.sessions.name, ledgers)
        progress, rollups, event_ids = threads.map(
            lambda topic: _newest_by_partition(config, topic.name, partitions),
            (topics.progress, topics.rollups, topics.event_ids),
        )
        unreadable = unreadable_sessions.result()
    found = {}
    for partition, ledger in ledgers.items():
        record = next(iter(progress[partition].values()), None)
        broken = next(iter(unreadable[partition].values()), None)
        try:
            ledger.restore(
                None if record is None else Progress.decode(record),
                rollups=rollups[partition].values(),
                event_ids=event_ids[partition].items(),
            )
        except ValueError as unreadable_record:
            broken = str(unreadable_record)
        why_not = None if broken is None else _unreadable(partition, broken)
        found[partition] = Found(record, why_not, {topics.event_ids.name: len(event_ids[partition])})
    held = sum(map(len, ledgers.values()))
    _log.info("restored %d ledgers of partitions %s in %.2f s", held, partitions, time.monotonic() - started)
    return found


def _unreadable(partition: int, broken: str) -> Refusal:
    # To read everything again and again would cost more than the restart of whoever has mended it.
    return Refusal(Cause.UNREADABLE, f"state of partition {partition}", broken, heals=False)


def _restore_sessions(
    config: Config, topic: str, ledgers: Mapping[int, PartitionLedger]
) -> dict[int, dict[bytes, str]]:
    """By partition, what is wrong with a session's newest record, if it cannot be read."""
    unreadable: dict[int, dict[bytes, str]] = {partition: {} for partition in ledgers}
    for newest in _newest_in_portions(read_to_end(config, topic, list(ledgers), timeout_s=RESTORE_TIMEOUT_S)):
        for (partition, key), value in newest.items():
            unreadable[partition].pop(key, None)
            try:
                ledgers[partition].restore_session(key.decode(), value)
            except ValueError as error:
                unreadable[partition][key] = str(error)
    return unreadable


def _newest_in_portions(batches: Iterable[list[Message]]) -> Iterator[dict[tuple[int, bytes], bytes | None]]:
    newest: dict[tuple[int, bytes], bytes | None] = {}
    for messages in batches:
        for message in messages:
            newest[message.partition() or 0, message.key() or b""] = message.value()
        if len(newest) >= PORTION:
            yield newest
            newest = {}
    yield newest


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
