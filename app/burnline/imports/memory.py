"""What was imported already, on this machine: an import goes on where another one ended, and repeats nothing."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

_TABLE = "CREATE TABLE IF NOT EXISTS imported (target TEXT, event TEXT, PRIMARY KEY (target, event)) WITHOUT ROWID"


def default_file() -> Path:
    """`$XDG_STATE_HOME/burnline/imports.sqlite3`, below `~/.local/state` without it."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "burnline/imports.sqlite3"


class Memory:
    """The names of imported events, by where they were sent. A context: it closes its file.

    It saves sending them again; that a repeated id counts once is the ledger's to keep.

    Args:
        file: SQLite file, made with its folder where it is not there.
        target: Brokers, topic and organisation.
    """

    def __init__(self, file: Path, target: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._target = target
        self._database = sqlite3.connect(file)
        with self._database:
            self._database.execute(_TABLE)

    def __contains__(self, event: str) -> bool:
        asked = "SELECT 1 FROM imported WHERE target = ? AND event = ?"
        with closing(self._database.execute(asked, (self._target, event))) as found:
            return found.fetchone() is not None

    def add(self, events: Iterable[str]) -> None:
        """Remember events that the brokers have."""
        with self._database:
            self._database.executemany(
                "INSERT OR IGNORE INTO imported VALUES (?, ?)", [(self._target, each) for each in events]
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
