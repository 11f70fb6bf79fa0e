"""Which partitioner put a session where it is, as far as one can tell from the outside."""

import logging
from zlib import crc32

from aiokafka.partitioner import murmur2

from burnline.events.text import printable
from burnline.ledger.identity import org_and_session

KEYS_REMEMBERED = 200_000
AMBIGUOUS = "ambiguous"
OTHER = "other"

_log = logging.getLogger(__name__)


def likely_partitioner(session_id: str, partition: int, partitions: int) -> str:
    """The partitioner that sends this key to this partition.

    Publishers with different partitioners send one session to two partitions, where each half of it is judged on its
    own. A worker need not see both halves to tell: it sees sessions that another partitioner would have sent elsewhere.

    Returns:
        `murmur2` (Java clients, aiokafka), `crc32` (librdkafka's `consistent_random`, its default), `ambiguous` when
        both agree, or `other`: keyed by something else, or assigned by hand.
    """
    key = session_id.encode()
    java = (murmur2(key) & 0x7FFFFFFF) % partitions == partition
    librdkafka = crc32(key) % partitions == partition
    if java and librdkafka:
        return AMBIGUOUS
    if java:
        return "murmur2"
    return "crc32" if librdkafka else OTHER


class OpenedSessions:
    """On which partition each session was opened, of the newest: one that opens on a second partition is told.

    A worker sees its own partitions, since it began. `burnline verify` sees all of them.
    """

    def __init__(self, partitions: int, limit: int = KEYS_REMEMBERED) -> None:
        """Remember at least `limit` sessions and at most twice as many, by a hash of 8 bytes.

        Args:
            partitions: How many the usage topic has.
            limit: Sessions.
        """
        self._partitions = partitions
        self._limit = limit
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._said = False

    def is_split(self, key: str, partition: int) -> bool:
        """Whether the session of a ledger that was opened was opened on another partition before. Says so once."""
        hashed = hash(key)
        before = self._newer.get(hashed, self._older.get(hashed))
        if before is None:
            if len(self._newer) >= self._limit:
                self._older, self._newer = self._newer, {}
            self._newer[hashed] = partition
        if before is None or before == partition:
            return False
        if not self._said:
            self._said = True
            self._say(key, sorted((before, partition)))
        return True

    def _say(self, key: str, places: list[int]) -> None:
        org_id, session_id = org_and_session(key)
        named = (f"{each} ({likely_partitioner(session_id, each, self._partitions)})" for each in places)
        _log.info(
            "session %s of %s has events on partitions %s: each half is judged on its own. All publishers should key "
            "events by session id, with one partitioner; burnline verify names all such sessions",
            printable(session_id),
            printable(org_id),
            " and ".join(named),
        )
