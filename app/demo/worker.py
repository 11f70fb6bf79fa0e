"""The demo's worker: a process of its own, exactly as an operator would start one."""

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.embedded.process import OwnedProcess
from app.settings import ENV_PREFIX

READY_WITHIN_S = 60.0
_GRACE_S = 3.0
_POLL_S = 0.05
_TAIL_CHARACTERS = 4_000


class WorkerFailed(RuntimeError):
    """The worker ended by itself, or did not get ready."""


class WorkerProcess:
    """`burnline worker` as a child that hears no Ctrl-C of the terminal and never outlives the demo.

    Args:
        overrides: Settings (by field name) that go before the environment's.
        log: File for what it logs.
    """

    def __init__(self, overrides: Mapping[str, Any], log: Path) -> None:
        self._log = log
        env = {ENV_PREFIX + name.upper(): str(value) for name, value in overrides.items()}
        # -P: a folder `app` where the demo is started from is not ours.
        command = [sys.executable, "-P", "-m", "app", "worker"]
        with log.open("wb") as output:
            self._process = OwnedProcess(command, output=output, env={**os.environ, **env})

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_until_ready(self, url: str, check: Callable[[], None]) -> None:
        """Wait until the worker owns partitions and counts.

        Args:
            url: Its `/readyz`.
            check: Called between tries; raises to give up.

        Raises:
            WorkerFailed: It has ended, or is not ready in time.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while not _answers(url):
            check()
            self.check()
            if time.monotonic() > deadline:
                raise WorkerFailed(f"The worker is not ready after {READY_WITHIN_S:g} s. Its log:\n{self._tail()}")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raise `WorkerFailed`, with the end of its log, if the worker has ended."""
        code = self._process.exit_code
        if code is not None:
            raise WorkerFailed(f"The worker ended by itself with code {code}. Its log:\n{self._tail()}")

    def stop(self) -> None:
        """Let it flush and end; kill it when that takes too long."""
        self._process.terminate(grace_s=_GRACE_S)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-_TAIL_CHARACTERS:].strip() or "(empty)"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  # our own http address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
