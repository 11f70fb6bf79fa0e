"""Keeps parts running: each is started, asked whether it is at work, and started again when it has ended.

One thread; `step` is called again and again and never waits for longer than a part takes to say whether it is ready.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from burnline.embedded.process import OwnedProcess
from burnline.machine.backoff import Backoff

_TAIL_CHARACTERS = 2_000


class State(StrEnum):
    """What has become of a part."""

    STARTED = "started"
    READY = "ready"
    ENDED = "ended"
    STOPPED = "stopped"


class Change(NamedTuple):
    """A part and what has become of it.

    Attributes:
        part: Its name.
        state: What it is by now.
        pid: Its process, while it runs.
        code: With which it ended by itself; negative for a signal.
        again_in_s: After how long it is started again.
        why: What kept it from starting, if it did not come to run.
    """

    part: str
    state: State
    pid: int | None = None
    code: int | None = None
    again_in_s: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One process to be kept running.

    Attributes:
        name: What people call it.
        command: Says what to run, anew for each start.
        env: Its environment.
        log: Where its output goes, appended.
        ready: Whether it does its work; asked while it runs.
        grace_s: How long it may take to end in order.
        server: Others work with it: it ends when they have.
    """

    name: str
    command: Callable[[], Sequence[str]]
    env: Mapping[str, str]
    log: Path
    ready: Callable[[], bool]
    grace_s: float
    server: bool = False


class PartFailed(RuntimeError):
    """A part has ended by itself before it was at work for the first time."""


@dataclass(slots=True)
class _Running:
    part: Part
    process: OwnedProcess | None = None
    started_s: float = 0.0
    due_s: float = 0.0
    ready: bool = False
    backoff: Backoff = field(default_factory=Backoff)


class Supervisor:
    """The parts that were started, in the order of their first start."""

    def __init__(self, say: Callable[[Change], None], clock: Callable[[], float]) -> None:
        """Hold nothing yet.

        Args:
            say: Is told of each change.
            clock: Seconds, from anywhere; only differences count.
        """
        self._say, self._clock = say, clock
        self._parts: dict[str, _Running] = {}

    def start(self, part: Part) -> None:
        """Start a part for the first time."""
        self._parts[part.name] = _Running(part)
        self._launch(self._parts[part.name])

    def step(self) -> None:
        """Look after every part: ended ones are started again when it is time, new ones are asked if they are ready."""
        for running in self._parts.values():
            if running.process is None:
                if self._clock() >= running.due_s:
                    self._launch_again(running)
            elif (code := running.process.exit_code) is not None:
                self._ended(running, code, ran_s=self._clock() - running.started_s)
            elif not running.ready and running.part.ready():
                running.ready = True
                self._say(Change(running.part.name, State.READY, pid=running.process.pid))

    def waiting(self) -> list[str]:
        """The parts that are not at work, or not yet."""
        return [name for name, running in self._parts.items() if not running.ready]

    def check(self) -> None:
        """For a first start.

        Raises:
            PartFailed: A part has ended since; with the end of its log.
        """
        for running in self._parts.values():
            if running.process is not None and (code := running.process.exit_code) is not None:
                raise PartFailed(self.told(running.part.name, f"ended by itself with code {code}"))

    def told(self, name: str, what: str) -> str:
        """A sentence about a part, with the end of its log."""
        log = self._parts[name].part.log
        tail = log.read_text(errors="replace")[-_TAIL_CHARACTERS:].strip() or "(empty)"
        return f"{name} {what}. {log} ends with:\n{tail}"

    def stop(self) -> None:
        """End all parts in order, side by side, servers when the others have ended; kill what takes too long."""
        for servers in (False, True):
            ending = [running for running in self._parts.values() if running.part.server is servers]
            for running in ending:
                if running.process is not None:
                    running.process.ask_to_end()
            for running in ending:
                if running.process is not None:
                    running.process.end(grace_s=running.part.grace_s)
                    running.process, running.ready = None, False
                    self._say(Change(running.part.name, State.STOPPED))

    def _launch(self, running: _Running) -> None:
        part = running.part
        with part.log.open("ab") as log:
            running.process = OwnedProcess(part.command(), output=log, env=dict(part.env))
        running.started_s, running.ready = self._clock(), False
        self._say(Change(part.name, State.STARTED, pid=running.process.pid))

    def _launch_again(self, running: _Running) -> None:
        try:
            self._launch(running)
        except (OSError, RuntimeError) as error:  # no room on the disk, say: it may be there later
            self._ended(running, None, ran_s=0, why=str(error))

    def _ended(self, running: _Running, code: int | None, *, ran_s: float, why: str = "") -> None:
        pause_s = running.backoff.pause_s(ran_s)
        running.process, running.ready, running.due_s = None, False, self._clock() + pause_s
        self._say(Change(running.part.name, State.ENDED, code=code, again_in_s=pause_s, why=why))
