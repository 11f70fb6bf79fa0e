"""Where a running demo can be found by a command beside it: a small file, locked for as long as the demo runs.

The lock is the kernel's and goes with the process, however it ends: a file that is left behind is not locked, and says
nothing. It lies in a folder that only this user can write to.
"""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from burnline.settings import Settings

_FILE: Final = "burnline-demo.json"
_NAMED: Final = ("kafka_bootstrap_servers", "topic_prefix", "app_id", "redis_url", "redis_prefix")


class Found(NamedTuple):
    """A running demo: its process, and the settings that lead to it, by field name."""

    pid: int
    settings: dict[str, str]


@contextmanager
def lit(settings: Settings, folder: Path | None = None) -> Iterator[None]:
    """Say where this demo is while the context lasts; of several demos of one user, the newest is found."""
    file = (folder or _folder()) / _FILE
    partial = file.with_name(f"{_FILE}.{os.getpid()}")
    content = {"pid": os.getpid(), "settings": {name: getattr(settings, name) for name in _NAMED}}
    with partial.open("w", encoding="utf-8") as open_file:
        fcntl.flock(open_file, fcntl.LOCK_EX)
        open_file.write(json.dumps(content))
        open_file.flush()
        partial.replace(file)
        try:
            yield
        finally:
            if file.exists() and os.path.samestat(file.stat(), os.fstat(open_file.fileno())):
                file.unlink()
            if file.parent == _own():
                with suppress(OSError):  # another demo of this user is still in it
                    file.parent.rmdir()


def find_demo(folder: Path | None = None) -> Found | None:
    """The demo that this user runs on this machine, if there is one."""
    try:
        with ((folder or _folder()) / _FILE).open(encoding="utf-8") as file:
            if not _locked(file.fileno()):
                return None
            content = json.load(file)
        return Found(int(content["pid"]), {name: str(content["settings"][name]) for name in _NAMED})
    except (OSError, ValueError, KeyError, TypeError):  # none, or not written by a demo of this version
        return None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _folder() -> Path:
    """This user's folder for what lasts as long as a process.

    Raises:
        PermissionError: There is one by that name that others can write to.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir():
        return Path(given)
    own = _own()
    own.mkdir(mode=0o700, exist_ok=True)
    about = own.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(f"{own} does not belong to this user alone")
    return own


def _own() -> Path:
    """Where there is no folder of the session: one of ours, which goes with the last demo in it."""
    return Path(tempfile.gettempdir()) / f"burnline-{os.getuid()}"
