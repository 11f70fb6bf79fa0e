"""`.ci/again`: a fault fails again, chance is named, and nothing else passes for chance."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STEADY = "def test_steady():\n    pass\n"
BROKEN = "def test_broken():\n    assert False\n"
UNSTEADY = """
from pathlib import Path

def test_unsteady():
    seen = Path("seen")
    assert seen.exists(), seen.touch()
"""
MANY = "import pytest\n\n@pytest.mark.parametrize('number', range(5))\ndef test_each(number):\n    assert False\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/pytest").symlink_to(Path(sys.executable).parent / "pytest")
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci", ignore=shutil.ignore_patterns("tools"))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def call(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=project,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # they take longer to load than all else here
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def lane(project: Path, name: str, tests: str) -> int:
    (project / f"test_{name}.py").write_text(tests)
    return call(project, ".ci/lane", name, f"test_{name}.py").returncode


def test_chance_is_named(project: Path) -> None:
    assert lane(project, "one", STEADY) == 0
    assert lane(project, "two", UNSTEADY) == 1
    again = call(project, ".ci/again", "one", "two")
    assert again.returncode == 0
    assert "UNSTEADY, or broken: test_two.py::test_unsteady" in again.stdout


@pytest.mark.parametrize(
    ("tests", "code", "said"),
    [
        pytest.param(BROKEN, 1, "1 failed", id="a fault fails again"),
        pytest.param(MANY, 1, "5 tests failed; that is not chance", id="many"),
        pytest.param("import nothing_of_this_name\n", 2, "ended with 2", id="what cannot be read"),
        pytest.param("", 5, "ended with 5", id="no test at all"),
        pytest.param(STEADY, 0, "no test failed", id="something else failed"),
    ],
)
def test_a_fault_is_no_chance(project: Path, tests: str, code: int, said: str) -> None:
    assert lane(project, "one", tests) == code
    again = call(project, ".ci/again", "one")
    assert again.returncode == 1
    assert said in again.stdout + again.stderr


def test_a_part_that_never_ran_is_no_chance(project: Path) -> None:
    again = call(project, ".ci/again", "one")
    assert again.returncode == 1
    assert "ended with none" in again.stderr
