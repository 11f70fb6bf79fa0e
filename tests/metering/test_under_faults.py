"""A metered client whose brokers are away, frozen, or slower than the agent: its calls go on, and every event is told.

That a call is not held up is held by design and not by the clock: on the agent's way nothing waits for a broker.
"""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import burnline
from burnline.embedded.broker import EmbeddedBroker
from burnline.kafka import Config, client_config
from burnline.metering import recorder_of
from burnline.metering.recorder import shared_publisher
from burnline.publisher import UsagePublisher
from burnline.settings import Settings, load_settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.metering.stub import Provider
from tests.publisher.test_lifetime import _children
from tests.usage import wire

CALLS, ROOM = 60, 20
AWAY: Config = {"bootstrap.servers": "127.0.0.1:1"}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the agent's thread has asked the Kafka client to wait, each time."""
    asked: list[float] = []
    serve, agent = UsagePublisher._serve, threading.get_ident()

    def watched(self: UsagePublisher, timeout_s: float) -> None:
        if threading.get_ident() == agent:
            asked.append(timeout_s)
        serve(self, timeout_s)

    monkeypatch.setattr(UsagePublisher, "_serve", watched)
    return asked


@pytest.fixture
def agent(stub: Provider) -> Any:
    """A provider's client, not metered yet, whose every answer has an id of its own."""
    return openai.OpenAI(api_key="k", base_url=f"{stub.url}/v1", max_retries=0)


def work(client: Any, stub: Provider, calls: range) -> None:
    """What an agent does all day: each call has its answer, whatever becomes of the meter."""
    for number in calls:
        stub.answers({**wire.CHAT, "id": f"chatcmpl-{number}"})
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
        assert answer.id == f"chatcmpl-{number}"


def metered(client: Any, publisher: UsagePublisher) -> Any:
    return burnline.meter(client, org="acme", agent="coder", session="s1", provider="openai", publisher=publisher)


def test_brokers_that_were_never_there_cost_events_and_no_call(agent: Any, stub: Provider, waits: list[float]) -> None:
    with UsagePublisher(AWAY, "usage", max_in_flight=ROOM, max_block_s=0, farewell_s=0) as publisher:
        work(metered(agent, publisher), stub, range(CALLS))
        counts = publisher.counts
        assert (counts.in_flight, counts.dropped, counts.acknowledged) == (ROOM, CALLS - ROOM, 0)
    assert publisher.counts.lost == CALLS == recorder_of(agent).metered
    assert set(waits) <= {0}


def test_brokers_that_are_away_for_longer_than_events_wait_fail_them_one_by_one(
    agent: Any, stub: Provider, waits: list[float]
) -> None:
    lost: list[str] = []
    with UsagePublisher(
        AWAY, "usage", max_block_s=0, delivery_timeout_s=0.2, farewell_s=0, on_failure=lambda each: lost.append(each[0])
    ) as publisher:
        work(metered(agent, publisher), stub, range(CALLS))
        publisher.flush(30)
    assert publisher.counts.failed == CALLS
    assert sorted(lost) == sorted(f"chatcmpl-{number}" for number in range(CALLS))
    assert set(waits) <= {0}


@pytest.fixture(scope="module")
def own_broker() -> Iterator[tuple[Settings, int]]:
    """A broker that may be frozen, and its process."""
    with EmbeddedBroker() as broker:
        settings = load_settings(kafka_bootstrap_servers=broker.bootstrap_servers)
        ensure_topics(settings)
        assert broker.pid is not None
        yield settings, _children(broker.pid)[-1]


@pytest.mark.needs_system("linux")
def test_what_was_taken_while_the_broker_was_frozen_arrives_and_what_had_no_room_is_counted(
    agent: Any, stub: Provider, waits: list[float], own_broker: tuple[Settings, int]
) -> None:
    settings, process = own_broker
    spec = topics_for(settings).usage
    with UsagePublisher.from_settings(settings, max_in_flight=ROOM, max_block_s=0, farewell_s=60) as publisher:
        client = metered(agent, publisher)
        work(client, stub, range(ROOM))
        assert publisher.flush(60) == 0
        os.kill(process, signal.SIGSTOP)
        try:
            work(client, stub, range(ROOM, ROOM + CALLS))
            assert publisher.counts.in_flight == ROOM
            assert publisher.counts.dropped == CALLS - ROOM
        finally:
            os.kill(process, signal.SIGCONT)
        assert publisher.flush(90) == 0
        work(client, stub, range(1_000, 1_000 + ROOM))
    counts = publisher.counts
    assert (counts.acknowledged, counts.lost) == (3 * ROOM, CALLS - ROOM)
    batches = read_to_end(client_config(settings), spec.name, range(spec.partitions), timeout_s=30)
    assert sum(len(batch) for batch in batches) == counts.acknowledged
    assert set(waits) <= {0}


def test_the_publisher_of_all_meters_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr("burnline.metering.recorder._shared", [])
    monkeypatch.setattr(UsagePublisher, "from_settings", lambda **options: made.append(options))
    shared_publisher()
    assert made == [{"max_block_s": 0, "on_invalid": "count"}]
