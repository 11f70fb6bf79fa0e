"""Everything that a command writes, tables, JSON, errors and log, in characters that keep lines and terminals whole."""

import sys
from typing import Any, TextIO

from burnline.events.text import printable


class PrintableStream:
    """A text stream that escapes what `printable` does; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write; says how many characters were given, as a caller expects."""
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Put the guard before stdout and stderr, where consoles, Typer and logging find them."""
    sys.stdout, sys.stderr = PrintableStream(sys.stdout), PrintableStream(sys.stderr)
