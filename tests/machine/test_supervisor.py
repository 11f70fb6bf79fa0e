"""Parts are started, found ready, started again and ended in order: with real processes and a clock by hand."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burnline.machine.supervisor import Change, Part, PartFailed, State, Supervisor

WITHIN_S = 60.0
SLEEP = ["/bin/sh", "-c", "exec sleep 600"]


class Watched:
    """A supervisor, what it has said, and the time it believes in."""

    def __init__(self, folder: Path) -> None:
        self.said: list[Change] = []
        self.now_s = 0.0
        self.supervisor = Supervisor(self.said.append, lambda: self.now_s)
        self._folder = folder

    def part(self, name: str, command: list[str] | Callable[[], list[str]], *, server: bool = False) -> Part:
        made = command if callable(command) else lambda: command
        return Part(name, made, os.environ, self._folder / f"{name}.log", lambda: True, WITHIN_S, server=server)

    def until(self, state: State) -> Change:
        """Step until this is said."""
        deadline = time.monotonic() + WITHIN_S
        while not (self.said and self.said[-1].state is state):
            assert time.monotonic() < deadline, self.said
            self.supervisor.step()
            time.sleep(0.01)
        return self.said[-1]

    def check_until_it_fails(self) -> None:
        """Ask again and again whether all went well so far."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            self.supervisor.check()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.supervisor.stop()


def test_a_part_is_started_and_found_ready(watched: Watched) -> None:
    watched.supervisor.start(watched.part("worker", SLEEP))
    assert watched.supervisor.waiting() == ["worker"]
    pid = watched.until(State.READY).pid
    assert watched.said[0] == Change("worker", State.STARTED, pid=pid)
    assert watched.supervisor.waiting() == []


def test_one_that_is_killed_is_started_again_when_it_is_time(watched: Watched) -> None:
    watched.supervisor.start(watched.part("worker", SLEEP))
    first = watched.until(State.READY).pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    ended = watched.until(State.ENDED)
    assert (ended.code, ended.again_in_s) == (-signal.SIGKILL, 1)
    watched.now_s = 0.9
    watched.supervisor.step()
    assert watched.said[-1] is ended
    watched.now_s = 1.0
    assert watched.until(State.READY).pid != first


def test_one_that_cannot_be_started_again_is_tried_again(watched: Watched) -> None:
    commands: Iterator[list[str] | OSError] = iter([SLEEP, OSError("no room"), SLEEP])

    def command() -> list[str]:
        given = next(commands)
        if isinstance(given, OSError):
            raise given
        return given

    watched.supervisor.start(watched.part("kafka", command))
    os.kill(watched.until(State.READY).pid or 0, signal.SIGKILL)
    watched.until(State.ENDED)
    watched.now_s = 1.0
    watched.supervisor.step()
    assert watched.said[-1] == Change("kafka", State.ENDED, again_in_s=2, why="no room")
    watched.now_s = 3.0
    watched.until(State.READY)


def test_a_first_start_that_fails_says_what_the_part_said(watched: Watched) -> None:
    watched.supervisor.start(watched.part("api", ["/bin/sh", "-c", "echo no token; exit 2"]))
    with pytest.raises(PartFailed, match=r"(?s)^api ended by itself with code 2\. .*api\.log ends with:\nno token$"):
        watched.check_until_it_fails()


def test_servers_end_last(watched: Watched) -> None:
    watched.supervisor.start(watched.part("kafka", SLEEP, server=True))
    watched.supervisor.start(watched.part("worker", SLEEP))
    watched.supervisor.stop()
    assert watched.said[2:] == [Change("worker", State.STOPPED), Change("kafka", State.STOPPED)]
    watched.supervisor.stop()
    assert len(watched.said) == 4
