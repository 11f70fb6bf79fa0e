"""What an importer gives: events, and rows that it could not read."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Found(NamedTuple):
    """A usage event without `org_id`, and without `agent_id` where the source names none; and where it stands."""

    event: dict[str, Any]
    where: str


class Unread(NamedTuple):
    """A row that could not be read, and why."""

    where: str
    why: str


OnBytes = Callable[[int], object]
"""Told how many bytes were read since it was told last."""


def epoch_ms_of(text: object) -> int:
    """A time as sources write it: ISO 8601 (UTC without an offset), or epoch seconds or milliseconds as a number.

    Raises:
        ValueError: It is none of them.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return round(text * 1_000) if text < 10**11 else round(text)
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no time")  # noqa: TRY004  # whoever calls asks for one error
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return epoch_ms_of(float(text))
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND


def whole_lines(file: Path, on_bytes: OnBytes) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a file that may be being written: the last one is left out while it has no end."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            on_bytes(len(line))
            if line.endswith(b"\n"):
                yield number, line


def files_below(path: Path, pattern: str) -> list[Path]:
    """The files that are meant by a path: itself, or those below it, in the order of their names.

    Raises:
        FileNotFoundError: There is no such path.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    return [path] if path.is_file() else sorted(each for each in path.rglob(pattern) if each.is_file())
