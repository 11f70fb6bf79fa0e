"""Records that librdkafka has handed out to the kernel; Python sees one only where it asks for it."""

import ctypes
from array import array
from collections.abc import Callable, Sequence
from typing import overload

from burnline.events.cloudevents import in_one_piece
from burnline.native.binding import Message, Part, library

Headers = list[tuple[str, bytes | None]]


class PolledValues(Sequence[bytes | None]):
    """The events of consecutive records of one partition: their values, with the envelope that is in their headers.

    They live as long as this does.

    Attributes:
        batch: The kernel's own handle.
    """

    __slots__ = ("_count", "_free", "_headers", "_owner", "batch")

    def __init__(self, part: Part, owner: object, headers: Callable[[Message], Headers | None]) -> None:
        """Take over what a poll has found; `owner` is whose memory it is, and lives at least as long."""
        self._headers = headers
        self.batch: int = part.batch
        self._count = part.count
        self._owner = owner
        self._free = library().batch_free  # at the interpreter's end there may be no more modules to find it in

    def __del__(self) -> None:
        self._free(self.batch)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes | None]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes | None] | None:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        return in_one_piece(self.value(index), self._headers(self.message(index)) or ())

    def value(self, index: int) -> bytes | None:
        """A record's value as it stands."""
        message = self.message(index)
        return None if message.payload is None else ctypes.string_at(message.payload, message.length)

    def key(self, index: int) -> bytes | None:
        """A record's key."""
        message = self.message(index)
        return None if message.key is None else ctypes.string_at(message.key, message.key_length)

    def message(self, index: int) -> Message:
        """A record as librdkafka has it.

        Raises:
            IndexError: There is none.
        """
        if not 0 <= index < self._count:
            raise IndexError(f"record {index} of {self._count}")
        found: Message = library().batch_message(self.batch, index).contents
        return found

    def offsets(self) -> "array[int]":
        """The records' offsets, ascending."""
        return self._integers(library().batch_offsets(self.batch))

    def logged_ms(self) -> "array[int]":
        """When the log took each record."""
        return self._integers(library().batch_logged_ms(self.batch))

    def _integers(self, at: int) -> "array[int]":
        found = array("q")
        found.frombytes(ctypes.string_at(at, found.itemsize * self._count))
        return found
