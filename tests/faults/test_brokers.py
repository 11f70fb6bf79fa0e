"""Brokers die, restart and stay away; workers wait, say so, and go on."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import OpenStage
from tests.faults.play import begin, play, settle
from tests.faults.schedule import Kind, draw
from tests.faults.stage import Stage

pytestmark = pytest.mark.faults

AWAY_S = 12.0
MOST_MEMORY_MIB = 100.0
WATCHED_S = 10.0
"""Longer than a broker's session (4 s) and the election after it."""


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    """Three brokers: three replicas of everything, two of which must have a write."""
    with Cluster(3) as cluster:
        yield cluster


def test_a_broker_killed_and_restarted(open_stage: OpenStage, seed: int) -> None:
    """Twice, and a worker is killed meanwhile."""
    kinds = {"broker_restart": Kind(1, 1), "kill": Kind(1, 2, (0.0, 2.0))}
    with open_stage(workers=2, events_per_s=8_000) as stage:
        play(stage, draw(seed, kinds, 4, 40_000))


def test_a_broker_away_for_a_while(open_stage: OpenStage) -> None:
    """Workers say that they wait, take no more memory than before, and go on without a new start."""
    with open_stage(workers=2, events_per_s=8_000) as stage:
        begin(stage)
        stage.publisher.wait_sent(40_000, timeout_s=60)
        before = [slot.resident_mib() for slot in stage.fleet.slots]
        stage.cluster.nodes[0].kill()
        time.sleep(AWAY_S)
        said = [slot.readiness() for slot in stage.fleet.slots]
        gauges = [slot.metrics()["burnline_ready"] for slot in stage.fleet.slots]
        grown = [slot.resident_mib() - mib for slot, mib in zip(stage.fleet.slots, before, strict=True)]
        stage.cluster.nodes[0].start()
        stage.cluster.nodes[0].wait()
        outcome = settle(stage)
        assert [ready for ready, _ in said] == [False, False], said
        assert gauges == [0, 0]
        assert all("waiting for them" in text for _, text in said), said
        assert max(grown) < MOST_MEMORY_MIB
        assert outcome.fresh_starts == 0


def test_one_broker_of_three_lost(three: Cluster, open_stage: OpenStage, seed: int) -> None:
    """Work goes on after an election; the broker comes back, and the next one goes."""
    with open_stage(on=three, workers=2, events_per_s=4_000) as stage:
        begin(stage)
        stage.publisher.wait_sent(10_000, timeout_s=60)
        for index in (seed % 3, (seed + 1) % 3):
            three.nodes[index].kill()
            watch(stage, f"broker {index + 1} lost")
            three.nodes[index].start()
            three.nodes[index].wait()
        settle(stage)


def watch(stage: Stage, what: str) -> None:
    """Wait until work goes on for sure, and say for how long it did not."""
    stage.progress.reset_pause()
    applied, ends_at = stage.progress.applied, time.monotonic() + WATCHED_S
    while time.monotonic() < ends_at or stage.progress.applied == applied:
        stage.fleet.check()
        stage.progress.poll()
    print(f"{what}: longest pause {stage.progress.longest_pause_s:.1f} s")
