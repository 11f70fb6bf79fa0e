"""A file back into topics: what is set is compared key by key, what was counted goes into empty topics alone."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from burnline.archive.contents import STATE, roles, spec_of
from burnline.archive.file import ArchiveError, Item, Token, head_of, read
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.client_log import client_log
from burnline.topics.clients import reader
from burnline.topics.compacted import read_newest
from burnline.topics.ends import spans
from burnline.topics.errors import BrokerSilent, TopicError, TopicMissing

_Place = tuple[str, int, bytes]
"""Role, partition and key."""


class NotEmpty(TopicError):
    """Counted state would be mixed with what is there."""


class Found(NamedTuple):
    """How a topic of the file stands to that of the brokers.

    Attributes:
        role: Which.
        new: Keys that are not there; of counted state its records, deletions among them.
        differing: Keys whose value is another one there; the file's takes its place.
        same: Keys that are there as they are in the file.
    """

    role: str
    new: int
    differing: int
    same: int


class Plan(NamedTuple):
    """What a restore would do.

    Attributes:
        topics: Topic by topic, in order.
        tokens: Records of tokens in the file.
    """

    topics: list[Found]
    tokens: list[str]


def plan(settings: Settings, file: Path, *, state: bool, timeout_s: float) -> Plan:
    """Read the whole file and compare it with the topics; nothing is written.

    Args:
        settings: Brokers and topics.
        file: The backup.
        state: Also what was counted.
        timeout_s: How long brokers may stay silent.

    Raises:
        ArchiveError: It is no whole backup, has no state, or its topics have other partitions.
        NotEmpty: State is wanted, and a topic of it holds records.
        TopicError: Brokers are silent, or refuse.
        OSError: The file cannot be read.
    """
    wanted = _wanted(settings, file, state=state)
    if state:
        _refuse_unless_empty(settings, timeout_s)
    held = _held(file, wanted)
    found = [
        Found(role, held.counted[role], 0, 0) if role in STATE else _compared(settings, role, held.newest, timeout_s)
        for role in wanted
    ]
    return Plan(found, held.tokens)


def restore(settings: Settings, file: Path, *, state: bool, timeout_s: float) -> None:
    """Write what `plan` says. A restore that broke off is done again: what is there already stays as it is.

    Raises:
        ArchiveError, NotEmpty, TopicError, OSError: As there. After a restore of state that broke off the topics of it
            are not empty: delete and make them anew.
    """
    wanted = _wanted(settings, file, state=state)
    newest = _held(file, wanted).newest
    for role in wanted:
        if role not in STATE:
            there = _there(settings, role, timeout_s)
            items = [item for item in newest.values() if item.topic == role and there.get(item.key) != item.value]
            _write(settings, iter(items), timeout_s)
    if state:  # topic by topic, as the file has them: progress, which speaks for the others, once they are written
        counted = (line for line in read(file) if isinstance(line, Item) and line.topic in STATE)
        for _, of_one in groupby(counted, key=lambda item: item.topic):
            _write(settings, of_one, timeout_s)


def _wanted(settings: Settings, file: Path, *, state: bool) -> list[str]:
    held, topics = head_of(file).topics, topics_for(settings)
    if state and not set(STATE) <= held.keys():
        raise ArchiveError(f"{file} holds no state: it was made without --state")
    wanted = [role for role in roles(topics, state=state) if role in held]
    for role in wanted:
        partitions = spec_of(topics, role).partitions
        if held[role] != partitions:
            raise ArchiveError(f"{file}: {role} has {held[role]} partitions there, and {partitions} by the settings")
    return wanted


class _Held(NamedTuple):
    """What a file holds.

    Attributes:
        newest: What people have set: the newest value of each key, deletions left out.
        counted: How many records of state, by role; it may be too large to be held.
        tokens: Records of tokens.
    """

    newest: dict[_Place, Item]
    counted: Counter[str]
    tokens: list[str]


def _held(file: Path, wanted: list[str]) -> _Held:
    held = _Held({}, Counter(), [])
    for line in read(file):
        if isinstance(line, Token):
            held.tokens.append(line.record)
        elif line.topic in STATE:
            held.counted[line.topic] += 1
        elif line.topic in wanted:
            place = (line.topic, line.partition, line.key)
            held.newest.pop(place, None)
            if line.value is not None:
                held.newest[place] = line
    return held


def _compared(settings: Settings, role: str, newest: dict[_Place, Item], timeout_s: float) -> Found:
    items = [item for item in newest.values() if item.topic == role]
    there = _there(settings, role, timeout_s)
    same = sum(there.get(item.key) == item.value for item in items)
    new = sum(item.key not in there for item in items)
    return Found(role, new, len(items) - same - new, same)


def _there(settings: Settings, role: str, timeout_s: float) -> dict[bytes, bytes]:
    try:
        return read_newest(client_config(settings), spec_of(topics_for(settings), role), timeout_s=timeout_s)
    except TopicMissing:
        return {}


def _refuse_unless_empty(settings: Settings, timeout_s: float) -> None:
    consumer = reader(client_config(settings))
    try:
        for role in STATE:
            spec = spec_of(topics_for(settings), role)
            try:
                found = spans(consumer, spec.name, range(spec.partitions), timeout_s)
            except TopicMissing:
                continue
            if any(span.stable > 0 for span in found.values()):
                raise NotEmpty(f"topic {spec.name} holds records: state is restored into topics that never held any")
    finally:
        consumer.close()


def _write(settings: Settings, items: Iterator[Item], timeout_s: float) -> None:
    """Write records to their partitions, with the times that they had; returns once all in-sync replicas have them."""
    topics = topics_for(settings)
    config = {**client_config(settings), "enable.idempotence": True, "delivery.timeout.ms": round(timeout_s * 1000)}
    producer = Producer(config, logger=client_log)
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    def produce(item: Item) -> None:
        name = spec_of(topics, item.topic).name
        producer.produce(
            name, item.value, item.key, item.partition, on_delivery=delivered, timestamp=max(item.at_ms, 0)
        )

    try:
        for item in items:
            try:
                produce(item)
            except BufferError:  # it holds as much as it may: wait until some of it is written
                producer.poll(timeout_s)
                produce(item)
            producer.poll(0)
            if failed:
                break
        left = producer.flush(timeout_s)
    except (KafkaException, BufferError) as error:
        why = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise TopicError(f"The brokers do not take what is restored: {why}") from error
    if failed:
        raise TopicError(f"The brokers refuse what is restored: {failed[0].str()}")
    if left:
        raise BrokerSilent(f"{left:,} records were not acknowledged within {timeout_s:g} s")
