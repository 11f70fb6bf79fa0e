"""What a second stage has on the brokers: found at the start, written exactly once, by one process at a time.

Notices and the progress that speaks for them are one transaction, so a notice is written once, whatever dies when; the
state is written with the progress from time to time. Who begins reads the newest state, takes in again what the log has
had since, and is silent up to the progress. A detector that begins shuts out the one before, by its transactional id.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

from burnline.detector.state import PART_BYTES, PROGRESS_KEY, Progress, decode_progress, encode, joined, parts_of
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.stream.writer import TransactionalWriter
from burnline.stream.written import Outgoing
from burnline.topics.catalogue import TopicSpec
from burnline.topics.compacted import read_newest
from burnline.topics.ends import open_topics
from burnline.topics.errors import BrokerSilent, TopicError
from burnline.topics.reading import is_aborted

PARTITION = 0
"""Where all it writes goes: then the brokers say of one partition what of a transaction counts."""
TIMEOUT_S = 30.0
ASK_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """What was found: a state as bytes, and how far notices are written. None where there is none."""

    state: bytes | None
    progress: Progress | None


class Keeper:
    """A second stage's own topic, and its notices. All methods block."""

    def __init__(self, settings: Settings, topic: TopicSpec, role: str) -> None:
        """Take where everything is; `begin` connects.

        Args:
            settings: Brokers, and whose process it is.
            topic: Compacted, with one partition; nobody else writes there.
            role: Tells the process from others of the same deployment.
        """
        self._config = client_config(settings)
        self._topic = topic
        self._name = uuid4().hex
        self._record: bytes | None = None
        self._sequence = 0
        self._parts = 0
        self._writer = TransactionalWriter(
            self._config,
            f"{settings.app_id}-{role}",
            PARTITION,
            stored_progress=self._stored_progress,
            open_topics=lambda: open_topics(self._config, [topic.name], PARTITION, ASK_TIMEOUT_S),
            is_aborted=lambda name, offset: is_aborted(self._config, name, PARTITION, offset, timeout_s=ASK_TIMEOUT_S),
            state_topics=(),
            progress_topic=topic.name,
        )

    def _stored_progress(self) -> bytes | None:
        while True:
            try:
                return read_newest(self._config, self._topic, timeout_s=TIMEOUT_S).get(PROGRESS_KEY)
            except BrokerSilent as silence:
                _log.warning("%s", silence)

    def begin(self) -> Kept:
        """Shut out the detector before, and find what it has left.

        Raises:
            TopicError: The brokers refuse; or what stands there cannot be read.
        """
        self._writer.fence()
        newest = read_newest(self._config, self._topic, timeout_s=TIMEOUT_S)
        try:
            found = joined(newest)
            self._record = newest.get(PROGRESS_KEY)
            progress = decode_progress(self._record) if self._record is not None else None
        except ValueError as error:
            raise TopicError(f"Topic {self._topic.name}: {error}") from error
        self._sequence = progress.sequence if progress else 0
        self._parts = found[1] if found else 0
        return Kept(found[0] if found else None, progress)

    def write(self, notices: Sequence[Outgoing], offsets: dict[int, int], settled_ms: int, state: bytes | None) -> None:
        """Write notices, the progress that speaks for them, and perhaps a state, all or none.

        Raises:
            Fenced: Another detector has begun.
            Refused: The brokers refuse; nothing of it is written.
        """
        topic, records = self._topic.name, list(notices)
        if state is not None:
            records += [Outgoing(topic, key, value, ()) for key, value in parts_of(state, self._parts)]
        progress = encode(Progress(self._sequence + 1, self._name, offsets, settled_ms))
        records.append(Outgoing(topic, PROGRESS_KEY, progress, ()))
        self._writer.write(records, previous=self._record, progress=progress)
        self._record, self._sequence = progress, self._sequence + 1
        if state is not None:
            self._parts = -(-len(state) // PART_BYTES)
