"""One thread and one consumer group per sink: a dead sink holds up nobody else.

Side effects in their order, and what it means when one fails:

1. A notice is sent, again and again until the sink has it. The process dies before step 3: it is sent again by the next
   one, with the same idempotency key. At least once, and in the order of the topic: an anomaly's notices share a key.
2. What a sink refuses for good, or has not taken within `give_up_after_s`, is written to `parked-notices`. That fails:
   it is tried again; nothing is passed over that is neither sent nor parked.
3. The offset is committed. It fails: as in step 1.
"""

import json
import logging
import random
import threading
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import ValidationError

from burnline.detection.anomaly import Anomaly, State
from burnline.kafka import client_config
from burnline.notify.delivery import Result, Send
from burnline.notify.routing import Route, age_s, route, wait_s
from burnline.notify.sinks import Sink
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.client_log import client_log
from burnline.topics.reading import read_to_end

RENEW_S = 300.0
POLL_S = 0.5
PARK_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


class NotifyMetrics:
    """What is counted, per sink."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all of it."""
        self.notices = Counter(
            "burnline_notify_notices", "Notices by what became of them.", ["sink", "outcome"], registry=registry
        )
        self.retries = Counter("burnline_notify_retries", "Attempts that failed.", ["sink"], registry=registry)
        self.oldest = Gauge(
            "burnline_notify_oldest_unsent_seconds", "Age of the notice in hand; 0 if none waits.", ["sink"],
            registry=registry,
        )  # fmt: skip


def group_of(settings: Settings, sink: str) -> str:
    """The consumer group of a sink: what it has had stands there."""
    return f"{settings.app_id}-notify-{sink}"


