"""The publisher against a real broker: what arrives, what is said about what does not, and how it ends."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Message
from pydantic import ValidationError

from burnline.events.contract import UsageEvent
from burnline.kafka import Config, client_config
from burnline.publisher import DeliveryError, UsagePublisher
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end

NOW_MS = 1_763_000_000_000


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "occurred_at": NOW_MS + number,
        "org_id": "acme",
        "agent_id": "coder",
        "session_id": f"s{number % 7}",
        "model": "gpt-4o",
        "input_tokens": number,
        "output_tokens": 1,
        **fields,
    }


@pytest.fixture
def usage_topic(settings: Settings) -> str:
    ensure_topics(settings)
    return topics_for(settings).usage.name


def arrived(settings: Settings) -> list[Message]:
    spec = topics_for(settings).usage
    config = client_config(settings)
    return [
        message for batch in read_to_end(config, spec.name, range(spec.partitions), timeout_s=20) for message in batch
    ]


def value_of(message: Message) -> dict[str, Any]:
    value = message.value()
    assert value is not None
    decoded = json.loads(value)
    assert isinstance(decoded, dict)
    return decoded


def publish_and_raise(publisher: UsagePublisher, error: BaseException) -> None:
    """Publish one event and leave the publisher's context by an error."""
    with publisher:
        publisher.publish(event(1))
        raise error


