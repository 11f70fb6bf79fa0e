"""Workers die, come, go, and come back from the dead; every event counts once."""

import pytest

from tests.faults.conftest import OpenStage
from tests.faults.play import begin, play, settle
from tests.faults.schedule import Fault, Kind, draw
from tests.faults.stage import STOPPED_WITHIN_S, TAKEOVER

pytestmark = pytest.mark.faults

BACKLOG_ROUNDS = 400

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
    with open_stage(workers=3, dynamic=3, events_per_s=10_000) as stage:
        steps = [Fault(10_000, "scale", 2, 4.0), Fault(20_000, "scale", 1, 3.0), Fault(30_000, "scale", 0, 1.0)]
        outcome = play(stage, steps, workers=1)
        assert outcome.takeovers >= 4


def test_a_zombie_damages_nothing(open_stage: OpenStage, seed: int) -> None:
    """A worker sleeps past its session timeout; its partitions have a new owner when it wakes up."""
    with open_stage(workers=2, events_per_s=10_000) as stage:
        outcome = play(stage, [Fault(20_000, "zombie", seed % 2, 1.0), Fault(120_000, "zombie", (seed + 1) % 2, 0.0)])
        # Each one's partitions had another owner. Whether it meets the fence with a write, and starts anew, or hears of
        # it by a heartbeat before, is chance.
        assert outcome.takeovers >= 4


def test_asked_to_end_under_full_load(open_stage: OpenStage) -> None:
    """SIGTERM in the middle of a backlog: exit code 0 within 10 s, and the next worker goes on from there."""
    with open_stage(workers=1, events_per_s=0) as stage:
        stage.publisher.start(BACKLOG_ROUNDS)
        stage.publisher.wait_sent(BACKLOG_ROUNDS * stage.publisher.load.events_per_round, timeout_s=120)
        (slot,) = stage.fleet.slots
        for share in (0.1, 0.6):
            slot.start()
            while stage.progress.applied < share * stage.publisher.sent:
                slot.check()
                stage.progress.poll()
            stopped = slot.terminate()
            print(f"ended with {stopped.exit_code} after {stopped.seconds:.1f} s")
            assert stopped.exit_code == 0
            assert stopped.seconds < STOPPED_WITHIN_S
            stage.progress.poll()
            assert stage.progress.applied < stage.publisher.sent, "there was nothing left to do: it had no load"
        slot.start()
        settle(stage)


def test_back_to_work_after_a_kill(open_stage: OpenStage) -> None:
    """A worker with a name of its own is back long before its session would have timed out, and moves nothing."""
    with open_stage(workers=2, session_timeout_ms=30_000) as stage:
        begin(stage)
        stage.publisher.wait_sent(20_000, timeout_s=60)
        before = [slot.logged(TAKEOVER) for slot in stage.fleet.slots]
        victim, other = stage.fleet.slots
        victim.kill()
        victim.start()
        print(f"back after {victim.wait_ready():.1f} s")
        settle(stage)
        assert victim.logged(TAKEOVER) == before[0] + 1
        assert other.logged(TAKEOVER) == before[1]
