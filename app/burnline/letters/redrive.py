"""Send mended dead letters back to `usage`, each once.

A letter is known by where its record came from. In one transaction stand the mended events and, on the compacted topic
`redriven`, the origins that they are for; so what is sent is noted, and what is noted was sent. All who redrive use one
transactional id: who begins shuts out who was at it before, and only then reads what is noted.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import KafkaException, Producer

from burnline.events.decode import decode_batch
from burnline.events.usage import Usage
from burnline.kafka import client_config
from burnline.letters.letter import Mended
from burnline.letters.reading import read_redriven
from burnline.settings import Settings
from burnline.topics.catalogue import MOST_BYTES, redriven_topic_for, topics_for
from burnline.topics.client_log import client_log
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import TopicError

ORIGIN_HEADER = "burnline-redriven-from"
IN_A_TRANSACTION = 500
ATTEMPT_S = 30.0


class NotRedriven(TopicError):
    """The brokers did not take a transaction: nothing of it was sent. Safe to repeat."""


class Checked(NamedTuple):
    """One record, before it is sent.

    Attributes:
        mended: The record.
        usage: The event in it; None if it is none.
        fault: Why it is none, in a sentence; empty if it is one.
    """

    mended: Mended
    usage: Usage | None
    fault: str


def check(records: Sequence[Mended], *, now_ms: int, max_clock_skew_ms: int) -> list[Checked]:
    """Hold records against the worker's own rules, in their order."""
    usages, rejections = decode_batch(
        [record.value for record in records], now_ms=now_ms, max_clock_skew_ms=max_clock_skew_ms
    )
    faults = {rejection.index: f"{rejection.reason.value}: {rejection.detail}" for rejection in rejections}
    return [
        Checked(record, usage, faults.get(index, ""))
        for index, (record, usage) in enumerate(zip(records, usages, strict=True))
    ]


class Redriver:
    """Sends records back. Blocks; for a command."""

    def __init__(self, settings: Settings, *, timeout_s: float) -> None:
        """Shut out who was at it before, and read what was sent back already.

        Raises:
            TopicError: The brokers are silent, or refuse.
        """
        ensure_topics(settings, [redriven_topic_for(settings)], timeout_s=timeout_s)
        self._usage = topics_for(settings).usage.name
        self._noted = redriven_topic_for(settings).name
        self._producer = Producer(
            {
                **client_config(settings),
                "transactional.id": f"{settings.app_id}-redrive",
                "partitioner": "murmur2_random",  # as all publishers of `usage`
                "compression.type": "lz4",
                "message.max.bytes": MOST_BYTES,
            },
            logger=client_log,
        )
        try:
            self._producer.init_transactions(timeout_s)
        except KafkaException as failure:
            raise NotRedriven(f"Nobody can be shut out yet: {failure.args[0].str()}") from failure
        self.sent_before = read_redriven(settings, timeout_s=timeout_s)
        """Origins that were sent back already."""

    def send(self, records: Iterable[Checked]) -> Iterator[int]:
        """Send good records whose origins were not sent back yet; yields how many each transaction held.

        Raises:
            NotRedriven: A transaction was not taken; those before it were.
        """
        due: dict[str, Checked] = {}
        for record in records:
            if record.usage is not None and record.mended.origin not in self.sent_before:
                due.setdefault(record.mended.origin, record)
            if len(due) == IN_A_TRANSACTION:
                yield self._transaction(list(due.values()))
                due.clear()
        if due:
            yield self._transaction(list(due.values()))

    def _transaction(self, records: Sequence[Checked]) -> int:
        try:
            self._producer.begin_transaction()
            for record in records:
                self._put(record)
            self._producer.commit_transaction(ATTEMPT_S)
        except KafkaException as failure:
            with suppress(KafkaException):  # what cannot be aborted ends with the next `init_transactions`
                self._producer.abort_transaction(ATTEMPT_S)
            raise NotRedriven(f"{len(records)} events were not sent: {failure.args[0].str()}. Repeat it.") from failure
        self.sent_before |= {record.mended.origin for record in records}
        return len(records)

    def _put(self, record: Checked) -> None:
        usage, origin = record.usage, record.mended.origin
        assert usage is not None  # noqa: S101  # only good ones come here
        key = usage.session_id.encode()
        headers: list[tuple[str, str | bytes | None]] = [(ORIGIN_HEADER, origin.encode())]
        self._producer.produce(self._usage, record.mended.value, key, headers=headers)
        note = {"event_id": usage.event_id, "org_id": usage.org_id, "session_id": usage.session_id}
        self._producer.produce(self._noted, json.dumps(note).encode(), origin.encode())
        self._producer.poll(0)
