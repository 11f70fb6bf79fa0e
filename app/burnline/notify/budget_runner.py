"""Budget notices to one sink, by a consumer group of their own beside that of anomalies: neither holds up the other.

The guarantees are those of `burnline.notify.runner`: at least once, in order, with an idempotency key; what a sink
refuses for good, or has not taken in its time, is parked before its offset is committed.
"""

import logging
import threading
import time
from functools import partial

from confluent_kafka import Consumer, KafkaException, Message
from pydantic import ValidationError

from burnline.budgets.notice import BudgetNotice
from burnline.notify.attempts import POLL_S, REFUSALS, Attempts, NotifyMetrics, consumer_of
from burnline.notify.budgets import TellBudget, wanted
from burnline.notify.muting import muted_since_ms
from burnline.notify.parking import park
from burnline.notify.routing import Route
from burnline.notify.sinks import Sink
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

MUTED_WAIT_S = 1.0
"""So often it is looked whether a mute time is over: nobody else waits meanwhile."""

_log = logging.getLogger(__name__)


def budget_group_of(settings: Settings, sink: str) -> str:
    """The consumer group of a sink for budget notices."""
    return f"{settings.app_id}-notify-{sink}-budgets"


class BudgetRunner:
    """Brings budget notices to one sink. `run` blocks until `stop` is set."""

    def __init__(
        self, settings: Settings, sink: Sink, tell: TellBudget, metrics: NotifyMetrics, stop: threading.Event
    ) -> None:
        """Take what it works with; nothing is connected yet."""
        self._settings = settings
        self._sink = sink
        self._tell = tell
        self._stop = stop
        self._attempts = Attempts(sink, metrics, stop)

    def run(self) -> None:
        """Send what comes.

        Raises:
            KafkaException: The brokers refuse for good.
        """
        consumer = consumer_of(self._settings, budget_group_of(self._settings, self._sink.name))
        try:
            consumer.subscribe([topics_for(self._settings).budget_notices.name])
            while not self._stop.is_set():
                message = consumer.poll(POLL_S)
                if message is None:
                    continue
                error = message.error()
                if error is not None:
                    if error.fatal() or error.code() in REFUSALS:
                        raise KafkaException(error)
                    _log.warning("sink %s goes on after: %s", self._sink.name, error.str())
                elif self._settle(consumer, message):
                    consumer.commit(message=message, asynchronous=False)
        finally:
            consumer.close()

    def _settle(self, consumer: Consumer, message: Message) -> bool:
        """Send, pass over or park a notice; False if this process ends first."""
        try:
            notice = BudgetNotice.model_validate_json(message.value() or b"")
        except ValidationError as error:
            _log.error("%s %s is no budget notice: %s", message.topic(), message.offset(), error)
            self._attempts.count("unreadable")
            return True
        written_ms = message.timestamp()[1]
        found = wanted(self._sink.match, notice)
        if found is Route.SEND and time.time() - written_ms / 1000 > self._sink.max_age_s:
            found = Route.TOO_OLD
        if found is not Route.SEND:
            self._attempts.count(found.value)
            return True
        while muted_since_ms(self._sink.mute, time.time_ns() // 1_000_000) is not None:
            if not self._attempts.wait(consumer, MUTED_WAIT_S):
                return False
        result, attempts = self._attempts.insist(consumer, partial(self._tell, notice), written_ms)
        if result is None:
            return False
        if result.sent:
            self._attempts.count("sent")
            return True
        source = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        parked = park(self._settings, self._sink.name, notice, result, attempts, source, self._stop)
        if parked:
            self._attempts.count("parked")
        return parked
