"""Usage events to Kafka: each one validated, sent once and in order, and its acknowledgement waited for."""

import logging
import threading
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from burnline.events.contract import UsageEvent
from burnline.kafka import Config, client_config
from burnline.publisher.failures import DeliveryError, Failure
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

MAX_IN_FLIGHT = 100_000
DELIVERY_TIMEOUT_S = 120.0
_MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # as much as the usage topic takes
_MAX_QUEUE_KBYTES = 256 * 1024
_WAIT_S = 0.1  # the longest stay inside librdkafka, so that Ctrl-C is heard
_FAREWELL_S = 1.0

_log = logging.getLogger(__name__)


class UsagePublisher:
    """Publishes usage events; a context manager that leaves only when every event is acknowledged or has failed.

        with UsagePublisher.from_settings(load_settings()) as publisher:
            publisher.publish({"event_id": "…", "occurred_at": 1763000000000, …})

    The producer is idempotent (a retry never doubles or reorders an event), waits for all in-sync replicas,
    compresses with lz4, and takes the session id as the key, so that a session's events stay in one partition and
    in order. It partitions as Kafka's Java client does (murmur2), so both agree about a session's partition.

    At most `max_in_flight` events wait for an acknowledgement; `publish` blocks while there are so many. All
    methods may be called from several threads. The topic must exist (`burnline topics ensure`): a broker that
    creates it on the way would choose its own number of partitions.

    Args:
        config: Brokers and security, as `burnline.kafka.client_config` gives them.
        topic: Full name of the usage topic.
        max_in_flight: Events sent and not yet acknowledged, at most.
        delivery_timeout_s: An event not acknowledged for so long has failed.
    """

    def __init__(
        self,
        config: Config,
        topic: str,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
    ) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._taken = 0
        self._settled = 0
        self._acknowledged = 0
        self._failures: list[Failure] = []
        self._producer = Producer(
            {
                **config,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
                "message.max.bytes": _MAX_MESSAGE_BYTES,
                "queue.buffering.max.messages": max_in_flight,
                "queue.buffering.max.kbytes": _MAX_QUEUE_KBYTES,
                "delivery.timeout.ms": round(delivery_timeout_s * 1000),
            },
            logger=_log,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A publisher for the usage topic that the settings name."""
        return cls(client_config(settings), topics_for(settings).usage.name)

    @property
    def acknowledged(self) -> int:
        """How many events the brokers have acknowledged so far."""
        return self._acknowledged

    @property
    def in_flight(self) -> int:
        """How many events are sent, or wait to be, and are not yet acknowledged."""
        return self._taken - self._settled

    def publish(self, event: UsageEvent | Mapping[str, Any]) -> None:
        """Validate an event and send it on its way.

        Raises:
            pydantic.ValidationError: The event breaks the contract; nothing is sent.
            DeliveryError: Events failed since the last call. The one at hand is on its way unless it is named.
        """
        usage = event if isinstance(event, UsageEvent) else UsageEvent.model_validate(event)
        value = usage.model_dump_json(exclude_none=True).encode()
        self.publish_raw(value, key=usage.session_id.encode(), event_id=usage.event_id)

    def publish_raw(self, value: bytes, *, key: bytes | None, event_id: str) -> None:
        """Send bytes as they are, unchecked; `event_id` is how a failure will name them. Raises as `publish` does."""
        with self._lock:
            self._taken += 1
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=partial(self._report, event_id))
                break
            except BufferError:
                self._producer.poll(_WAIT_S)
            except KafkaException as error:
                self._report(event_id, error.args[0])
                break
        self._producer.poll(0)
        self._raise_failures()

    def flush(self) -> int:
        """Wait until every event is acknowledged or has failed.

        Returns:
            How many events are acknowledged so far.

        Raises:
            DeliveryError: Naming every event that failed since the last call.
        """
        while self._producer.flush(_WAIT_S):
            pass
        self._raise_failures()
        return self._acknowledged

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Flush. An error on its way out is never replaced; one that ends the program (Ctrl-C) is not held up."""
        if error is None:
            self.flush()
        elif isinstance(error, Exception):
            try:
                self.flush()
            except DeliveryError as failed:
                error.add_note(str(failed))
        else:
            self.abandon()

    def abandon(self) -> None:
        """Drop what is not yet acknowledged, and come back within about a second; nothing is raised about it."""
        self._producer.purge(blocking=False)
        self._producer.flush(_FAREWELL_S)
        with self._lock:
            self._failures = []

    def _report(self, event_id: str, error: KafkaError | None, _message: Message | None = None) -> None:
        with self._lock:
            self._settled += 1
            if error is None:
                self._acknowledged += 1
            else:
                self._failures.append(Failure(event_id, error.str()))

    def _raise_failures(self) -> None:
        with self._lock:
            failures, self._failures = self._failures, []
        if failures:
            raise DeliveryError(failures)
