"""Which events were counted already, in bounded memory: a repeated `event_id` of a session counts once.

An event is known by the 64-bit XXH3 hash of its session and event id; or of its org and event id, where ids are unique
in an org (`BURNLINE_EVENT_ID_SCOPE`): then a session that was forked repeats its parent's. Two memories overlap:

- Each session knows at least its newest `limit` events, however long ago they were (8 bytes each in its ledger).
- Each partition knows at least its newest `limit` events of all sessions, however busy one of them was, and whether
  their sessions were retired since. It knows nothing of other partitions.

Both hold two generations of at most `limit` hashes: when the newer one is full it becomes the older one, and what was
older is forgotten. So at most twice the limit is held. That two different events collide has a chance of about
hashes held / 2^64 per event.

The first event of an id counts. The partition also knows a byte of each event's content, its mark, so that a repeat
that would count something else (what an answer has come to so far, sent again) is told from one that was sent twice.
"""

import base64
import re
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Self

from xxhash import xxh3_64_intdigest

from burnline.events.meters import NAMES
from burnline.events.usage import Usage, meters_of


def fingerprint(key: str, event_id: str) -> int:
    """64-bit hash of an event's identity, the same in every process. No id holds the separating control character.

    Args:
        key: Of its session's ledger. Hashes of before were made with the session id alone.
        event_id: Its own.
    """
    return xxh3_64_intdigest(f"{key}\n{event_id}".encode())


def fingerprint_in_org(org_id: str, event_id: str) -> int:
    """The same where event ids are unique in their organisation; no session's event has the hash of its text."""
    return xxh3_64_intdigest(f"{org_id}\n\n{event_id}".encode())


UNKNOWN = 0
"""The mark of an event whose content nobody remembers: of a record of before there were marks."""
_MARKS = 251


def content_mark(event: Usage) -> int:
    """What an event counts, in a byte from 1 to 251: others have another one, but for one in 251 of them.

    The kernel comes to the same for plain events. Told apart are counts, and a cost that was reported; neither names
    nor times.
    """
    counts = (
        3 * event.input_tokens
        + 7 * event.output_tokens
        + 19 * event.cached_input_tokens
        + 31 * event.cache_write_tokens
        + 61 * event.reasoning_tokens
    )
    if type(event) is not Usage:
        used = [(name, count) for name, count in zip(NAMES, meters_of(event), strict=True) if count]
        if used or event.reported_cost_usd is not None:
            counts += xxh3_64_intdigest(repr((used, event.reported_cost_usd)).encode())
    return counts % _MARKS + 1


HASHES_PER_RECORD = 65_536
"""Half a megabyte in one record, and a byte for the mark of each."""
_WITH_MARKS = b"\1"
"""The version of a record, its first byte. Those of before have none: they are words, and so are whole eights of bytes,
while one with a version has a byte more than that."""

_RECORD_KEY = re.compile(rb"[0-9]{1,18}/[0-9]{1,18}")


class RecentIds:
    """The newest events of one session, by their hashes."""

    __slots__ = ("newer", "older")

    def __init__(self, newer: set[int] | None = None, older: set[int] | None = None) -> None:
        self.newer: set[int] = newer if newer is not None else set()
        self.older: set[int] = older if older is not None else set()

    def add(self, hashed: int, limit: int) -> bool:
        """Remember an id's hash; False if it is known already.

        Args:
            hashed: `fingerprint` of the event id.
            limit: How many of the newest ids must be known; 0 turns the check off.
        """
        newer = self.newer
        if hashed in newer or hashed in self.older:
            return False
        newer.add(hashed)
        if len(newer) >= limit:
            self.older, self.newer = newer if limit else set(), set()
        return True

    def known(self, hashed: int) -> bool:
        """Whether an id's hash is remembered."""
        return hashed in self.newer or hashed in self.older

    def pack(self) -> str:
        """Base64 of the older, then the newer hashes (little endian), after the count of the older ones."""
        return base64.b64encode(_packed([len(self.older), *self.older, *self.newer])).decode()

    @classmethod
    def unpack(cls, text: str) -> Self:
        """What `pack` wrote.

        Raises:
            ValueError: The text is no such packing.
        """
        packed = _unpacked(base64.b64decode(text, validate=True))
        if not packed:
            return cls()
        count, *hashes = packed
        if count > len(hashes):
            msg = f"recent_event_ids counts {count} older ids but holds {len(hashes)}"
            raise ValueError(msg)
        return cls(newer=set(hashes[count:]), older=set(hashes[:count]))


