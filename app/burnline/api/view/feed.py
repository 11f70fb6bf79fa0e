"""The feed of anomaly notices in Redis: a place in it, and what stands behind a place."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import NamedTuple, Self

from burnline.api.view.anomalies import Kept, read_notice
from burnline.api.view.reading import GenerationReader
from burnline.readmodel.keys import FEED_LENGTH

AT_ONCE = 500
REMEMBERED = 2 * FEED_LENGTH


class FeedPlace(NamedTuple):
    """The id of a stream's entry; the same notice has the same one in every generation, or nearly so."""

    milliseconds: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1760000000000-3`.

        Raises:
            ValueError: It is no such id.
        """
        milliseconds, dash, number = text.partition("-")
        if not (dash and _is_number(milliseconds) and _is_number(number)):
            raise ValueError(f"{text[:64]!r} is no place in the feed")
        return cls(int(milliseconds), int(number))

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"


START = FeedPlace(0, 0)
_MAX = 1 << 64


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX)) and int(text) < _MAX


class Entry(NamedTuple):
    """A notice in the feed."""

    place: FeedPlace
    kept: Kept


class Behind(NamedTuple):
    """What stands behind a place."""

    entries: list[Entry]
    lost: bool
    """Entries behind the place were dropped from the feed before they could be read."""
    reached: FeedPlace
    """How far this goes."""
    more: bool


async def read_behind(reader: GenerationReader, place: FeedPlace) -> Behind:
    """The next entries behind a place.

    Raises:
        Switched: As `GenerationReader.read`.
        redis.RedisError: As `GenerationReader.read`.
    """
    found, first, length = await reader.read(
        lambda pipe, keys: (
            pipe.xrange(keys.feed, min=f"({place}", count=AT_ONCE),
            pipe.xrange(keys.feed, count=1),
            pipe.xlen(keys.feed),
        )
    )
    entries = [
        Entry(FeedPlace.parse(entry_id.decode()), read_notice(fields[b"data"]))
        for entry_id, fields in found
        if fields.get(b"type") == b"anomaly"
    ]
    lost = bool(first) and length >= FEED_LENGTH and place != START and FeedPlace.parse(first[0][0].decode()) > place
    reached = FeedPlace.parse(found[-1][0].decode()) if found else place
    return Behind(entries, lost, reached, len(found) == AT_ONCE)


async def newest_place(reader: GenerationReader) -> FeedPlace:
    """The place of the newest entry; `START` in an empty feed.

    Raises:
        Switched: As `GenerationReader.read`.
        redis.RedisError: As `GenerationReader.read`.
    """
    (found,) = await reader.read(lambda pipe, keys: pipe.xrevrange(keys.feed, count=1))
    return FeedPlace.parse(found[0][0].decode()) if found else START


async def all_behind(reader: GenerationReader, place: FeedPlace) -> AsyncIterator[Behind]:
    """Everything behind a place, piece by piece.

    Raises:
        Switched: As `GenerationReader.read`.
        redis.RedisError: As `GenerationReader.read`.
    """
    while True:
        behind = await read_behind(reader, place)
        yield behind
        if not behind.more:
            return
        place = behind.reached


class Seen:
    """Notices that were told already: another generation's feed may repeat some under another id."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()

    def is_new(self, kept: Kept) -> bool:
        """Whether a notice was not told yet; from now on it was."""
        key = kept.heading.anomaly_id, kept.heading.revision
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True
