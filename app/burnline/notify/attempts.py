"""One sink, tried until it takes what it is told: waits between attempts, as a living member of the consumer group."""

import logging
import random
import threading
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, TopicPartition
from prometheus_client import CollectorRegistry, Counter, Gauge

from burnline.kafka import client_config
from burnline.notify.delivery import Result
from burnline.notify.routing import wait_s
from burnline.notify.sinks import Sink
from burnline.settings import Settings
from burnline.topics.client_log import client_log

POLL_S = 0.5

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


REFUSALS = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
"""What a consumer of notices meets where it lacks a right: no waiting of its own cures that."""


def consumer_of(settings: Settings, group: str) -> Consumer:
    """A consumer of notices that commits for itself."""
    return Consumer(
        {
            **client_config(settings),
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": settings.session_timeout_ms,
            "heartbeat.interval.ms": settings.session_timeout_ms // 3,
        },
        logger=client_log,
    )


class Attempts:
    """Attempts at one sink."""

    def __init__(self, sink: Sink, metrics: NotifyMetrics, stop: threading.Event) -> None:
        """Take the sink, where attempts are counted, and what ends them."""
        self._sink = sink
        self._metrics = metrics
        self._stop = stop

    def insist(self, consumer: Consumer, attempt: Callable[[], Result], written_ms: int) -> tuple[Result | None, int]:
        """Try until it is taken, hopeless or over; the last result (None if this process ends) and how many failed."""
        began_s = time.monotonic()
        attempts = 0
        while True:
            result = self.once(attempt)
            if result.sent:
                self._metrics.oldest.labels(self._sink.name).set(0)
                return result, attempts
            attempts += 1
            self._metrics.retries.labels(self._sink.name).inc()
            if result.hopeless or time.monotonic() - began_s >= self._sink.give_up_after_s:
                self._metrics.oldest.labels(self._sink.name).set(0)
                return result, attempts
            self._metrics.oldest.labels(self._sink.name).set(time.time() - written_ms / 1000)
            wait = wait_s(attempts, result.retry_after_s, random.random())  # noqa: S311  # only to spread attempts
            _log.warning(
                "sink %s: attempt %d failed, again in %.0f s: %s", self._sink.name, attempts, wait, result.detail
            )
            if not self.wait(consumer, wait):
                return None, attempts

    def once(self, attempt: Callable[[], Result]) -> Result:
        """One attempt; what a library raises is a failure of it."""
        try:
            return attempt()
        except Exception as error:  # noqa: BLE001  # a library's own failure is this sink's, and no other's
            _log.exception("sink %s failed", self._sink.name)
            return Result(sent=False, detail=f"{type(error).__name__}: see the log")

    def wait(self, consumer: Consumer, seconds: float) -> bool:
        """Wait, as a living member of the group that takes nothing; False if this process ends."""
        until_s = time.monotonic() + seconds
        held = consumer.assignment()
        consumer.pause(held)
        while time.monotonic() < until_s and not self._stop.is_set():
            consumer.poll(min(POLL_S, max(0.0, until_s - time.monotonic())))
        still: list[TopicPartition] = consumer.assignment()
        consumer.resume(still)
        return not self._stop.is_set()

    def count(self, outcome: str) -> None:
        """Count a notice by what became of it."""
        self._metrics.notices.labels(self._sink.name, outcome).inc()
