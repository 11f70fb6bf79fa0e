"""The parts that need no Java, on ten thousand events and the embedded broker: every sum is checked on the way."""

from collections.abc import Callable, Iterator

import pytest

from benchmarks.bench import Bench, Scale, broker
from benchmarks.ladder import latency, peers, sessions
from benchmarks.peers import programs
from benchmarks.peers.programs import Peer, PeerUnavailable

pytestmark = [pytest.mark.broker, pytest.mark.needs_system("linux"), pytest.mark.timeout(300)]
TINY = Scale("tiny", 1, 10_000, 4, 10_000, 10_000, (500,), 1.0)

QUICK_TO_JOIN = {"session_timeout_ms": 1_500}
"""The embedded broker makes every member wait for half of it."""


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with broker("embedded", {}) as (servers, _):
        yield servers


@pytest.mark.parametrize(
    ("part", "subject", "value", "points"),
    [
        pytest.param(sessions.restore, "restore", "ready_s", 1, id="restore"),
        pytest.param(latency.run, "worker", "p99_ms", 2, id="latency"),
    ],
)
def test_a_part_gives_figures(
    servers: str, part: Callable[[Bench], None], subject: str, value: str, points: int
) -> None:
    bench = Bench(servers, TINY, QUICK_TO_JOIN)
    part(bench)
    found = [figure[value] for figure in bench.figures if figure["subject"] == subject]
    assert len(found) == points
    assert all(number > 0 for number in found)


def test_a_peer_that_cannot_be_had_is_reported_and_the_others_take_their_turns(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_java(_: str) -> list[str]:
        raise PeerUnavailable("no java")

    monkeypatch.setattr(programs, "_java", no_java)
    monkeypatch.setattr(peers, "PEERS", [Peer("librdkafka", "", results=False), Peer("flink", "flink")])
    bench = Bench(servers, TINY, QUICK_TO_JOIN)
    peers.run(bench)
    figures = {figure["subject"]: figure for figure in bench.figures}
    assert figures["flink"]["not_run"] == "no java"
    assert figures["librdkafka"]["events_per_s"] > figures["worker"]["events_per_s"] > 0
