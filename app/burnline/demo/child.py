"""The demo's worker, projector and API: processes of their own, exactly as an operator would start them."""

import http.client
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from burnline.embedded.asking import ask
from burnline.embedded.process import OwnedProcess
from burnline.settings import ENV_PREFIX

READY_WITHIN_S = 60.0
_GRACE_S = 3.0
_POLL_S = 0.05
_TAIL_CHARACTERS = 4_000


class ChildFailed(RuntimeError):
    """A child ended by itself, or did not get ready."""


class Program(NamedTuple):
    """A command of `burnline` that serves: its name, what people call it, and where it answers over HTTP."""

    command: str
    title: str
    url: str


class ChildProcess:
    """`burnline <command>` as a child that hears no Ctrl-C of the terminal and never outlives the demo.

    Args:
        program: What to start.
        overrides: Settings (by field name) that go before the environment's.
        folder: For what it logs, in `<command>.log`.
    """

    def __init__(self, program: Program, overrides: Mapping[str, Any], folder: Path) -> None:
        self.program = program
        self._asked = False
        self._log = folder / f"{program.command}.log"
        env = {ENV_PREFIX + name.upper(): str(value) for name, value in overrides.items()}
        # -P: a folder `app` where the demo is started from is not ours.
        command = [sys.executable, "-P", "-m", "burnline", program.command]
        with self._log.open("wb") as output:
            self._process = OwnedProcess(command, output=output, env={**os.environ, **env})

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_until_ready(self, check: Callable[[], None]) -> None:
        """Wait until its `/readyz` says that it does its work.

        Args:
            check: Called between tries; raises to give up, as when this or another child has ended.

        Raises:
            ChildFailed: It is not ready in time.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while not _ready(f"{self.program.url}/readyz"):
            check()
            if time.monotonic() > deadline:
                raise ChildFailed(self._said(f"is not ready after {READY_WITHIN_S:g} s"))
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raise `ChildFailed`, with the end of its log, if it has ended."""
        code = self._process.exit_code
        if code is not None:
            raise ChildFailed(self._said(f"ended by itself with code {code}"))

    def ask_to_end(self) -> None:
        """Let it finish, without waiting for it. Once only: to the API a second time would mean at once."""
        if not self._asked:
            self._asked = True
            self._process.ask_to_end()

    def stop(self) -> None:
        """Let it finish and end; kill it when that takes too long."""
        self.ask_to_end()
        self._process.end(grace_s=_GRACE_S)

    def _said(self, what: str) -> str:
        tail = self._log.read_text(errors="replace")[-_TAIL_CHARACTERS:].strip() or "(empty)"
        return f"The {self.program.title} {what}. Its log:\n{tail}"


def _ready(url: str) -> bool:
    try:
        ask(url, timeout_s=1)
    except (OSError, http.client.HTTPException):
        return False
    return True
