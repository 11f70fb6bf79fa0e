"""Files of usage events, one JSON object a line: checking them by the worker's own rules, and reading what to send."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import msgspec

from burnline.events.decode import decode_batch
from burnline.events.rejection import Reason
from burnline.events.text import is_utf16, without_bom

NAMED_LINES = 20
"""So many wrong lines are kept by name; the rest are counted."""
_LINES_AT_ONCE = 2_000


class Line(NamedTuple):
    """One line to send: its number (from 1), and the record's value and key."""

    number: int
    value: bytes
    key: bytes | None

    @property
    def name(self) -> str:
        """How to call it in a message."""
        return f"line {self.number}"


class WrongLine(NamedTuple):
    """A line that is no usage event, and why."""

    line: int
    reason: Reason
    field: str
    detail: str


@dataclass(slots=True)
class Check:
    """What a check has found. `good` + `wrong` + `blank` are all lines."""

    good: int = 0
    wrong: int = 0
    blank: int = 0
    named: list[WrongLine] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """All lines."""
        return self.good + self.wrong + self.blank


class FileChangedError(RuntimeError):
    """A line that was good when the file was checked is not any more."""


class _Keyed(msgspec.Struct):
    """What a line that nobody checks may say of itself."""

    session_id: Any = None


_decode_keyed = msgspec.json.Decoder(_Keyed).decode


def check_lines(
    file: BinaryIO, *, now_ms: int, max_clock_skew_ms: int, on_bytes: Callable[[int], object] = lambda _: None
) -> Check:
    """Hold every line against the contract, as a worker would; blank lines are left out.

    Args:
        file: At its start.
        now_ms: The clock, epoch milliseconds.
        max_clock_skew_ms: How far ahead of it events may be.
        on_bytes: Called with the bytes read since the last call.
    """
    check = Check()
    if is_utf16(file.read(2)):
        detail = "the file is UTF-16; save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8)"
        return Check(wrong=1, named=[WrongLine(1, Reason.NOT_UTF8, "", detail)])
    file.seek(0)
    for batch in _texts(file):
        full = [(number, line.rstrip(b"\r")) for number, line in batch if line.strip()]
        check.blank += len(batch) - len(full)
        values = [line for _, line in full]
        _, rejections = decode_batch(values, now_ms=now_ms, max_clock_skew_ms=max_clock_skew_ms)
        check.good += len(full) - len(rejections)
        check.wrong += len(rejections)
        for rejection in rejections[: NAMED_LINES - len(check.named)]:
            number, _ = full[rejection.index]
            check.named.append(WrongLine(number, rejection.reason, rejection.field, rejection.detail))
        on_bytes(sum(len(line) + 1 for _, line in batch))
    return check


def good_lines(file: BinaryIO, *, now_ms: int, max_clock_skew_ms: int) -> Iterator[Line]:
    """The lines of a file that `check_lines` found to be good; the same arguments.

    Raises:
        FileChangedError: The file is not what it was.
    """
    for batch in _texts(file):
        full = [(number, line.rstrip(b"\r")) for number, line in batch if line.strip()]
        values = [line for _, line in full]
        usages, _ = decode_batch(values, now_ms=now_ms, max_clock_skew_ms=max_clock_skew_ms)
        for (number, value), usage in zip(full, usages, strict=True):
            if usage is None:
                raise FileChangedError(f"Line {number} has changed since it was checked.")
            yield Line(number, value, usage.session_id.encode())


def lines_as_they_are(file: BinaryIO) -> Iterator[Line]:
    """Every line, blank ones too, whatever it holds; keyed by `session_id` where it has one."""
    for number, value in itertools.chain.from_iterable(_batches(file)):
        yield Line(number, value, _key(value))


def _key(value: bytes) -> bytes | None:
    try:
        session_id = _decode_keyed(value).session_id
        return session_id.encode() if isinstance(session_id, str) else None
    except (ValueError, RecursionError):  # no JSON, no object, no UTF-8, half of a surrogate pair
        return None


def _texts(file: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """As `_batches`, without a byte order mark before the first line, as Windows' tools write it."""
    batches = _batches(file)
    for batch in itertools.islice(batches, 1):
        number, line = batch[0]
        yield [(number, without_bom(line)), *batch[1:]]
    yield from batches


def _batches(file: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines without their line feeds, many at a time."""
    numbered = enumerate((line.removesuffix(b"\n") for line in file), 1)
    while batch := list(itertools.islice(numbered, _LINES_AT_ONCE)):
        yield batch
