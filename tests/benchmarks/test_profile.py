"""Taking a worker's cost apart: every step is there, and the steps together still count right."""

import pytest

from benchmarks.load import Load, publish
from benchmarks.profile import PARTS, Clock, take_apart
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings


def test_a_part_within_another_is_taken_off_it() -> None:
    clock = Clock()

    def work() -> int:
        return sum(range(2_000_000))

    with clock.part("outer"):
        assert clock.counted("inner", work)() > 0
    assert clock.costs["inner"] > 10 * max(clock.costs["outer"], 0.0001)


@pytest.mark.broker
def test_every_part_costs_something_and_the_sums_are_right(make_settings: MakeSettings) -> None:
    settings = make_settings()
    ensure_topics(settings)
    expected = publish(settings.kafka_bootstrap_servers, topics_for(settings).usage.name, Load(20_000, sessions=100))
    costs = take_apart(settings, expected)
    assert costs.keys() == PARTS.keys()
    assert all(seconds > 0 for seconds in costs.values())
