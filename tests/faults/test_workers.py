"""Workers die, come, go, and come back from the dead; every event counts once."""

import pytest

from tests.faults.conftest import OpenStage
from tests.faults.play import play
from tests.faults.schedule import Fault, Kind, draw

pytestmark = pytest.mark.faults

KILLS = {
    "kill": Kind(8, 2, (0.0, 0.5)),
    "kill_at_start": Kind(3, 2, (0.1, 2.5)),
    "kill_in_restore": Kind(3, 2, (0.0, 0.05)),
    "kill_in_flush": Kind(3, 1, (0.3, 1.5)),
}


def test_killed_twenty_times_in_a_row(open_stage: OpenStage, seed: int) -> None:
    """At random moments, right after the start, during a restore and during a flush."""
    with open_stage(workers=2, proxied=1, events_per_s=5_000) as stage:
        play(stage, draw(seed, KILLS, 14, 150_000))


def test_workers_come_and_go(open_stage: OpenStage, seed: int) -> None:
    """1, 3, 2, 1 workers while events flow."""
    with open_stage(workers=3, static=False, events_per_s=10_000) as stage:
        steps = [Fault(10_000, "scale", 2, 4.0), Fault(20_000, "scale", 1, 3.0), Fault(30_000, "scale", 0, 1.0)]
        outcome = play(stage, steps, workers=1)
        assert outcome.takeovers >= 4


def test_a_zombie_damages_nothing(open_stage: OpenStage, seed: int) -> None:
    """A worker sleeps past its session timeout; its partitions have a new owner when it wakes up."""
    with open_stage(workers=2, events_per_s=10_000) as stage:
        outcome = play(stage, [Fault(20_000, "zombie", seed % 2, 1.0), Fault(120_000, "zombie", (seed + 1) % 2, 0.0)])
        assert outcome.fresh_starts >= 1
