"""`python -m tests.relay.dying POINT otel …`: the command, which kills itself at a point of its first transaction."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from confluent_kafka import Producer

POINTS = ("before produce", "after send_offsets_to_transaction", "after commit_transaction")
NTH_PRODUCE = 60
"""In the midst of the events of a batch."""


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def dying(point: str) -> Callable[..., Any]:
    """A producer that dies there."""
    moment, _, method = point.partition(" ")
    calls = 0

    def instead(self: Producer, *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        due = method != "produce" or calls == NTH_PRODUCE
        if due and moment == "before":
            self.flush(10)  # what was produced is with the brokers, as it is when a batch is large
            _die()
        answer = getattr(super(Dying, self), method)(*arguments, **options)
        if due:
            self.poll(1)
            _die()
        return answer

    class Dying(Producer):
        pass

    setattr(Dying, method, instead)
    return Dying


def main() -> None:
    """Run the command line with such a producer."""
    from burnline.cli import main as command
    from burnline.relay import runner

    point = sys.argv.pop(1)
    vars(runner)["Producer"] = dying(point)
    command()


if __name__ == "__main__":
    main()
