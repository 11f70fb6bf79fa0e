"""Events come twice, or cannot be used, or their dead letters are refused."""

import pytest

from tests.faults.conftest import OpenStage
from tests.faults.play import play
from tests.faults.schedule import Fault, Kind, draw

pytestmark = pytest.mark.faults


def test_events_published_again(open_stage: OpenStage, seed: int) -> None:
    """At once, an hour of stream time later, and over restarts."""
    again = {"repeat_now": Kind(3, 1), "repeat_an_hour_later": Kind(3, 1)}
    with open_stage(workers=2, events_per_s=10_000) as stage:
        first_hour = 13 * stage.publisher.load.events_per_round
        repeats = [fault._replace(at=first_hour + fault.at) for fault in draw(seed, again, 8, 60_000)]
        kills = [Fault(first_hour + at, "kill", at // 10_000) for at in (10_000, 30_000, 50_000)]
        outcome = play(stage, [*repeats, *kills])
        assert outcome.published.repeated > 5_000


def test_poison(open_stage: OpenStage, seed: int) -> None:
    """Every other event bad, whole batches of bad ones, dead letters refused for a while, and a kill in between."""
    kinds = {
        "poison_batch": Kind(2, 4),
        "dead_letters_refused": Kind(1, 1, (3.0, 5.0)),
        "kill": Kind(1, 2, (0.0, 1.0)),
    }
    with open_stage(workers=2, events_per_s=6_000) as stage:
        outcome = play(stage, [Fault(0, "half_poison"), *draw(seed, kinds, 6, 50_000)])
        assert outcome.verdict.dead_letters == len(outcome.published.bad) > 10_000
