"""The folder that holds a machine's data: who uses it, and what lies where in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOG_MAX_BYTES = 10 * 1_048_576


class FolderInUse(RuntimeError):
    """Another `burnline up` works with this folder."""


def usual_folder() -> Path:
    """This user's folder for data that no program can make again."""
    given = os.environ.get("XDG_DATA_HOME")
    return (Path(given) if given else Path.home() / ".local" / "share") / "burnline"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Use the folder while the context lasts; made if it is not there, for this user alone.

    The lock is the kernel's and goes with this process, however it ends.

    Raises:
        FolderInUse: Another process holds it; says which.
        OSError: It cannot be made or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise FolderInUse(f"{folder} is in use by the `burnline up` of process {holder}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def log_file(folder: Path, part: str) -> Path:
    """Where a part logs; what is there already is set aside once it is long, and what was set aside before goes."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    file = logs / f"{part}.log"
    if file.is_file() and file.stat().st_size > _LOG_MAX_BYTES:
        file.replace(file.with_suffix(".log.1"))
    return file
