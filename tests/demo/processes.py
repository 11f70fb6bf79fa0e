"""Runs of `burnline demo` as a process of its own, and a look at what they leave behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

MARK = "BURNLINE_TEST_MARK"
"""Environment variable that every process of a run inherits; no setting, so nobody minds it."""
_POLL_S = 0.02


class DemoProcess:
    """One `burnline demo`, started as a shell would start it: in a process group of its own."""

    def __init__(self, *arguments: str, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.mark = uuid.uuid4().hex
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "burnline", "demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder), **(env or {}), MARK: self.mark},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has said so far."""
        return "".join(self._lines)

    def wait_for_line(self, pattern: str) -> str:
        """Read until a line matches."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"ended without a line like {pattern}:\n{self.output}")

    def wait_for_child(self, program: str) -> int:
        """Wait until a process of the run has `program` in its command line."""
        while True:
            for pid, command in self.family().items():
                if pid != self.pid and program in command:
                    return pid
            assert self._process.poll() is None, self.output
            time.sleep(_POLL_S)

    def family(self) -> dict[int, str]:
        """All processes of the run that are alive, with their command lines."""
        return marked(self.mark)

    def interrupt(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as a terminal does with Ctrl-C."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def end(self, timeout_s: float) -> int:
        """Wait for the end; says the exit code."""
        assert self._process.stdout is not None
        output, _ = self._process.communicate(timeout=timeout_s)
        self._lines.append(output)
        return self._process.returncode

    def remove(self) -> None:
        """End whatever is left of the run, so that a failed test leaves nothing either."""
        for pid in [self.pid, *self.family()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.communicate()


@contextlib.contextmanager
def demo(*arguments: str, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[DemoProcess]:
    """A run that is over, and all its processes with it, when the context ends."""
    process = DemoProcess(*arguments, folder=folder, env=env)
    try:
        yield process
    finally:
        process.remove()


def marked(mark: str) -> dict[int, str]:
    """Processes that have the mark in their environment, and are no zombies: pid and command line."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found