@pytest.fixture
def nowhere() -> Iterator[Config]:
    """A broker that is away: its port is held, and refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield {"bootstrap.servers": f"127.0.0.1:{held.getsockname()[1]}"}


def test_events_arrive_keyed_by_session_and_in_order(settings: Settings, usage_topic: str) -> None:
    with UsagePublisher.from_settings(settings) as publisher:
        for number in range(1, 501):
            publisher.publish(event(number) if number % 2 else UsageEvent.model_validate(event(number)))
    assert (publisher.acknowledged, publisher.in_flight) == (500, 0)
    messages = arrived(settings)
    assert sorted(value_of(message)["event_id"] for message in messages) == sorted(f"e{n}" for n in range(1, 501))
    partitions: dict[str, set[int | None]] = {}
    numbers: dict[str, list[int]] = {}
    for message in messages:
        usage = value_of(message)
        assert message.key() == usage["session_id"].encode()
        partitions.setdefault(usage["session_id"], set()).add(message.partition())
        numbers.setdefault(usage["session_id"], []).append(usage["input_tokens"])
    assert all(len(where) == 1 for where in partitions.values())
    assert all(own == sorted(own) for own in numbers.values())


@pytest.mark.parametrize(
    ("session_id", "partition"),
    # Computed with org.apache.kafka.common.utils.Utils.murmur2, as Kafka's Java producers do.
    [("s1", 1), ("s2", 1), ("sess-4711", 1), ("refactorer-runaway", 3)],
)
def test_sessions_go_where_java_producers_send_them(
    settings: Settings, usage_topic: str, session_id: str, partition: int
) -> None:
    with UsagePublisher.from_settings(settings) as publisher:
        publisher.publish(event(session_id=session_id))
    (message,) = arrived(settings)
    assert message.partition() == partition


def test_only_the_contract_is_sent(settings: Settings, usage_topic: str) -> None:
    sent = event(provider=None, tags={"environment": "test"}, unknown="kept out")
    with UsagePublisher.from_settings(settings) as publisher:
        publisher.publish(sent)
    (message,) = arrived(settings)
    assert "unknown" not in value_of(message)
    assert UsageEvent.model_validate(value_of(message)) == UsageEvent.model_validate(sent)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"input_tokens": -1}, id="negative count"),
        pytest.param({"input_tokens": True}, id="bool as a count"),
        pytest.param({"session_id": ""}, id="empty session id"),
        pytest.param({"occurred_at": NOW_MS // 1000}, id="time in seconds"),
        pytest.param({"cached_input_tokens": 2}, id="more cached than all input"),
    ],
)
def test_what_breaks_the_contract_is_not_sent(settings: Settings, usage_topic: str, wrong: dict[str, Any]) -> None:
    with UsagePublisher.from_settings(settings) as publisher:
        with pytest.raises(ValidationError):
            publisher.publish(event(**wrong))
        assert publisher.in_flight == 0
    assert publisher.acknowledged == 0
    assert arrived(settings) == []


def test_a_full_queue_holds_publish_back_and_loses_nothing(settings: Settings, usage_topic: str) -> None:
    with UsagePublisher(client_config(settings), usage_topic, max_in_flight=10) as publisher:
        most = 0
        for number in range(1, 301):
            publisher.publish(event(number))
            most = max(most, publisher.in_flight)
    assert 0 < most <= 10
    assert (publisher.acknowledged, publisher.in_flight) == (300, 0)
    assert len(arrived(settings)) == 300


def test_many_threads_may_share_a_publisher(settings: Settings, usage_topic: str) -> None:
    with UsagePublisher(client_config(settings), usage_topic, max_in_flight=50) as publisher:

        def publish(first: int) -> None:
            for number in range(first, first + 200):
                publisher.publish(event(number))

        threads = [threading.Thread(target=publish, args=(first,)) for first in (0, 1_000, 2_000, 3_000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert publisher.acknowledged == 800
    assert len({value_of(message)["event_id"] for message in arrived(settings)}) == 800


def test_raw_bytes_are_sent_as_they_are(settings: Settings, usage_topic: str) -> None:
    with UsagePublisher.from_settings(settings) as publisher:
        publisher.publish_raw(b"\xff not JSON", key=None, event_id="line 1")
        publisher.publish_raw(b"", key=b"s1", event_id="line 2")
    messages = arrived(settings)
    assert {(message.key(), message.value()) for message in messages} == {(None, b"\xff not JSON"), (b"s1", b"")}


def test_events_that_nobody_acknowledges_are_named(nowhere: Config) -> None:
    with UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2) as publisher:
        publisher.publish(event(1))
        publisher.publish(event(2))
        with pytest.raises(DeliveryError) as failed:
            publisher.flush()
        assert failed.value.event_ids == ("e1", "e2")
        assert "e1" in str(failed.value)
        assert "timed out" in str(failed.value)
        assert publisher.flush() == 0  # raised once


def test_leaving_the_context_raises_what_failed(nowhere: Config) -> None:
    with pytest.raises(DeliveryError) as failed, UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2) as publisher:
        publisher.publish(event(1))
    assert failed.value.event_ids == ("e1",)


def test_publish_raises_earlier_failures_and_sends_its_own_event(nowhere: Config) -> None:
    # A second: the event at hand must not fail in the call that tells of the earlier ones, however slow the machine.
    with UsagePublisher(nowhere, "usage", delivery_timeout_s=1.0) as publisher:
        publisher.publish(event(1))
        failures: tuple[str, ...] = ()
        number = 1
        while not failures:
            number += 1
            time.sleep(0.05)
            try:
                publisher.publish(event(number))
            except DeliveryError as failed:
                failures = failed.event_ids
        assert failures[0] == "e1"
        assert f"e{number}" not in failures
        assert publisher.in_flight > 0
        publisher.abandon()
    assert publisher.in_flight == 0


def test_an_event_that_cannot_be_queued_is_named_at_once_and_the_others_arrive(
    settings: Settings, usage_topic: str
) -> None:
    with UsagePublisher.from_settings(settings) as publisher:
        publisher.publish(event(1))
        with pytest.raises(DeliveryError) as failed:
            publisher.publish_raw(b"x" * (9 * 1024 * 1024), key=b"s1", event_id="huge")
        assert failed.value.event_ids == ("huge",)
        publisher.publish(event(2))
    assert publisher.acknowledged == len(arrived(settings)) == 2


def test_an_error_on_its_way_out_is_kept_and_what_was_published_arrives(settings: Settings, usage_topic: str) -> None:
    with pytest.raises(RuntimeError, match="of the caller"):
        publish_and_raise(UsagePublisher.from_settings(settings), RuntimeError("of the caller"))
    assert len(arrived(settings)) == 1


def test_an_error_on_its_way_out_carries_a_note_about_failures(nowhere: Config) -> None:
    with pytest.raises(RuntimeError, match="of the caller") as raised:
        publish_and_raise(UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2), RuntimeError("of the caller"))
    assert "e1" in raised.value.__notes__[0]


def test_ctrl_c_does_not_wait_for_brokers_that_are_away(nowhere: Config) -> None:
    publisher = UsagePublisher(nowhere, "usage", delivery_timeout_s=600)
    with pytest.raises(KeyboardInterrupt):
        publish_and_raise(publisher, KeyboardInterrupt())
    assert (publisher.acknowledged, publisher.in_flight) == (0, 0)


def test_a_long_list_of_failures_is_shortened_in_the_message_only(nowhere: Config) -> None:
    with UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2) as publisher:
        for number in range(1, 9):
            publisher.publish(event(number))
        with pytest.raises(DeliveryError, match=r"^8 events not acknowledged.*and 3 more$") as failed:
            publisher.flush()
        assert len(failed.value.failures) == 8
