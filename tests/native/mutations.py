"""Feed a kernel damaged records and events: whatever it makes of them, it must stay within its memory.

Usage: python -m tests.native.mutations LIBRARY SEED COUNT, with a library that was built with sanitizers: those end the
process at the first mistake. Prints how many of the damaged records were taken in.
"""

import random
import sys
from pathlib import Path
from unittest import mock

from burnline.ledger.identity import key_of
from burnline.native import binding
from burnline.native.kernel import Kernel
from burnline.native.ledger import NativePartitionLedger
from tests.ledger.examples import PARTITION, T0, TOPIC
from tests.native.reading import by_kernel
from tests.native.test_kernel import SKEW_MS, Both, event

FLUSH_EVERY = 1_000
LATE_MS = 10**14
PIECES = (*(bytes([each]) for each in b'"{}[],:-\\0e.=\xff'), b"9" * 20, b"null", b"A" * 4_000)


def damaged(draw: random.Random, value: bytes) -> bytes:
    """The value with a few bytes changed, gone, or too many."""
    text = bytearray(value)
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(text) + 1)
        match draw.choice(["change", "cut", "add", "repeat", "end"]):
            case "change" if at < len(text):
                text[at] = draw.randrange(256)
            case "cut":
                del text[at : at + draw.randrange(1, 40)]
            case "add":
                text[at:at] = draw.choice(PIECES)
            case "repeat":
                text[at:at] = text[draw.randrange(len(text) + 1) :][: draw.randrange(200)]
            case _:
                text = text[:at]
    return bytes(text)


def records(draw: random.Random) -> tuple[list[tuple[bytes, bytes]], Kernel]:
    """Ledger records (name, value) as workers write them, and an empty kernel that could hold them."""
    both = Both(draw)
    written: dict[bytes, bytes] = {}
    for _ in range(20):
        both.feed()
        both.flush()
        written |= both.topics[0]
    return list(written.items()), NativePartitionLedger(TOPIC, PARTITION, both.policies[1], both.retention)._kernel


def flush(kernel: Kernel) -> None:
    """Read everything that was taken in."""
    kernel.take_sessions()
    kernel.take_rows(LATE_MS)
    kernel.take_quiet(LATE_MS // 10_000)
    kernel.take_idle(LATE_MS, FLUSH_EVERY)


def main(library: Path, seed: int, count: int) -> int:
    """How many of `count` damaged records were taken in."""
    with mock.patch.object(binding, "LIBRARY", library):
        binding.library()  # and from now on this one
    draw = random.Random(seed)  # noqa: S311  # a schedule that can be played again
    whole, kernel = records(draw)
    taken = 0
    for number in range(count):
        name, record = draw.choice(whole)
        taken += kernel.take_in(key_of(name) or "", damaged(draw, record))
        value = event(draw, T0)
        if value:
            value = damaged(draw, value)
            by_kernel(value, log_ms=T0, skew_ms=SKEW_MS)
        if number % FLUSH_EVERY == 0:
            flush(kernel)
    flush(kernel)
    return taken


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))}\n")
