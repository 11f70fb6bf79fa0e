"""Runs a program of a user and prints the usage events that it publishes, one JSON object a line."""

import json
import sys
import threading
import time
from typing import Any

PATIENCE_S = 60.0


class Printing:
    """A publisher that prints."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self._enough = threading.Event()

    def publish(self, event: dict[str, Any], /) -> bool:
        print(json.dumps(event), flush=True)
        self._left -= 1
        if self._left <= 0:
            self._enough.set()
        return True

    def wait(self) -> None:
        """Until all events that are expected have come: some loggers have threads of their own."""
        self._enough.wait(PATIENCE_S)
        time.sleep(0.2)  # one too many would show


def main() -> None:
    program, expected = sys.argv[1:]
    publisher = Printing(int(expected))
    import burnline.metering.recorder

    burnline.metering.recorder.shared_publisher = lambda: publisher  # type: ignore[assignment,return-value]
    with open(program, encoding="utf-8") as text:  # noqa: PTH123  # as short as it gets
        exec(compile(text.read(), program, "exec"), {"__name__": "__main__"})  # noqa: S102  # what it is for
    publisher.wait()


main()
