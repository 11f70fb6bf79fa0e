"""A backup as a file: lines of JSON, packed with gzip; the first says what it is, the last that it is whole."""

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from burnline import __version__

FORMAT: Final = 1


class ArchiveError(ValueError):
    """The file is no backup, is not whole, or is of another format; says which."""


class Head(msgspec.Struct, frozen=True, tag="head", tag_field="kind"):
    """What a backup is.

    Attributes:
        format: Of the file.
        burnline: The version that wrote it.
        made_at_ms: When, epoch milliseconds.
        topics: How many partitions each topic had, by its role.
    """

    format: int
    burnline: str
    made_at_ms: int
    topics: dict[str, int]


class Item(msgspec.Struct, frozen=True, omit_defaults=True, tag="record", tag_field="kind"):
    """One record of a topic; `value` None deletes its key."""

    topic: str
    partition: int
    at_ms: int
    key: bytes
    value: bytes | None = None


class Token(msgspec.Struct, frozen=True, tag="token", tag_field="kind"):
    """One token's record, as it stands in Redis: without its secret, of which only a hash is known."""

    record: str


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind"):
    """How many lines stand between the head and this one."""

    lines: int


Line = Item | Token
_DECODER: Final = msgspec.json.Decoder(Head | Item | Token | End)


class Writer:
    """Writes a backup; the file is there, whole, once the context is left without an error."""

    def __init__(self, file: Path, topics: dict[str, int], now_ms: int) -> None:
        """Begin beside `file`, readable by this user alone."""
        self._file, self._partial = file, file.with_name(f"{file.name}.{os.getpid()}.partial")
        self._lines = 0
        self._raw = os.fdopen(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._packed = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=6, mtime=0)
        self._put(Head(FORMAT, __version__, now_ms, topics))

    def add(self, line: Line) -> None:
        """One more record or token."""
        self._put(line)
        self._lines += 1

    def _put(self, line: msgspec.Struct) -> None:
        self._packed.write(msgspec.json.encode(line) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._put(End(self._lines))
                self._packed.close()
                self._raw.flush()
                os.fsync(self._raw.fileno())
                self._partial.replace(self._file)
        finally:
            self._raw.close()
            self._partial.unlink(missing_ok=True)


def head_of(file: Path) -> Head:
    """What a backup is.

    Raises:
        ArchiveError: It is none, or of another format.
        OSError: It cannot be read.
    """
    return _head(next(_lines(file), None), file)


def read(file: Path) -> Iterator[Line]:
    """Its records and tokens, in the order in which they were written.

    Raises:
        ArchiveError: It is no backup, of another format, damaged or not whole. Whoever must not act on half a backup
            reads it to its end first.
        OSError: It cannot be read.
    """
    lines, found = _lines(file), 0
    _head(next(lines, None), file)
    for line in lines:
        if isinstance(line, End):
            if line.lines != found or next(lines, None) is not None:
                raise ArchiveError(f"{file} is not whole: {found:,} lines of {line.lines:,}")
            return
        if isinstance(line, Head):
            raise ArchiveError(f"{file}: a second beginning after {found:,} lines")
        found += 1
        yield line
    raise ArchiveError(f"{file} is not whole: it breaks off after {found:,} lines")


def _head(line: object, file: Path) -> Head:
    if not isinstance(line, Head):
        raise ArchiveError(f"{file} is no backup of Burnline")
    if line.format != FORMAT:
        raise ArchiveError(f"{file}: format={line.format}: this is Burnline for format {FORMAT}")
    return line


def _lines(file: Path) -> Iterator[Head | Item | Token | End]:
    try:
        with gzip.open(file, "rb") as packed:
            for line in packed:
                yield _DECODER.decode(line)
    except (gzip.BadGzipFile, EOFError, zlib.error, msgspec.MsgspecError) as error:
        raise ArchiveError(f"{file} is damaged, or no backup: {error}") from error
