"""What is installed is what can be done: a command says which extra it lacks, and no traceback is shown."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from burnline.cli.extras import EXTRAS

PROJECT: Mapping[str, Any] = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
OPTIONAL: Mapping[str, list[str]] = PROJECT["optional-dependencies"]

WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Absent())
from burnline.cli import main
main()
"""


def names(requirements: Iterable[str]) -> set[str]:
    """Distributions that requirements name."""
    return {re.split(r"[\[<>=;!~ ]", line)[0].lower() for line in requirements}


def distributions(library: str) -> set[str]:
    """What brings a library; a namespace (`google`, `opentelemetry`) is brought by several."""
    return {name.lower().replace("_", "-") for name in packages_distributions()[library]}


def without(extras: set[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as if the libraries of these extras were not installed, and of no other extra."""
    present = {
        name for extra in set(OPTIONAL) - extras - {"dev", "all", "demo", "up"} for name in names(OPTIONAL[extra])
    }
    absent = {library for library, extra in EXTRAS.items() if extra in extras and not distributions(library) & present}
    command = [sys.executable, "-c", f"ABSENT = {absent!r}\n{WITHOUT}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_each_library_of_the_table_is_brought_by_its_extra() -> None:
    brought_along = {"mode": {"faust-streaming"}, "starlette": {"fastapi"}, "mcp_types": {"mcp"}}
    brought_along |= {key: {"confluent-kafka"} for key in ("attrs", "authlib", "cachetools", "certifi")}
    for library, extra in EXTRAS.items():
        assert brought_along.get(library, distributions(library)) & names(OPTIONAL[extra])


def test_each_library_of_an_extra_is_in_the_table() -> None:
    data_only = {"tzdata", "burnline"}
    told = {name for library in EXTRAS for name in distributions(library)}
    for extra in ("worker", "api", "demo", "up", "otel", "mcp", "registry"):
        assert names(OPTIONAL[extra]) - names(PROJECT["dependencies"]) - told - data_only == set()


def test_the_sdk_alone_needs_four_libraries() -> None:
    assert names(PROJECT["dependencies"]) == {"confluent-kafka", "msgspec", "pydantic", "pydantic-settings"}


def test_everything_is_what_developers_have() -> None:
    assert OPTIONAL["all"] == ["burnline[worker,api,demo,up,notify,otel,mcp,registry]"]
    assert "burnline[all]" in OPTIONAL["dev"]


@pytest.mark.parametrize("command", ["sessions", "--help"])
def test_with_the_sdk_alone_every_command_names_the_extra(command: str) -> None:
    done = without({"worker", "api", "demo"}, command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "typer is not installed. This needs the extra 'worker': pip install 'burnline[worker]'\n"


@pytest.mark.parametrize(
    ("lacking", "arguments", "extra"),
    [
        pytest.param({"api", "demo"}, ["api"], "api", id="api"),
        pytest.param({"worker", "demo"}, ["worker"], "worker", id="worker"),
        pytest.param({"demo"}, ["demo", "--once"], "demo", id="demo"),
        pytest.param({"registry"}, ["registry"], "registry", id="registry"),
        pytest.param({"registry", "mcp"}, ["registry"], "registry", id="registry, and what mcp needs as well"),
    ],
)
def test_a_command_without_its_extra_says_so(lacking: set[str], arguments: list[str], extra: str) -> None:
    done = without(lacking, *arguments)
    assert done.returncode == 2, done.stderr
    assert re.search(rf"This needs the extra '{extra}': pip install 'burnline\[{extra}\]'$", done.stderr.strip())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("lacking", [{"api", "demo"}, {"worker", "demo"}, {"demo"}], ids=["worker", "api", "both"])
@pytest.mark.parametrize("arguments", [["--help"], ["check"]], ids=" ".join)
def test_the_others_work(lacking: set[str], arguments: list[str]) -> None:
    done = without(lacking, *arguments)
    assert done.returncode == 0, done.stderr
