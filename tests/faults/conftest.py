"""The clusters that the fault tests share, the seed of this run, and a stage for each test."""

import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cluster import Cluster
from tests.faults.load import Shape
from tests.faults.stage import Stage, on_stage
from tests.kafka.apache import fetch_jars

SEED_VARIABLE = "BURNLINE_FAULT_SEED"
TIMEOUT_S = 300

OpenStage = Callable[..., AbstractContextManager[Stage]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
            item.add_marker(pytest.mark.needs_tool("java"))


def pytest_runtestloop(session: pytest.Session) -> None:
    # Before the first test, because fetching may take longer than a test may.
    wanted = any(item.get_closest_marker("faults") for item in session.items)
    if wanted and not session.config.option.collectonly:
        fetch_jars()


@pytest.fixture(scope="session")
def run_seed() -> int:
    """The seed of this run: given, or a new one."""
    return int(os.environ.get(SEED_VARIABLE) or secrets.randbelow(1_000_000))


@pytest.fixture
def seed(run_seed: int, request: pytest.FixtureRequest) -> int:
    """The seed of one test, the same in every run with one seed."""
    return zlib.crc32(f"{run_seed}/{request.node.name}".encode())


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One broker."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def open_stage(cluster: Cluster, tmp_path: Path, run_seed: int, seed: int) -> OpenStage:
    """Opens a stage on the shared broker; keyword arguments are those of `Stage`, or change fields of `Shape`."""

    def make(*, on: Cluster | None = None, **wanted: Any) -> AbstractContextManager[Stage]:
        shape = Shape(seed, **{name: wanted.pop(name) for name in Shape._fields if name in wanted})
        return on_stage(Stage(on or cluster, tmp_path, shape, **wanted), run_seed)

    return make
