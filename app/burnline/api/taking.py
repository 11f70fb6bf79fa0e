"""Usage events that came by HTTP, onto the topic: a request is answered when the brokers have its events."""

import threading
import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from burnline.api.problems import Problem, unavailable
from burnline.api.writing import ask_brokers
from burnline.kafka import client_config
from burnline.publisher.client import MAX_BUFFER_BYTES, MAX_IN_FLIGHT, let_go, producer_config
from burnline.publisher.encoding import Encoded
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.client_log import client_log
from burnline.topics.ends import not_written
from burnline.topics.errors import BrokerSilent, TopicError, TopicMissing

_LOOK_EVERY_S = 0.05
_MISSING = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)


class Taking:
    """The one producer of an API, made with the first event; its methods may be called from several threads."""

    def __init__(self, settings: Settings, *, timeout_s: float) -> None:
        """Nothing is asked of the brokers before the first event, which has `timeout_s` to be acknowledged."""
        self._settings = settings
        self._timeout_s = timeout_s
        self._topic = topics_for(settings).usage.name
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def publish(self, events: Sequence[Encoded]) -> None:
        """Publish events in their order, and come back once every in-sync replica has them all.

        Raises:
            BrokerSilent: Not all were acknowledged in time; some may have arrived, or arrive yet.
            TopicMissing: There is no usage topic.
            TopicError: The brokers refused some.
        """
        deadline_s = time.monotonic() + self._timeout_s
        producer, answers = self._connected(), _Answers(len(events))
        try:
            for event in events:
                self._produce(producer, event, answers, deadline_s)
        except KafkaException as error:
            raise TopicError(error.args[0].str()) from error
        while answers.missing and time.monotonic() < deadline_s:
            producer.poll(_LOOK_EVERY_S)
        refusal = answers.error
        code = None if refusal is None else refusal.code()
        if answers.missing or code == KafkaError._MSG_TIMED_OUT:  # noqa: SLF001  # librdkafka names its codes so
            raise BrokerSilent(f"nobody acknowledged the events on topic {self._topic} within {self._timeout_s:g} s")
        if code in _MISSING:
            raise TopicMissing(f"Topic {self._topic} does not exist.")
        if refusal is not None:
            raise not_written(refusal, self._topic)

    def close(self) -> None:
        """Leave the brokers. Whoever waits for an answer has waited for it already."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge(blocking=False)
            let_go(producer)

    def _produce(self, producer: Producer, event: Encoded, answers: "_Answers", deadline_s: float) -> None:
        while True:
            try:
                producer.produce(self._topic, event.value, event.key, on_delivery=answers.take)
            except BufferError:
                if time.monotonic() >= deadline_s:
                    raise BrokerSilent(f"the buffer for topic {self._topic} is full: nobody takes events") from None
                producer.poll(_LOOK_EVERY_S)
            else:
                return

    def _connected(self) -> Producer:
        with self._lock:
            if self._producer is None:
                config = producer_config(
                    client_config(self._settings),
                    max_in_flight=MAX_IN_FLIGHT,
                    max_buffer_bytes=MAX_BUFFER_BYTES,
                    delivery_timeout_s=self._timeout_s,
                )
                self._producer = Producer(config, logger=client_log)
            return self._producer


async def publish(taking: Taking, events: Sequence[Encoded]) -> None:
    """Publish the events of a request, and come back once every in-sync replica has them all.

    Raises:
        Problem: 503; where nobody acknowledged them they may have arrived all the same.
    """
    try:
        await ask_brokers(lambda: taking.publish(events))
    except Problem as problem:
        if problem.kind != "brokers-away":
            raise
        detail = f"{problem.detail}. They may have arrived all the same: send them again, each counts once."
        raise unavailable(detail, "not-acknowledged") from problem


class _Answers:
    """The brokers' answers to the events of one request."""

    def __init__(self, count: int) -> None:
        self.missing = count
        self.error: KafkaError | None = None
        self._lock = threading.Lock()

    def take(self, error: KafkaError | None, _message: Message) -> None:
        with self._lock:
            self.missing -= 1
            self.error = self.error or error
