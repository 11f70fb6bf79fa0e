"""Connections stall, slow down and break in the middle of commits whose outcome nobody knows then."""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import OpenStage
from tests.faults.late_commits import LateCommits
from tests.faults.play import begin, play, settle
from tests.faults.schedule import Kind, draw

pytestmark = pytest.mark.faults

KINDS = {
    "connection_cut": Kind(1, 1, (0.0, 0.5)),
    "connection_stalled": Kind(1, 2, (0.5, 2.0)),
    "connection_delayed": Kind(1, 1, (1.0, 3.0)),
    "answers_lost": Kind(2, 1, (0.05, 0.5)),
    "requests_overtaken": Kind(3, 1, (0.2, 1.5)),
}


def test_flushes_of_unknown_outcome(open_stage: OpenStage, seed: int) -> None:
    """All connections of both workers pass through proxies that misbehave, again and again."""
    with open_stage(workers=2, proxied=2, events_per_s=6_000) as stage:
        play(stage, draw(seed, KINDS, 16, 120_000))


def test_workers_killed_on_a_bad_network(open_stage: OpenStage, seed: int) -> None:
    """The same with a kill now and then: what a dead worker sent late must not touch its successor's writing."""
    kinds = KINDS | {"kill": Kind(4, 2, (0.0, 0.5))}
    with open_stage(workers=2, proxied=2, events_per_s=6_000) as stage:
        play(stage, draw(seed, kinds, 12, 90_000))


def test_a_commit_that_arrives_in_the_next_transaction(cluster: Cluster, open_stage: OpenStage) -> None:
    """Requests to end a transaction are kept back and delivered in the middle of the next one, time and again."""
    late = LateCommits(every=5)
    with open_stage(workers=1, proxied=1, events_per_s=4_000, bad=100) as stage:
        begin(stage)
        cluster.proxies[0].intercept = late
        stage.publisher.wait_sent(40_000, timeout_s=60)
        cluster.proxies[0].intercept = None
        settle(stage)
    assert late.delivered > 5