class PartitionIds:
    """The newest events of one partition, and the records that keep them over a restart.

    A flush appends a record, key `<generation>/<number>`, with the hashes that came in since the last one, and their
    marks. When a generation is forgotten, its records are deleted.
    """

    def __init__(self, limit: int) -> None:
        """Know at least `limit` events; 0 knows none."""
        self.limit = limit
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._fresh: list[int] = []
        self._fresh_marks = bytearray()
        self._generation = 0
        self._records: dict[int, list[int]] = {}
        self._forgotten: list[bytes] = []

    def __len__(self) -> int:
        """Hashes held."""
        return len(self._newer) + len(self._older)

    def mark_of(self, hashed: int) -> int | None:
        """The `content_mark` of an event that is known, or `UNKNOWN`; None: it is not known."""
        mark = self._newer.get(hashed)
        return self._older.get(hashed) if mark is None else mark

    def remember(self, hashed: int, mark: int) -> None:
        """Know an event from now on; it was not known before."""
        if self.limit:
            self._newer[hashed] = mark
            self._fresh.append(hashed)
            self._fresh_marks.append(mark)
            if len(self._newer) >= self.limit:
                self._older, self._newer = self._newer, {}
                self._turn()

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Records (key, value) to write since the last call; a value of None deletes."""
        fresh, self._fresh = self._fresh, []
        marks, self._fresh_marks = self._fresh_marks, bytearray()
        return self._records_of(fresh, marks)

    def _records_of(self, fresh: Sequence[int], marks: bytes | bytearray) -> list[tuple[bytes, bytes | None]]:
        changes: list[tuple[bytes, bytes | None]] = [(key, None) for key in self._forgotten]
        self._forgotten = []
        # Hashes stand under the generation that is the newest now: they are kept for longer, if one has turned since.
        numbers = self._records.setdefault(self._generation, [])
        for start in range(0, len(fresh), HASHES_PER_RECORD):
            numbers.append(numbers[-1] + 1 if numbers else 0)
            key = f"{self._generation}/{numbers[-1]}".encode()
            part = slice(start, start + HASHES_PER_RECORD)
            changes.append((key, pack_ids(fresh[part], marks[part])))
        return changes

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Take over what was written.

        Raises:
            ValueError: A record is none of ours.
        """
        found: dict[int, dict[int, bytes]] = {}
        for key, value in records:
            if _RECORD_KEY.fullmatch(key) is None:
                raise ValueError(f"{key[:64]!r} is not the key of a record of event ids")
            generation, number = map(int, key.split(b"/"))
            found.setdefault(generation, {})[number] = value
        self._generation = max(found, default=0)
        for generation, values in found.items():
            self._records[generation] = sorted(values)
            for value in values.values():
                self._restore(*unpack_ids(value), newest=generation == self._generation)

    def _restore(self, hashes: "array[int]", marks: bytes, *, newest: bool) -> None:
        (self._newer if newest else self._older).update(zip(hashes, marks, strict=True))

    def _turn(self) -> None:
        """A generation is full, and the one before it forgotten."""
        for generation in sorted(self._records):
            if generation < self._generation:
                self._forgotten += [f"{generation}/{number}".encode() for number in self._records.pop(generation)]
        self._generation += 1


def pack_ids(hashes: Iterable[int], marks: bytes | bytearray) -> bytes:
    """The value of a record of event ids: its version, the hashes (little endian), and the mark of each."""
    return _WITH_MARKS + _packed(hashes) + marks + bytes(-len(marks) % 8)


def unpack_ids(value: bytes) -> tuple["array[int]", bytes]:
    """Hashes and marks of what `pack_ids` wrote, or of a record of before, which has no marks: each is `UNKNOWN`.

    Raises:
        ValueError: The value is neither.
    """
    if len(value) % 8 == 0:
        hashes = _unpacked(value)
        return hashes, bytes(len(hashes))
    count = (len(value) - 1) // 9
    end = 1 + 8 * count
    if len(value) != end + count + -count % 8 or value[:1] != _WITH_MARKS:
        raise ValueError(f"a record of event ids of {len(value)} bytes, version {value[0]}: neither is one of ours")
    return _unpacked(value[1:end]), value[end : end + count]


def _packed(hashes: Iterable[int]) -> bytes:
    values = array("Q", hashes)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _unpacked(data: bytes) -> "array[int]":
    values = array("Q")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
