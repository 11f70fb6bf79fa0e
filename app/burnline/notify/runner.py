"""One thread and one consumer group per sink: a dead sink holds up nobody else.

Side effects in their order, and what it means when one fails:

1. A notice is sent, again and again until the sink has it. The process dies before step 3: it is sent again by the next
   one, with the same idempotency key. At least once, and in the order of the topic: an anomaly's notices share a key.
2. What a sink refuses for good, or has not taken within `give_up_after_s`, is written to `parked-notices`. That fails:
   it is tried again; nothing is passed over that is neither sent nor parked.
3. The offset is committed. It fails: as in step 1.

What is kept from a sink for a while (a silence, a mute time) is passed over like what it does not want. When that is
over, the newest notice of what is still open is told: nobody holds back a record, so nothing waits behind one. Which
anomalies are waited for is found again after a restart, out of what is known of them.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from confluent_kafka import Consumer, KafkaException, Message
from pydantic import ValidationError

from burnline.detection.anomaly import Anomaly, State
from burnline.detection.notes import NoteError, quiet
from burnline.notify.attempts import POLL_S, REFUSALS, Attempts, NotifyMetrics, consumer_of
from burnline.notify.channel import Channel
from burnline.notify.delivery import Result
from burnline.notify.known import Known, note_place
from burnline.notify.muting import muted_since_ms
from burnline.notify.parking import Source, park
from burnline.notify.routing import Route, age_s, held, route, wanted
from burnline.notify.sinks import Sink
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

RENEW_S = 300.0
LOOK_S = 1.0
KNOWN_WITHIN_S = 10.0
"""So long it is waited for the notice that a note speaks of."""

_log = logging.getLogger(__name__)


def group_of(settings: Settings, sink: str) -> str:
    """The consumer group of a sink: what it has had stands there."""
    return f"{settings.app_id}-notify-{sink}"


class SinkRunner:
    """Brings notices to one sink. `run` blocks until `stop` is set."""

    def __init__(
        self,
        settings: Settings,
        sink: Sink,
        channel: Channel,
        known: Known,
        metrics: NotifyMetrics,
        stop: threading.Event,
    ) -> None:
        """Take what it works with; nothing is connected yet. `known` has read all that stood there."""
        self._settings = settings
        self._sink = sink
        self._channel = channel
        self._known = known
        self._attempts = Attempts(sink, metrics, stop)
        self._stop = stop
        topics = topics_for(settings)
        self._topic, self._said = topics.anomalies, topics.anomaly_notes
        self._open: dict[str, Anomaly] = {}
        self._awaited: set[str] = set()
        self._renewed_at_s = self._looked_at_s = time.monotonic()
        self._renews = sink.kind == "alertmanager"

    def run(self) -> None:
        """Send what comes.

        Raises:
            KafkaException: The brokers refuse for good.
        """
        if self._renews:
            self._remember_open()
        consumer = consumer_of(self._settings, group_of(self._settings, self._sink.name))
        try:
            topics = (self._topic,) if self._channel.said is None else (self._topic, self._said)
            consumer.subscribe([topic.name for topic in topics])
            while not self._stop.is_set():
                self._renew()
                self._look_at_awaited(consumer)
                message = consumer.poll(POLL_S)
                if message is None:
                    continue
                error = message.error()
                if error is not None:
                    if error.fatal() or error.code() in REFUSALS:
                        raise KafkaException(error)
                    _log.warning("sink %s goes on after: %s", self._sink.name, error.str())
                    continue
                if self._settle(consumer, message):
                    consumer.commit(message=message, asynchronous=False)
        finally:
            consumer.close()

    def _settle(self, consumer: Consumer, message: Message) -> bool:
        """Send, pass over or park a record; False if this process ends first."""
        if message.topic() == self._said.name:
            return self._settle_note(consumer, message)
        notice = _notice(message)
        if notice is None:
            self._attempts.count("unreadable")
            return True
        self._known.take(message)  # a moment ahead of who follows for all sinks
        written_ms = message.timestamp()[1]
        found = self._route(notice, written_ms)
        if found is not Route.SEND:
            if found in (Route.SILENCED, Route.MUTED):
                self._awaited.add(notice.anomaly_id)
            self._attempts.count(found.value)
            return True
        source = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        return self._deliver(consumer, notice, written_ms, source)

    def _deliver(self, consumer: Consumer, notice: Anomaly, written_ms: int, source: Source | None) -> bool:
        """Send a notice or park it; False if this process ends first. `source` is None where no record is at hand."""
        notes = self._known.notes(notice.anomaly_id)
        result, attempts = self._attempts.insist(consumer, lambda: self._channel.tell(notice, notes), written_ms)
        if result is None:
            return False
        if result.sent:
            self._attempts.count("sent")
            self._note(notice)
            return True
        return self._park(source, notice, result, attempts)

    def _settle_note(self, consumer: Consumer, message: Message) -> bool:
        """Tell what people say of an anomaly; what cannot be told is counted. False if this process ends first."""
        try:
            anomaly_id, _ = note_place(message.key() or b"")
        except NoteError as error:
            _log.error("%s", error)
            self._attempts.count("unreadable")
            return True
        self._known.take(message)
        self._known.wait_for(anomaly_id, KNOWN_WITHIN_S, self._stop.wait)
        standing = self._known.newest(anomaly_id)
        written_ms = message.timestamp()[1]
        if standing is None or time.time() - written_ms / 1000 > self._sink.max_age_s:
            self._attempts.count("note_too_old")
            return not self._stop.is_set()
        notice, said = standing.notice, self._channel.said
        if said is None or wanted(self._sink.match, notice) not in (Route.SEND, Route.OTHER_STATE):
            self._attempts.count("note_of_another")
            return True
        notes = self._known.notes(anomaly_id)
        result, _ = self._attempts.insist(consumer, lambda: said(notice, notes), written_ms)
        if result is None:
            return False
        self._attempts.count("note_sent" if result.sent else "note_refused")
        return True

    def _route(self, notice: Anomaly, written_ms: int) -> Route:
        now_ms = time.time_ns() // 1_000_000
        age = age_s(notice, written_ms=written_ms, now_ms=now_ms)
        found = route(self._sink.match, notice, age_s=age, max_age_s=self._sink.max_age_s)
        return self._held(notice, now_ms) if found is Route.SEND else found

    def _held(self, notice: Anomaly, now_ms: int) -> Route:
        if self._channel.silences:
            return Route.SEND
        heard = quiet(self._known.notes(notice.anomaly_id), notice, now_ms=now_ms)
        muted = muted_since_ms(self._sink.mute, now_ms) is not None
        return held(notice, heard, muted=muted, closes=self._channel.closes)

    def _look_at_awaited(self, consumer: Consumer) -> None:
        """Once a second: which open anomalies are kept from the sink for a while, and for which that is over."""
        if self._channel.silences or time.monotonic() - self._looked_at_s < LOOK_S:
            return
        self._looked_at_s = time.monotonic()
        now_ms = time.time_ns() // 1_000_000
        began_ms = muted_since_ms(self._sink.mute, now_ms)
        mine = {place.partition for place in consumer.assignment() if place.topic == self._topic.name}
        standing = {one.notice.anomaly_id: one for one in self._known.open() if one.partition in mine}
        self._awaited &= standing.keys()
        for name, (notice, _, written_ms) in standing.items():
            if wanted(self._sink.match, notice) is not Route.SEND:
                continue
            found = self._held(notice, now_ms)
            if found is Route.SILENCED or (found is Route.MUTED and began_ms is not None and written_ms >= began_ms):
                self._awaited.add(name)
            elif name in self._awaited and found is not Route.MUTED:
                if found is Route.SEND and not self._deliver(consumer, notice, written_ms, None):
                    return
                self._awaited.discard(name)

    def _park(self, source: Source | None, notice: Anomaly, result: Result, attempts: int) -> bool:
        parked = park(self._settings, self._sink.name, notice, result, attempts, source, self._stop)
        if parked:
            self._attempts.count("parked")
        return parked

    def _remember_open(self) -> None:
        """Which anomalies are open, so that their alerts are renewed after a restart."""
        for notice, _, written_ms in self._known.open():
            if self._route(notice, written_ms) is Route.SEND:
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
            notes = self._known.notes(notice.anomaly_id)
            result = self._attempts.once(partial(self._channel.tell, notice, notes))
            if not result.sent:
                _log.warning("sink %s: an alert is not renewed: %s", self._sink.name, result.detail)
                return


def run_all(
    runners: Sequence[Callable[[], None]], stop: threading.Event, asked: threading.Event | None = None
) -> list[BaseException]:
    """Run each in a thread of its own until `stop` is set or one fails; what failed. `asked` sets `stop`, too."""
    failures: list[BaseException] = []

    def guarded(run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as failure:  # noqa: BLE001  # handed to whoever runs them all
            failures.append(failure)
            stop.set()

    threads = [threading.Thread(target=guarded, args=(run,), name="sink") for run in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(POLL_S)  # so that signals are heard
            if asked is not None and asked.is_set():
                stop.set()
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
