"""A few seconds of the fuzzer (`make fuzz` runs it for ten minutes), and that it would see a mistake."""

from pathlib import Path

import pytest

from tests.native import fuzzing
from tests.native.fuzzing import CHECKED, FUZZERS, build, run, write_programs

SECONDS = 6
GCC = FUZZERS[1]
MISTAKE = """
#include <stddef.h>
#include <stdlib.h>
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    if (size > 1 && bytes[0] == 'f')
        if (bytes[1] == 'l')
            if (size > 2 && bytes[2] == 'y')
                return bytes[size + (size_t)abs(3)];
    return 0;
}
"""

pytestmark = [pytest.mark.needs_system("linux"), pytest.mark.needs_tool("gcc")]


def test_programs_do_no_damage_and_leave_the_kernel_agreed_with_itself(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    write_programs(corpus, seed=1)
    done = run(build(tmp_path, GCC), corpus, SECONDS, seed=1)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
    reached = int(done.stdout.split(" runs: ")[1].split()[0])
    assert reached > 0, "what reaches nothing new was not guided by anything"


def test_a_mistake_behind_three_bytes_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No chance finds them at once (one in 2^24): only who keeps what went a step further does."""
    (tmp_path / "target.c").write_text(MISTAKE)
    monkeypatch.setattr(fuzzing, "FUZZ", tmp_path)
    monkeypatch.setattr(fuzzing, "CHECKED", (*CHECKED, "-Wno-array-bounds"))
    (tmp_path / "corpus").mkdir()
    done = run(build(tmp_path, GCC), tmp_path / "corpus", 30, seed=1)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
    assert (tmp_path / "crash").read_bytes()[:3] == b"fly"
