"""Names that publishers make up: they cannot slow the kernel down, and it does not keep them for ever."""

import hashlib
import json
import os
import random
import subprocess
import sys
from array import array
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from burnline.ledger.changes import MAX_UNPRICED_TOLD
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import NAMES_PER_CARD, Policy
from burnline.ledger.usage_rollups import LINGER_MS, MANY_ROWS, MAX_ROWS, QUARTER_MS
from burnline.native.binding import library
from burnline.native.kernel import Kernel
from burnline.native.ledger import NativePartitionLedger
from tests.ledger.examples import BOOK, PARTITION, RULE, T0, TOPIC, baselines_of, policy, publish, usage
from tests.native.test_kernel import summary

if TYPE_CHECKING:
    from collections.abc import Iterator

RETAINED = Retention(slices=7, duplicate_ids=64, partition_ids=50_000)
LONGEST_PROBE = 400
"""Keyed hashes, tables two thirds full: the longest search takes 30 to 90 steps. What collides takes thousands."""
TEXT_LIMIT = 65_536


def native(of: Policy | None = None) -> tuple[NativePartitionLedger, Kernel]:
    ledger = NativePartitionLedger(TOPIC, PARTITION, of or policy(), RETAINED)
    return ledger, ledger._kernel


class TestHash:
    """It is SipHash-1-3, with a key of its own in each process."""

    def test_it_is_that_of_python_which_has_all_zeros_as_its_key_when_asked(self) -> None:
        texts = [hashlib.sha256(bytes([length])).digest() * 3 for length in range(64)]
        texts = [text[: length + 1] for length, text in enumerate(texts)]
        code = f"print([hash(text) for text in {texts!r}], __import__('sys').hash_info.algorithm)"
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found, _, algorithm = done.stdout.strip().rpartition(" ")
        assert algorithm == "siphash13"
        ours = [library().kernel_siphash13(0, 0, text, len(text)) for text in texts]
        assert str([hashed - (hashed >> 63 << 64) for hashed in ours]) == found

    def test_every_process_has_another_key(self) -> None:
        """Which key it is shows in where things stand: in what order a table's values are found."""
        code = "from burnline.native import binding; from unittest import mock\n"
        code += "with mock.patch('secrets.randbits') as drawn:\n"
        code += "    drawn.return_value = 7\n    binding.library()\n    print(drawn.call_count)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "2\n"


_WORD = (1 << 64) - 1


def _fold(a: int, b: int) -> int:
    product = a * b
    return (product ^ product >> 64) & _WORD


def colliding(length_words: int = 2) -> "Iterator[str]":
    """Texts of 16 characters that all had one hash when the tables' hash had no key: it folded 64-bit products."""
    draw = random.Random(7)  # noqa: S311  # the same each time
    wanted = 0x5555555555555555
    start = (8 * length_words * 0x9E3779B97F4A7C15) & _WORD
    while True:
        first = draw.randbytes(8).translate(_PRINTABLE)
        hashed = _fold(start ^ int.from_bytes(first, "little"), 0xD6E8FEB86659FD93)
        second = (hashed ^ wanted).to_bytes(8, "little")
        if not second.translate(None, _PLAIN):
            yield (first + second).decode()


_PLAIN = bytes(byte for byte in range(0x21, 0x7F) if byte not in b'"\\')
_PRINTABLE = bytes(_PLAIN[byte % len(_PLAIN)] for byte in range(256))


def test_names_that_once_collided_do_not() -> None:
    ledger, kernel = native()
    names = list(islice(colliding(), 200))
    publish(ledger, *(usage(event_id=name, session_id=name, model=name, agent_id=name, org_id=name) for name in names))
    assert len(ledger) == len(names) == len(set(names))
    assert kernel.longest_probe <= LONGEST_PROBE


@pytest.mark.parametrize("shift", [17, 24, 40], ids=["low-17-bits", "low-24-bits", "low-40-bits"])
def test_fingerprints_with_equal_low_bits_do_not_stand_in_one_row(shift: int) -> None:
    """Their hash has no key, and where they stood followed from it: event ids could be chosen that all collide."""
    _, kernel = native()
    fingerprints = array("Q", [number << shift for number in range(1, 20_001)])
    kernel.restore_ids(fingerprints, bytes(len(fingerprints)), newest=False)
    for fingerprint in fingerprints:
        kernel.remember(fingerprint ^ 1, 1)
    assert kernel.longest_probe <= LONGEST_PROBE
    assert all((kernel.mark_of(each), kernel.mark_of(each ^ 1)) == (0, 1) for each in fingerprints)
    assert kernel.mark_of(0) is None


