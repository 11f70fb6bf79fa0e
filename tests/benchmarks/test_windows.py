"""Results of peers against what they must be."""

import json
import uuid

import pytest
from confluent_kafka import Producer

from benchmarks.load import MULTIPLIER, Expected, Load, baseline_for, events
from benchmarks.peers import meter
from benchmarks.peers.windows import Window, Windows
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings

pytestmark = pytest.mark.broker
LOAD = Load(4_000, sessions=20, span_s=900.0, begins_at_ms=1_760_000_040_000)
"""Whole minutes: in a last one of few seconds no window would burn."""


@pytest.fixture
def usage(make_settings: MakeSettings) -> tuple[Settings, dict[Window, float]]:
    """A published load, and every window of it that burns too much, summed event by event as a peer would."""
    settings = make_settings(topic_prefix=f"windows-{uuid.uuid4().hex[:8]}.")
    ensure_topics(settings)
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    sums: dict[Window, float] = {}
    for session, value in events(LOAD, Expected()):
        producer.produce(topics_for(settings).usage.name, value, session)
        event = json.loads(value)
        cost = meter.usd(event["model"], event["input_tokens"], event["cached_input_tokens"], event["output_tokens"])
        start = event["occurred_at"] // meter.HOP_MS * meter.HOP_MS
        while start > event["occurred_at"] - meter.WINDOW_MS:
            sums[session, start] = sums.get((session, start), 0.0) + cost
            start -= meter.HOP_MS
    producer.flush()
    threshold = baseline_for(LOAD.events) * MULTIPLIER
    return settings, {window: usd for window, usd in sums.items() if meter.usd_per_hour(usd) > threshold}


def test_right_sums_are_right(usage: tuple[Settings, dict[Window, float]]) -> None:
    settings, found = usage
    windows = Windows(settings, topics_for(settings).usage.name)
    assert windows.compare(found, complete=True) == len(found) > 100


@pytest.mark.parametrize("said", ["1 windows missing", "1 made up", "1 wrong"])
def test_wrong_sums_are_told(usage: tuple[Settings, dict[Window, float]], said: str) -> None:
    settings, found = usage
    windows = Windows(settings, topics_for(settings).usage.name)
    first = min(found, key=lambda window: window[1])
    match said:
        case "1 windows missing":
            del found[first]
        case "1 made up":
            found["nobody", 0] = 9.0
        case "1 wrong":
            found[first] += 1e-6
    with pytest.raises(AssertionError, match=said):
        windows.compare(found, complete=True)


def test_windows_still_open_at_the_end_may_be_missing_where_a_peer_gives_on_closed_ones(
    usage: tuple[Settings, dict[Window, float]],
) -> None:
    settings, found = usage
    windows = Windows(settings, topics_for(settings).usage.name)
    last = max(start for _, start in found)
    closed = {window: usd for window, usd in found.items() if window[1] < last - meter.WINDOW_MS}
    assert windows.compare(closed, complete=False) == len(closed) < len(found)
    with pytest.raises(AssertionError, match="missing"):
        windows.compare(closed, complete=True)
