"""Rooms stand on each other in one direction only, and each library has the rooms that it belongs to."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.test_architecture import APP, running

AT_HOME = {
    "faust": {"stream"},
    "fastapi": {"api", "pages"},
    "starlette": {"api", "pages"},
    "uvicorn": {"api"},
    "redis": {"api", "cli", "demo", "readmodel"},
    "polars": {"api", "finance", "imports"},
    "typer": {"cli"},
    "rich": {"cli", "demo"},
}
"""A library, and the rooms that may import it. A room is added here on purpose."""


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports when it runs, in functions too; what stands there for type checkers does not."""
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module="burnline", names=names):
                yield from (f"burnline.{name.name}" for name in names)
            case ast.ImportFrom(module=str(module)):
                yield module


def room_of(path: Path) -> str:
    """The folder below `burnline`, or the module's own name."""
    return path.relative_to(APP).parts[0].removesuffix(".py")


def arrows(files: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """Room → rooms that it imports, of room → modules that it imports."""
    return {
        room: {module.split(".")[1] for module in modules if module.startswith("burnline.")} - {room}
        for room, modules in files.items()
    }


def circle(rooms: Mapping[str, set[str]]) -> list[str]:
    """Rooms that import each other in a circle, the first one at both ends; empty when there is none."""
    try:
        TopologicalSorter(rooms).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def imports() -> dict[str, list[str]]:
    """Room → modules that it imports."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(APP.rglob("*.py")):
        found[room_of(path)] += imported(path)
    return found


def test_no_room_stands_on_one_that_stands_on_it(imports: dict[str, list[str]]) -> None:
    assert circle(arrows(imports)) == []


@pytest.mark.parametrize("library", AT_HOME)
def test_a_library_is_at_home_in(imports: dict[str, list[str]], library: str) -> None:
    users = {room for room, modules in imports.items() if any(name.split(".")[0] == library for name in modules)}
    assert users == AT_HOME[library]


@pytest.mark.parametrize(
    ("rooms", "found"),
    [
        ({"a": {"b"}, "b": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, ["a", "b"]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, ["a", "b", "c"]),
    ],
    ids=["one way", "two of them", "three of them"],
)
def test_what_a_circle_is(rooms: dict[str, set[str]], found: list[str]) -> None:
    assert sorted(set(circle(rooms))) == found


def test_every_way_of_importing_is_seen(tmp_path: Path) -> None:
    source = (
        "from burnline import events\ndef f():\n    import faust.types\nfrom burnline.kafka import x\nfrom . import y"
    )
    (tmp_path / "one.py").write_text(source, encoding="utf-8")
    assert sorted(imported(tmp_path / "one.py")) == ["burnline.events", "burnline.kafka", "faust.types"]


def test_the_map_names_each_room() -> None:
    page = (APP.parents[1] / "docs/architecture.md").read_text(encoding="utf-8")
    cells = {
        cell for line in page.splitlines() if line.startswith("| `") for cell in line.split("|")[1].split("`")[1::2]
    }
    rooms = {room_of(path) for path in APP.rglob("*.py")} - {"__init__", "__main__", "__version__"}
    assert cells == rooms
