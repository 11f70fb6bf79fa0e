"""A program that belongs to this process: it hears no Ctrl-C of the terminal, and it never outlives its owner."""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_LAUNCHER = Path(__file__).with_name("launch.py")


class OwnedProcess:
    """A started program in a session of its own.

    Ctrl-C in a terminal reaches every process of the terminal's session, and a broker that dies at once takes its
    clients' last writes with it. Whoever owns the broker stops it in order instead. Should the owner be killed, Linux
    kills the program too; elsewhere it stays until it is stopped by hand.
    """

    def __init__(self, command: Sequence[str], *, output: IO[bytes], env: dict[str, str] | None = None) -> None:
        """Start `command` (its first item is a path); its stdout and stderr go to `output`."""
        started = threading.Event()
        failure: list[OSError] = []

        def run() -> None:
            try:
                self._process = _spawn(command, output, env)
            except OSError as error:
                failure.append(error)
                return
            finally:
                started.set()
            self._process.wait()

        # Linux sends the death signal when the *thread* that started the program ends: so this one lives as long.
        self._thread = threading.Thread(target=run, name=f"owner of {Path(command[0]).name}", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def ask_to_end(self) -> None:
        """Send it SIGTERM; it may take its time."""
        self._process.terminate()

    def end(self, *, grace_s: float) -> None:
        """Wait until it has ended, and kill it when it has not after `grace_s`."""
        self._thread.join(grace_s)
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), and wait until it has gone."""
        self._process.kill()
        self._thread.join()


def _spawn(command: Sequence[str], output: IO[bytes], env: dict[str, str] | None) -> subprocess.Popen[bytes]:
    # A launcher sets the death signal rather than Popen's preexec_fn, which may deadlock in a program with threads.
    return subprocess.Popen(  # noqa: S603  # the command is the caller's, never input
        [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=env,
    )
