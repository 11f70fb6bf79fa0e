"""Dead letters against the log: every refused event has one, once, and every one has its refused event."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from burnline.events.dead_letters import HEADER_PREFIX, Headers
from burnline.events.rejection import Reason
from burnline.events.usage import Usage
from burnline.ledger.audit.outcome import Outcome, Row

_FUTURE: Final = Reason.IN_THE_FUTURE.value.encode()
_TOPIC, _PARTITION, _OFFSET, _REASON = (HEADER_PREFIX + name for name in ("topic", "partition", "offset", "reason"))


class DeadLetters:
    """The dead letters of one source partition: eight bytes and a flag each."""

    def __init__(self, source_topic: str, partition: int, *, beginning_lost: bool = False) -> None:
        """Begin without any.

        Args:
            source_topic: Topic that they must come from.
            partition: Partition there, and of the dead letters.
            beginning_lost: Whether retention has removed some already.
        """
        self.partition = partition
        self._source = (source_topic.encode(), str(partition).encode())
        self._beginning_lost = beginning_lost
        self._offsets = array("q")
        self._future = bytearray()
        self.foreign: list[int] = []
        """Offsets of records on the topic that name no event of this partition."""

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, at_offset: int, headers: Headers | None) -> None:
        """Take a record of the topic by its headers; where a name stands twice, the last one counts."""
        named = dict(headers or ())
        offset = named.get(_OFFSET)
        if (named.get(_TOPIC), named.get(_PARTITION)) != self._source or offset is None or not offset.isdigit():
            self.foreign.append(at_offset)
            return
        self._offsets.append(int(offset))
        self._future.append(named.get(_REASON) == _FUTURE)

    def in_order(self) -> None:
        """Sort by source offset, which they are by nature."""
        offsets = self._offsets
        if any(offsets[index] > offsets[index + 1] for index in range(len(offsets) - 1)):
            order = sorted(range(len(offsets)), key=offsets.__getitem__)
            self._offsets = array("q", (offsets[index] for index in order))
            self._future = bytearray(self._future[index] for index in order)

    def between(self, first: int, last: int) -> dict[int, bool]:
        """Source offsets from `first` to `last`, both included, each with whether it lay in the future."""
        start, end = bisect_left(self._offsets, first), bisect_right(self._offsets, last)
        return dict(zip(self._offsets[start:end], map(bool, self._future[start:end]), strict=True))

    def may_be_lost(self, offset: int) -> bool:
        """Whether retention may have removed the dead letter of this source offset."""
        return self._beginning_lost and (not self._offsets or offset < self._offsets[0])

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Source offsets with several dead letters, each with their number."""
        start = 0
        while start < len(self._offsets):
            end = bisect_right(self._offsets, self._offsets[start], start)
            if end - start > 1:
                yield self._offsets[start], end - start
            start = end


class LetterCheck:
    """Walks the log and the dead letters side by side."""

    def __init__(self, letters: DeadLetters, first_offset: int, next_offset: int) -> None:
        """Begin.

        Args:
            letters: All of the partition, in order.
            first_offset: Where the log that is read begins.
            next_offset: What comes from here on may not have its dead letter yet.
        """
        self._letters = letters
        self._begin = self._position = first_offset
        self._next_offset = next_offset
        self.refused = 0
        """Events below the progress that were refused, rightly."""
        self.not_checkable = 0
        """Refused events whose dead letters may be gone by retention."""
        self._rows: list[Row] = []
        self._without_record: list[int] = []

    def pass_over(self, offsets: Sequence[int], events: list[Usage | None], *, any_refused: bool) -> None:
        """Hold a batch against its dead letters; events that were refused at their time are set to None."""
        buried = self._letters.between(self._position, offsets[-1])
        self._position = offsets[-1] + 1
        if not any_refused and not buried:
            return
        for index, offset in enumerate(offsets):
            future = buried.pop(offset, None)
            if future is not None:
                self._of_letter(offset, events[index], future=future)
                events[index] = None
            elif events[index] is None and offset < self._next_offset:
                self._of_refused(offset)
        self._without_record += buried

    def _of_letter(self, offset: int, event: Usage | None, *, future: bool) -> None:
        self.refused += offset < self._next_offset
        if event is not None and not future:
            self._found(Outcome.UNFOUNDED_DEAD_LETTER, offset, f"the event is good: {event.event_id}")

    def _of_refused(self, offset: int) -> None:
        self.refused += 1
        if self._letters.may_be_lost(offset):
            self.not_checkable += 1
        else:
            self._found(Outcome.NO_DEAD_LETTER, offset, "refused, and nowhere to be found")

    def _found(self, outcome: Outcome, offset: int, detail: str) -> None:
        self._rows.append(Row(outcome, self._letters.partition, f"offset {offset}", detail=detail))

    def rows(self, first_offset: int) -> Iterator[Row]:
        """All that is wrong, once the log has been read.

        Args:
            first_offset: Where the log begins by now: what it has lost cannot be held against dead letters.
        """
        yield from self._rows
        partition, begin = self._letters.partition, max(self._begin, first_offset)
        for offset in self._without_record:
            if offset >= begin:
                detail = "the log has no record there"
                yield Row(Outcome.UNFOUNDED_DEAD_LETTER, partition, f"offset {offset}", detail=detail)
        for offset, times in self._letters.repeated():
            if offset >= begin:
                yield Row(Outcome.REPEATED_DEAD_LETTER, partition, f"offset {offset}", detail=f"{times} times")
        for at_offset in self._letters.foreign:
            detail = "its headers name no event of this partition"
            yield Row(Outcome.UNFOUNDED_DEAD_LETTER, partition, f"dead letter at {at_offset}", detail=detail)
