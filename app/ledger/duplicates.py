"""Which event ids a session has seen lately, in bounded memory.

An id is kept as its 64-bit XXH3 hash. Two generations of at most `limit` hashes each are held: when the newer one is
full it becomes the older one. So at least the newest `limit` ids are always known, and at most twice as many are held
(8 bytes each in the record). That two different ids of one session collide has a chance of about 2 × limit / 2^64 per
event.
"""

import base64
import sys
from array import array
from typing import Self

from xxhash import xxh3_64_intdigest


def fingerprint(event_id: str) -> int:
    """64-bit hash of an event id, the same in every process."""
    return xxh3_64_intdigest(event_id.encode())


class RecentIds:
    """The newest event ids of one session."""

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

    def pack(self) -> str:
        """Base64 of the older, then the newer hashes (little endian), after the count of the older ones."""
        packed = array("Q", [len(self.older), *self.older, *self.newer])
        return base64.b64encode(_little_endian(packed).tobytes()).decode()

    @classmethod
    def unpack(cls, text: str) -> Self:
        """What `pack` wrote.

        Raises:
            ValueError: The text is no such packing.
        """
        packed = array("Q")
        packed.frombytes(base64.b64decode(text, validate=True))
        if not packed:
            return cls()
        count, *hashes = _little_endian(packed)
        if count > len(hashes):
            msg = f"recent_event_ids counts {count} older ids but holds {len(hashes)}"
            raise ValueError(msg)
        return cls(newer=set(hashes[count:]), older=set(hashes[:count]))


def _little_endian(values: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        values.byteswap()
    return values
