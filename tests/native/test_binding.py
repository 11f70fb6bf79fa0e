"""A library that does not fit is said to be none, and why: never an error about its insides."""

import shutil
import subprocess
from pathlib import Path

import pytest

from burnline.native import binding
from burnline.native.binding import LIBRARY, KernelMissing
from burnline.native.kernel import why_not
from burnline.native.ledger import KernelChoice
from burnline.native.sources import FOLDER, digest
from tests.ledger.examples import RETENTION


@pytest.fixture(autouse=True)
def _loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnline.native.kernel.library", binding.library.__wrapped__)


def test_the_one_that_is_installed_is_of_these_sources() -> None:
    assert why_not(RETENTION) is None
    assert binding.library().kernel_sources().decode() == digest()


def test_one_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "digest", lambda: "0123456789abcdef")
    told = why_not(RETENTION) or ""
    assert told.startswith(
        f"{LIBRARY} was built from other sources (those have the digest {digest()}, these 0123456789"
    )
    assert told.endswith("install Burnline again, or run python hatch_build.py")
    assert KernelChoice.of("auto", RETENTION).why_not_native == told
    with pytest.raises(ValueError, match=r"BURNLINE_KERNEL=native: the kernel cannot be used: .*other sources"):
        KernelChoice.of("native", RETENTION)


def test_without_sources_beside_it_it_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "digest", lambda: None)
    assert why_not(RETENTION) is None


@pytest.mark.needs_tool("gcc")
def test_one_that_lacks_a_function_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, library = tmp_path / "old.c", tmp_path / "libkernel.so"
    source.write_text("int kernel_new(void) { return 0; }", encoding="utf-8")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.setattr(binding, "LIBRARY", library)
    with pytest.raises(KernelMissing, match=r"was built from other sources .it has no kernel_sources"):
        binding.library.__wrapped__()


def test_each_source_and_each_name_counts(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "same")
    assert digest(tmp_path / "same") == digest()
    (tmp_path / "same" / "kernel.c").rename(tmp_path / "same" / "other.c")
    assert digest(tmp_path / "same") != digest()
    assert digest(tmp_path) is None
