"""`burnline worker` whose first start fails, and who is asked to end at a moment that is hard to hit from outside.

    python -m tests.cli.failing_worker {never|closing|pausing|starting} SIGNAL

Its second start ends at once, with `SECOND_START`.
"""

import asyncio
import os
import signal
import sys
import threading
from typing import NoReturn

from burnline import composition
from burnline.cli.root import cli

SECOND_START = 7
"""Exit code of the second start."""
moment, number = "never", int(signal.SIGTERM)


def ask_to_end() -> None:
    """As an operator would, but in time."""
    os.kill(os.getpid(), number)


class FailingWorker(composition.Worker):
    """Starts for ever, and fails at once."""

    def __init__(self, *_: object) -> None:
        if "FAILED_BEFORE" in os.environ:
            os._exit(SECOND_START)
        os.environ["FAILED_BEFORE"] = "yes"

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def wait(self, *_: object) -> None:
        raise composition.WorkerFailed("made up") from RuntimeError("made up")

    async def stop(self) -> None:
        if moment == "closing":
            ask_to_end()  # and the loop does not run again before it is left


class Pause:
    """In place of the module `time`."""

    @staticmethod
    def sleep(_: float) -> None:
        if moment == "pausing":
            ask_to_end()


def start_anew(program: str, arguments: list[str]) -> NoReturn:
    """In place of `os.execv`; the signal comes when no Python code of the old program can answer any more."""
    if moment == "starting":
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    execv(program, arguments)


execv = os.execv

if __name__ == "__main__":
    moment, number = sys.argv[1], int(sys.argv[2])
    for module, name, stands_in in (
        (composition, "Worker", FailingWorker),
        (sys.modules["burnline.cli.worker"], "time", Pause),
        (os, "execv", start_anew),
    ):
        setattr(module, name, stands_in)
    cli(["worker"])