class TestMemory:
    """What nothing uses any more is forgotten, at a flush."""

    BATCH = 20_000

    def test_names_with_a_card_are_bounded(self) -> None:
        ledger, kernel = native(Policy(RULE, BOOK, baselines_of(), card_limit=5))
        publish(ledger, *(usage(event_id=f"e{each}", model=f"m{each % 120}") for each in range(240)))
        assert 0 < kernel.sizes.cards <= 5 * NAMES_PER_CARD
        counts = ledger.take_changes(T0).counts
        assert counts.unpriced.keys() == {f"m{each}" for each in range(120)}, "each was reported, however often"

    @pytest.mark.parametrize("make", [PartitionLedger, NativePartitionLedger])
    def test_a_flush_tells_a_bounded_number_of_models_without_a_rate_apart(self, make: type[PartitionLedger]) -> None:
        ledger = make(TOPIC, PARTITION, policy(), RETAINED)
        models = MAX_UNPRICED_TOLD + 50
        publish(
            ledger,
            *(usage(event_id=f"e{each}", session_id=f"s{each % 50}", model=f"m{each}") for each in range(models)),
            usage(event_id="known", model="gpt-4o"),
        )
        changes = ledger.take_changes(T0)
        assert len(changes.counts.unpriced) == MAX_UNPRICED_TOLD
        told = {activity.model: activity.sums[0] for activity in changes.activity}
        assert (len(told), told["other"], told["gpt-4o"]) == (MAX_UNPRICED_TOLD + 2, 50, 1)
        assert len(changes.usage_rollups) == models + 1, "what is written tells all of them apart"

    def test_names_of_rollup_rows_go_with_their_rows(self) -> None:
        ledger, kernel = native()
        held = []
        for number in range(16):
            start = number * self.BATCH
            names = range(start, start + self.BATCH)
            publish(
                ledger, *(usage(event_id=f"e{each}", team_id=f"t{each}", project_code=f"c{each}") for each in names)
            )
            ledger.take_changes(T0)
            held.append(kernel.sizes.texts)
        most_used = 2 * (MAX_ROWS + self.BATCH)
        assert max(held) <= 2 * most_used + 2 * self.BATCH, "at most as much again as was used when it looked last"
        assert held != sorted(held), "nothing was forgotten"

    @pytest.mark.parametrize(
        ("rows", "events"), [(MANY_ROWS, 2), (MANY_ROWS + 1, 1)], ids=["as many as may linger", "one more"]
    )
    def test_of_many_rows_those_whose_quarter_has_ended_go(self, rows: int, events: int) -> None:
        ledger, _ = native()
        names = range(rows - 1)
        publish(ledger, *(usage(event_id=f"e{each}", agent_id=f"a{each % 20}", team_id=f"t{each}") for each in names))
        publish(ledger, usage(event_id="now", occurred_at=T0 + QUARTER_MS))
        ledger.take_changes(T0)
        publish(ledger, usage(event_id="late", agent_id="a0", team_id="t0"))
        (row,) = (json.loads(value) for _, value in ledger.take_changes(T0).usage_rollups)
        assert row["events"] == events

    def test_owners_that_have_no_session_are_forgotten(self) -> None:
        ledger, kernel = native()
        for number in range(5):
            events = [usage(event_id=f"e{each}", agent_id=f"a{number}-{each}") for each in range(self.BATCH)]
            publish(ledger, *events)
            ledger.take_changes(T0)
        assert kernel.sizes.texts <= TEXT_LIMIT + self.BATCH
        assert kernel.sizes.owners <= TEXT_LIMIT + self.BATCH

    def test_what_is_used_is_counted_on_under_the_same_names(self) -> None:
        """Numbers change when names are forgotten: ledgers, rollups and reports must not."""
        both = [make(TOPIC, PARTITION, policy(), RETAINED) for make in (PartitionLedger, NativePartitionLedger)]
        long_ago = T0 - 2 * LINGER_MS  # their rollup rows are let go at once
        for number in range(5):
            some = [
                usage(event_id=f"{number}-{each}", session_id=f"s{each}", org_id=f"o{each % 7}", model=f"m{each % 3}",
                      team_id=f"t{each % 5}", agent_id=f"a{each % 2}", kind="run" if each % 4 else "llm")
                for each in range(40)
            ]  # fmt: skip
            noise = [
                usage(event_id=f"n{number}-{each}", agent_id=f"n{number}-{each}", occurred_at=long_ago)
                for each in range(self.BATCH)
            ]
            for ledger in both:
                publish(ledger, *some[:20], *noise, *some[20:])
            python, kernel = (summary(ledger.take_changes(T0)) for ledger in both)
            assert kernel == python
        held = both[1]
        assert isinstance(held, NativePartitionLedger)
        assert held._kernel.sizes.texts < 5 * self.BATCH, "nothing was forgotten"
