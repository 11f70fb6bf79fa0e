"""What is known of anomalies: newest notices, what people say, where messages stand. For all sinks of a process."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, cast

from confluent_kafka import Message, TopicPartition
from pydantic import ValidationError

from burnline.detection.anomaly import Anomaly, State
from burnline.detection.notes import NOTHING_SAID, AnomalyNote, NoteError, NoteKind, Notes
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.clients import reader
from burnline.topics.ends import as_topic_error, passing
from burnline.topics.reading import read_to_end

RESOLVED_KEPT = 10_000
"""So many anomalies that are over stay known: feedback comes late."""
POLL_S = 0.5
TIMEOUT_S = 60.0

_log = logging.getLogger(__name__)


class Standing(NamedTuple):
    """An anomaly's newest notice, where its notices stand, and when it was written, epoch milliseconds."""

    notice: Anomaly
    partition: int
    written_ms: int


class Known:
    """Follows the topics `anomalies`, `anomaly-notes` and `notice-places`; safe to ask from several threads."""

    def __init__(self, settings: Settings) -> None:
        """Know nothing yet."""
        self._settings = settings
        topics = topics_for(settings)
        self._anomalies, self._said, self._placed = topics.anomalies, topics.anomaly_notes, topics.notice_places
        self._lock = threading.Lock()
        self._open: dict[str, Standing] = {}
        self._over: OrderedDict[str, Standing] = OrderedDict()
        self._notes: dict[str, Notes] = {}
        self._places: dict[str, bytes] = {}

    def read(self) -> dict[tuple[str, int], int]:
        """Read all that stands there; the offsets to read on from, by topic and partition.

        Raises:
            TopicError: A topic is missing, or the brokers are silent or refuse.
        """
        positions: dict[tuple[str, int], int] = {}
        for topic in (self._anomalies, self._said, self._placed):
            partitions = range(topic.partitions)
            positions |= dict.fromkeys(((topic.name, partition) for partition in partitions), 0)
            for batch in read_to_end(client_config(self._settings), topic.name, partitions, timeout_s=TIMEOUT_S):
                for message in batch:
                    positions[topic.name, cast("int", message.partition())] = cast("int", message.offset()) + 1
                    self.take(message)
        return positions

    def follow(self, positions: dict[tuple[str, int], int], stop: threading.Event) -> None:
        """Read on until `stop` is set.

        Raises:
            TopicError: A topic is gone, or the brokers refuse for good.
        """
        consumer = reader(client_config(self._settings), {"enable.partition.eof": False})
        try:
            consumer.assign([TopicPartition(*place, offset) for place, offset in positions.items()])
            while not stop.is_set():
                message = consumer.poll(POLL_S)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    self.take(message)
                elif not passing(error):
                    raise as_topic_error(error, cast("str", message.topic()), message.partition())
        finally:
            consumer.close()

    def take(self, message: Message) -> None:
        """Take over a record of one of the topics; one that cannot be read is passed over, and its reader says so."""
        try:
            if message.topic() == self._said.name:
                self._take_note(message.key() or b"", message.value())
            elif message.topic() == self._placed.name:
                self.put_place((message.key() or b"").decode(errors="replace"), message.value())
            else:
                notice = Anomaly.model_validate_json(message.value() or b"")
                self._take_notice(Standing(notice, cast("int", message.partition()), message.timestamp()[1]))
        except (ValidationError, NoteError) as error:
            _log.debug("%s %s/%s is passed over: %s", message.topic(), message.partition(), message.offset(), error)

    def _take_notice(self, standing: Standing) -> None:
        name = standing.notice.anomaly_id
        with self._lock:
            before = self._open.get(name) or self._over.get(name)
            if before is not None and before.notice.revision > standing.notice.revision:
                return
            self._open.pop(name, None)
            self._over.pop(name, None)
            if standing.notice.state is not State.RESOLVED:
                self._open[name] = standing
                return
            self._over[name] = standing
            if len(self._over) > RESOLVED_KEPT:
                gone, _ = self._over.popitem(last=False)
                self._notes.pop(gone, None)

    def _take_note(self, key: bytes, value: bytes | None) -> None:
        anomaly_id, kind = note_place(key)
        note = None if value is None else AnomalyNote.parse(key, value)
        with self._lock:
            said = self._notes.get(anomaly_id, NOTHING_SAID)._replace(**{kind.value: note})
            self._notes.pop(anomaly_id, None)
            if said != NOTHING_SAID:
                self._notes[anomaly_id] = said

    def put_place(self, name: str, value: bytes | None) -> None:
        """Where a message stands, as the sink that wrote it has it; None forgets it."""
        with self._lock:
            self._places.pop(name, None)
            if value is not None:
                self._places[name] = value

    def place(self, name: str) -> bytes | None:
        """What was put there."""
        with self._lock:
            return self._places.get(name)

    def newest(self, anomaly_id: str) -> Standing | None:
        """The newest notice of an anomaly, if it is known."""
        with self._lock:
            return self._open.get(anomaly_id) or self._over.get(anomaly_id)

    def notes(self, anomaly_id: str) -> Notes:
        """What people say of it."""
        with self._lock:
            return self._notes.get(anomaly_id, NOTHING_SAID)

    def open(self) -> list[Standing]:
        """The newest notice of each anomaly that is open."""
        with self._lock:
            return list(self._open.values())

    def wait_for(self, anomaly_id: str, within_s: float, wait: Callable[[float], object] = time.sleep) -> None:
        """Wait until something is known of an anomaly: who reads of it may be a moment ahead."""
        deadline_s = time.monotonic() + within_s
        while self.newest(anomaly_id) is None and time.monotonic() < deadline_s:
            wait(0.05)


def note_place(key: bytes) -> tuple[str, NoteKind]:
    """Anomaly and kind out of the key of a note's record.

    Raises:
        NoteError: It is no such key.
    """
    anomaly_id, _, kind = key.decode(errors="replace").rpartition("/")
    try:
        return anomaly_id, NoteKind(kind)
    except ValueError as error:
        raise NoteError(f"{key!r} is no key of an anomaly note") from error