class SinkRunner:
    """Brings notices to one sink. `run` blocks until `stop` is set."""

    def __init__(
        self, settings: Settings, sink: Sink, send: Send, metrics: NotifyMetrics, stop: threading.Event
    ) -> None:
        """Take what it works with; nothing is connected yet."""
        self._settings = settings
        self._sink = sink
        self._send = send
        self._metrics = metrics
        self._stop = stop
        self._topic = topics_for(settings).anomalies
        self._open: dict[str, Anomaly] = {}
        self._renewed_at_s = time.monotonic()
        self._renews = sink.kind == "alertmanager"

    def run(self) -> None:
        """Send what comes.

        Raises:
            KafkaException: The brokers refuse for good.
        """
        if self._renews:
            self._remember_open()
        consumer = Consumer(
            {
                **client_config(self._settings),
                "group.id": group_of(self._settings, self._sink.name),
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": self._settings.session_timeout_ms,
                "heartbeat.interval.ms": self._settings.session_timeout_ms // 3,
            },
            logger=client_log,
        )
        try:
            consumer.subscribe([self._topic.name])
            while not self._stop.is_set():
                self._renew()
                message = consumer.poll(POLL_S)
                if message is None:
                    continue
                error = message.error()
                if error is not None:
                    if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                        raise KafkaException(error)
                    _log.warning("sink %s goes on after: %s", self._sink.name, error.str())
                    continue
                if self._settle(consumer, message):
                    consumer.commit(message=message, asynchronous=False)
        finally:
            consumer.close()

    def _settle(self, consumer: Consumer, message: Message) -> bool:
        """Send, pass over or park a record; False if this process ends first."""
        notice = _notice(message)
        if notice is None:
            self._count("unreadable")
            return True
        written_ms = message.timestamp()[1]
        found = self._route(notice, written_ms)
        if found is not Route.SEND:
            self._count(found.value)
            return True
        began_s = time.monotonic()
        attempt = 0
        while True:
            result = self._try(notice)
            if result.sent:
                self._count("sent")
                self._note(notice)
                break
            attempt += 1
            self._metrics.retries.labels(self._sink.name).inc()
            over = time.monotonic() - began_s >= self._sink.give_up_after_s
            if result.hopeless or over:
                if not self._park(message, notice, result, attempt):
                    return False
                break
            self._metrics.oldest.labels(self._sink.name).set(time.time() - written_ms / 1000)
            wait = wait_s(attempt, result.retry_after_s, random.random())  # noqa: S311  # only to spread attempts
            _log.warning(
                "sink %s: attempt %d failed, again in %.0f s: %s", self._sink.name, attempt, wait, result.detail
            )
            if not self._wait(consumer, wait):
                return False
        self._metrics.oldest.labels(self._sink.name).set(0)
        return True

    def _route(self, notice: Anomaly, written_ms: int) -> Route:
        age = age_s(notice, written_ms=written_ms, now_ms=time.time() * 1000)
        return route(self._sink.match, notice, age_s=age, max_age_s=self._sink.max_age_s)

    def _try(self, notice: Anomaly) -> Result:
        try:
            return self._send(notice)
        except Exception as error:  # noqa: BLE001  # a library's own failure is this sink's, and no other's
            _log.exception("sink %s failed", self._sink.name)
            return Result(sent=False, detail=f"{type(error).__name__}: see the log")

    def _wait(self, consumer: Consumer, seconds: float) -> bool:
        """Wait, as a living member of the group that takes nothing; False if this process ends."""
        until_s = time.monotonic() + seconds
        held = consumer.assignment()
        consumer.pause(held)
        while time.monotonic() < until_s and not self._stop.is_set():
            consumer.poll(min(POLL_S, max(0.0, until_s - time.monotonic())))
        still: list[TopicPartition] = consumer.assignment()
        consumer.resume(still)
        return not self._stop.is_set()

    def _park(self, message: Message, notice: Anomaly, result: Result, attempts: int) -> bool:
        record = {
            "sink": self._sink.name,
            "detail": result.detail,
            "attempts": attempts,
            "parked_at_ms": time.time_ns() // 1_000_000,
            "source": {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()},
            "notice": notice.model_dump(mode="json"),
        }
        while not self._stop.is_set():
            failed: list[KafkaError] = []

            def on_delivery(error: KafkaError | None, _: Message, failed: list[KafkaError] = failed) -> None:
                if error is not None:
                    failed.append(error)

            producer = Producer({**client_config(self._settings), "enable.idempotence": True}, logger=client_log)
            producer.produce(
                topics_for(self._settings).parked_notices.name,
                json.dumps(record, ensure_ascii=False).encode(),
                notice.session_id.encode(),
                on_delivery=on_delivery,
            )
            if producer.flush(PARK_TIMEOUT_S) == 0 and not failed:
                _log.error("sink %s: parked a notice after %d attempts: %s", self._sink.name, attempts, result.detail)
                self._count("parked")
                return True
            _log.warning("sink %s: a notice cannot be parked yet", self._sink.name)
            self._stop.wait(1)
        return False

    def _remember_open(self) -> None:
        """Which anomalies are open, so that their alerts are renewed after a restart."""
        partitions = range(self._topic.partitions)
        for batch in read_to_end(client_config(self._settings), self._topic.name, partitions, timeout_s=60):
            for message in batch:
                notice = _notice(message)
                if notice is not None and self._route(notice, message.timestamp()[1]) is Route.SEND:
                    self._note(notice)

    def _note(self, notice: Anomaly) -> None:
        if not self._renews:
            return
        if notice.state is State.RESOLVED:
            self._open.pop(notice.anomaly_id, None)
        else:
            self._open[notice.anomaly_id] = notice

    def _renew(self) -> None:
        """Tell Alertmanager again of what is open: it takes an alert that nobody renews for over."""
        if not self._open or time.monotonic() - self._renewed_at_s < RENEW_S:
            return
        self._renewed_at_s = time.monotonic()
        for notice in list(self._open.values()):
            result = self._try(notice)
            if not result.sent:
                _log.warning("sink %s: an alert is not renewed: %s", self._sink.name, result.detail)
                return

    def _count(self, outcome: str) -> None:
        self._metrics.notices.labels(self._sink.name, outcome).inc()


def run_all(runners: list[SinkRunner], stop: threading.Event) -> list[BaseException]:
    """Run each in a thread of its own until `stop` is set or one fails; what failed."""
    failures: list[BaseException] = []

    def guarded(run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as failure:  # noqa: BLE001  # handed to whoever runs them all
            failures.append(failure)
            stop.set()

    threads = [threading.Thread(target=guarded, args=(runner.run,), name="sink") for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(POLL_S)  # so that signals are heard
    return failures


def _notice(message: Message) -> Anomaly | None:
    try:
        return Anomaly.model_validate_json(message.value() or b"")
    except ValidationError as error:
        _log.error(
            "%s %s/%s is no anomaly notice and is passed over: %d mistakes",
            message.topic(), message.partition(), message.offset(), error.error_count(),
        )  # fmt: skip
        return None
