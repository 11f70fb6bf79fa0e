"""Which events were counted already, in bounded memory: a repeated `event_id` of a session counts once.

An event is known by the 64-bit XXH3 hash of its session and event id; or of its org and event id, where ids are unique
in an org (`BURNLINE_EVENT_ID_SCOPE`): then a session that was forked repeats its parent's. Two memories overlap:

- Each session knows at least its newest `limit` events, however long ago they were (8 bytes each in its ledger).
- Each partition knows at least its newest `limit` events of all sessions, however busy one of them was, and whether
  their sessions were retired since. It knows nothing of other partitions.

Both hold two generations of at most `limit` hashes: when the newer one is full it becomes the older one, and what was
older is forgotten. So at most twice the limit is held. That two different events collide has a chance of about
hashes held / 2^64 per event.
"""

import base64
import re
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Self

from xxhash import xxh3_64_intdigest


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


HASHES_PER_RECORD = 65_536
"""Half a megabyte in one record."""


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

    A flush appends a record, key `<generation>/<number>`, with the hashes that came in since the last one. When a
    generation is forgotten, its records are deleted.
    """

    def __init__(self, limit: int) -> None:
        """Know at least `limit` events; 0 knows none."""
        self.limit = limit
        self._newer: set[int] = set()
        self._older: set[int] = set()
        self._fresh: list[int] = []
        self._generation = 0
        self._records: dict[int, list[int]] = {}
        self._forgotten: list[bytes] = []

    def __len__(self) -> int:
        """Hashes held."""
        return len(self._newer) + len(self._older)

    def known(self, hashed: int) -> bool:
        """Whether an event is known."""
        return hashed in self._newer or hashed in self._older

    def remember(self, hashed: int) -> None:
        """Know an event from now on; it was not known before."""
        if self.limit:
            self._newer.add(hashed)
            self._fresh.append(hashed)
            if len(self._newer) >= self.limit:
                self._older, self._newer = self._newer, set()
                self._turn()

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Records (key, value) to write since the last call; a value of None deletes."""
        fresh, self._fresh = self._fresh, []
        return self._records_of(fresh)

    def _records_of(self, fresh: Sequence[int]) -> list[tuple[bytes, bytes | None]]:
        changes: list[tuple[bytes, bytes | None]] = [(key, None) for key in self._forgotten]
        self._forgotten = []
        # Hashes stand under the generation that is the newest now: they are kept for longer, if one has turned since.
        numbers = self._records.setdefault(self._generation, [])
        for start in range(0, len(fresh), HASHES_PER_RECORD):
            numbers.append(numbers[-1] + 1 if numbers else 0)
            key = f"{self._generation}/{numbers[-1]}".encode()
            changes.append((key, _packed(fresh[start : start + HASHES_PER_RECORD])))
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
                self._restore(_unpacked(value), newest=generation == self._generation)

    def _restore(self, hashes: "array[int]", *, newest: bool) -> None:
        (self._newer if newest else self._older).update(hashes)

    def _turn(self) -> None:
        """A generation is full, and the one before it forgotten."""
        for generation in sorted(self._records):
            if generation < self._generation:
                self._forgotten += [f"{generation}/{number}".encode() for number in self._records.pop(generation)]
        self._generation += 1


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
