"""Fuzz the kernel: programs of events, records and flushes (`fuzz/target.c`), guided by what they reach in the code.

Usage: python -m tests.native.fuzzing [--seconds 600] [--seed 1] [--corpus .cache/fuzz/corpus]. The target is built
under ASan and UBSan, with libFuzzer where there is clang, else with gcc and the driver in `fuzz/driver.c`. What reaches
further is kept in the corpus by libFuzzer alone. The first mistake ends it: what it says is printed, and the input
stands beside the corpus.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from hatch_build import ROOT, SOURCES
from tests.ledger.examples import T0
from tests.native.mutations import records
from tests.native.test_kernel import event

FUZZ = Path(__file__).with_name("fuzz")
NATIVE = ROOT / "app/burnline/native/src"
CHECKED = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STEP, KEY_END = b"\x1e", b"\x1f"
PROGRAMS = 60


class Fuzzer(NamedTuple):
    """How to build the target with one of the compilers."""

    compiler: str
    target: tuple[str, ...]
    """Flags for what is watched: the target, with the kernel in it."""
    link: tuple[str, ...]


FUZZERS = (
    Fuzzer("clang", ("-fsanitize=fuzzer",), ("-fsanitize=fuzzer",)),
    Fuzzer("gcc", ("-fsanitize-coverage=trace-pc",), (str(FUZZ / "driver.c"),)),
)


def build(folder: Path, fuzzer: Fuzzer) -> Path:
    """The fuzzer as a program in `folder`."""
    compile_, watched, program = [fuzzer.compiler, *CHECKED, f"-I{NATIVE}"], folder / "target.o", folder / "fuzzer"
    subprocess.run([*compile_, *fuzzer.target, "-c", FUZZ / "target.c", "-o", watched], check=True)
    others = [source for source in SOURCES if source.name != "kernel.c"]  # which the target holds already
    subprocess.run([*compile_, watched, *others, *fuzzer.link, "-lm", "-o", program], check=True)
    return program


def write_programs(folder: Path, seed: int) -> None:
    """Inputs to begin with: what workers read, write and do."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)  # noqa: S311  # a schedule that can be played again
    written, _ = records(draw)
    for number in range(PROGRAMS):
        steps = [_step(draw, written) for _ in range(draw.randrange(1, 12))]
        (folder / f"program-{number}").write_bytes(b"".join(STEP + step for step in steps))


def _step(draw: random.Random, written: list[tuple[bytes, bytes]]) -> bytes:
    name, record = draw.choice(written)
    org_id, session_id = _parts(name)
    key = org_id + b"\n" + session_id
    usual = b"e" + (event(draw, T0) or b"")
    return draw.choice([usual, usual, usual, b"r" + key + KEY_END + record, b"d" + key, b"f", b"i33", b"t", b"c"])


def _parts(name: bytes) -> list[bytes]:
    return [part.encode() for part in json.loads(name)]


def run(fuzzer: Path, corpus: Path, seconds: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Run it for so long, beside its corpus."""
    command = [str(fuzzer), str(corpus), f"-max_total_time={seconds}", f"-seed={seed}"]
    env = os.environ | {"UBSAN_OPTIONS": "print_stacktrace=1:abort_on_error=1", "ASAN_OPTIONS": "abort_on_error=1"}
    return subprocess.run(command, cwd=corpus.parent, env=env, capture_output=True, text=True, check=False)


def main() -> int:
    """Fuzz, and say what was found; 1 if something was, 2 if there is no compiler for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=ROOT / ".cache/fuzz/corpus")
    arguments = parser.parse_args()
    fuzzer = next((each for each in FUZZERS if shutil.which(each.compiler)), None)
    if fuzzer is None:
        sys.stderr.write("Fuzzing the kernel needs clang or gcc, and there is neither.\n")
        return 2
    corpus: Path = arguments.corpus.resolve()
    write_programs(corpus, arguments.seed)
    sys.stderr.write(f"Building with {fuzzer.compiler}, then {arguments.seconds} s of inputs from {corpus}.\n")
    done = run(build(corpus.parent, fuzzer), corpus, arguments.seconds, arguments.seed)
    sys.stdout.write((done.stdout + done.stderr)[-4_000:])
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
