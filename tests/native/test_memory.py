"""What no input may do to the kernel: reach beyond its memory, or count past its integers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from burnline.ledger import record
from burnline.ledger.identity import ledger_key
from burnline.ledger.partition import Retention
from burnline.ledger.session import Ledger, ModelSums
from burnline.native.kernel import Kernel
from hatch_build import SOURCES
from tests.ledger.examples import PARTITION, policy

MOST_PICO_USD = 2**60
"""Above it amounts are Python's to count."""
SANITIZERS = ("asan", "ubsan")
DAMAGED = 100_000


@pytest.mark.needs_system("linux")
@pytest.mark.needs_tool("gcc")
def test_damaged_records_and_events_do_no_damage(tmp_path: Path) -> None:
    library = tmp_path / "libkernel.so"
    watched = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(
        ["gcc", "-std=c11", "-O1", "-g", "-fPIC", "-shared", *watched, "-o", library, *SOURCES, "-lm"], check=True
    )
    found = [
        subprocess.run(
            ["gcc", f"-print-file-name=lib{name}.so"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in SANITIZERS
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.native.mutations", library, "1", str(DAMAGED)],
        # Python itself leaks at its end, by design.
        env=os.environ | {"LD_PRELOAD": " ".join(found), "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert 0 < int(done.stdout) < DAMAGED / 10, "damage that is always or never noticed is none"


@pytest.mark.parametrize(
    ("pico_usd", "held"),
    [
        pytest.param(MOST_PICO_USD, True, id="the-most"),
        pytest.param(MOST_PICO_USD + 1, False, id="a-pico-more"),
        pytest.param(2**63 - 1, False, id="the-most-of-64-bits"),
        pytest.param(2**63, False, id="more-than-64-bits"),
        pytest.param(9_999_999 * 10**12, False, id="seven-digits-of-dollars"),
        pytest.param(2**64, False, id="what-would-be-nothing-in-64-bits"),
    ],
)
def test_amounts_too_large_for_it_are_left_to_python(pico_usd: int, held: bool) -> None:  # noqa: FBT001
    ledger = Ledger("s", "acme", "a", PARTITION, 1_700_000_000_000)
    ledger.last_offset = 1
    sums = ledger.models["gpt-4o"] = ModelSums()
    sums.cost_pico_usd = pico_usd
    kernel = Kernel(PARTITION, policy().rule, Retention(slices=60, duplicate_ids=64))
    assert kernel.take_in(ledger_key("acme", "s"), record.encode(ledger)) is held
