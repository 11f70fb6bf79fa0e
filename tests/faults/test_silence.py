"""A healthy worker's log is silent, however long it runs: what stands there above INFO means something."""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.load import Shape
from tests.faults.stage import Stage
from tests.faults.workers import WorkerSlot

LONG_S = 600.0
"""Faust speaks up after five minutes."""
HASTY_S = 3.0
"""... or after so long, when it is told to: longer than a loaded machine keeps a fetch waiting."""
WATCHED_S = 5 * HASTY_S
HASTE = dict.fromkeys(("STREAM_PROCESSING_TIMEOUT", "BROKER_COMMIT_LIVELOCK_SOFT_TIMEOUT"), str(HASTY_S))
"""Faust's own settings, as it takes them from the environment."""
BUSY_EVENTS_PER_S = 500
LINE = re.compile(r"^(\d{4}-\d\d-\d\d \S+ (INFO|DEBUG) |\d\d:\d\d:\d\d -------)")


def above_info(worker: WorkerSlot) -> list[str]:
    """Lines of a log that are neither INFO nor the slot's own."""
    return [line for line in worker.log_path.read_text(errors="replace").splitlines() if not LINE.match(line)]


@contextlib.contextmanager
def quiet_and_busy(cluster: Cluster, folder: Path) -> Iterator[tuple[Stage, Stage]]:
    """Two deployments on one cluster: nothing is published to the first."""
    with contextlib.ExitStack() as stack:
        stages = []
        for name in ("quiet", "busy"):
            (folder / name).mkdir()
            stage = Stage(cluster, folder / name, Shape(7), workers=1, events_per_s=BUSY_EVENTS_PER_S)
            stack.callback(stage.close)
            stages.append(stage)
        yield stages[0], stages[1]


def watch(quiet: Stage, busy: Stage, seconds: float) -> None:
    """Run a worker of each for so long; nothing may stand in their logs."""
    workers = [*quiet.fleet.slots, *busy.fleet.slots]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.wait_ready()
    busy.publisher.start()
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        time.sleep(1.0)
        for worker in workers:
            worker.check()
            assert above_info(worker) == []
    busy.publisher.finish()
    assert busy.progress.drain(timeout_s=120.0, check=busy.fleet.check) >= 0
    assert [worker.terminate().exit_code for worker in workers] == [0, 0]
    assert [above_info(worker) for worker in workers] == [[], []]


@pytest.mark.faults
def test_faust_has_nothing_to_say_about_topics_that_it_does_not_read(cluster: Cluster, tmp_path: Path) -> None:
    with quiet_and_busy(cluster, tmp_path) as (quiet, busy):
        for stage in (quiet, busy):
            stage.fleet.slots[0].environment |= HASTE
        watch(quiet, busy, WATCHED_S)


@pytest.mark.long
@pytest.mark.needs_tool("java")
@pytest.mark.timeout(2 * LONG_S)
def test_nothing_is_said_in_ten_minutes(cluster: Cluster, tmp_path: Path) -> None:
    with quiet_and_busy(cluster, tmp_path) as (quiet, busy):
        watch(quiet, busy, LONG_S)
