"""What comes out at the other end: ledgers, anomaly notices and dead letters, read as any subscriber would."""

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Message, TopicPartition

from burnline.demo.stopping import patiently
from burnline.demo.tally import Tally
from burnline.detection.anomaly import Anomaly
from burnline.kafka import client_config
from burnline.ledger import record
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.clients import reader
from burnline.topics.ends import spans

_TIMEOUT_S = 20.0
_MOST_AT_ONCE = 2_000

_log = logging.getLogger(__name__)


class TopicsInUseError(RuntimeError):
    """The run's topics are not empty."""


class Feed:
    """Reads the worker's topics, from where they end when the feed is opened, into a tally. A context manager.

    Opening it raises `TopicsInUseError` when there are usage events already.

    Args:
        settings: Brokers and topics.
        tally: What is read goes there.
        on_notice: Called with each anomaly notice of the demo's sessions.
    """

    def __init__(self, settings: Settings, tally: Tally, on_notice: Callable[[Anomaly], None]) -> None:
        self._settings = settings
        self._tally = tally
        self._on_notice = on_notice
        topics = topics_for(settings)
        self._readers: dict[str, Callable[[bytes | None], None]] = {
            topics.sessions.name: self._ledger,
            topics.anomalies.name: self._notice,
            topics.dead_letters.name: self._dead_letter,
        }
        self._specs = (topics.sessions, topics.anomalies, topics.dead_letters)

    def __enter__(self) -> Self:
        self._consumer = reader(client_config(self._settings), {"enable.partition.eof": False})
        try:
            self._consumer.assign(patiently(self._ends))
        except BaseException:
            self._consumer.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def read(self, timeout_s: float) -> int:
        """Take what is there, or wait for the first record that comes within `timeout_s`; says how many records."""
        messages = self._consumer.consume(_MOST_AT_ONCE, timeout_s)
        for message in messages:
            self._take(message)
        return len(messages)

    def _ends(self) -> list[TopicPartition]:
        usage = topics_for(self._settings).usage
        if any(span.stable for span in spans(self._consumer, usage.name, range(usage.partitions), _TIMEOUT_S).values()):
            raise TopicsInUseError(
                f"Topic {usage.name} holds events already, and an anomaly of an hour ago is over where newer events "
                "have been counted. Set BURNLINE_TOPIC_PREFIX to a new prefix, or not at all."
            )
        return [
            TopicPartition(spec.name, partition, span.stable)
            for spec in self._specs
            for partition, span in spans(self._consumer, spec.name, range(spec.partitions), _TIMEOUT_S).items()
        ]

    def _take(self, message: Message) -> None:
        error, topic = message.error(), message.topic()
        if error is not None:
            raise KafkaException(error)
        if topic is not None:
            self._readers[topic](message.value())

    def _ledger(self, value: bytes | None) -> None:
        if value is not None:
            self._tally.add_ledger(record.parse(value))

    def _notice(self, value: bytes | None) -> None:
        if value is None:
            return
        notice = Anomaly.model_validate_json(value)
        if self._tally.add_notice(notice):
            self._on_notice(notice)

    def _dead_letter(self, _value: bytes | None) -> None:
        self._tally.dead_letters += 1
