"""The publisher against a real broker: what arrives, what is said about what does not, and how it ends."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message
from pydantic import ValidationError

from burnline.events.contract import UsageEvent
from burnline.kafka import Config, client_config
from burnline.publisher import Counts, DeliveryError, Failure, UsagePublisher
from burnline.publisher.account import GIVEN_UP
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


class ScriptedProducer:
    """Takes what it is given and acknowledges nothing; a broken one says what librdkafka says of a fatal error."""

    def __init__(self, *, broken: bool) -> None:
        self.broken = broken
        self.produced: list[bytes] = []

    def produce(self, _topic: str, value: bytes, _key: bytes | None, **_: Any) -> None:
        if self.broken:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        self.produced.append(value)

    def poll(self, _timeout_s: float) -> int:
        return 0

    def flush(self, _timeout_s: float) -> int:
        return len(self.produced)

    def purge(self, **_: Any) -> None:
        return


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


def test_events_that_nobody_acknowledges_are_counted_told_and_raised_once(nowhere: Config) -> None:
    told: list[Failure] = []
    with UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2, on_failure=told.append) as publisher:
        publisher.publish(event(1))
        publisher.publish(event(2))
        assert publisher.flush() == 0
        assert publisher.counts == Counts(acknowledged=0, in_flight=0, failed=2, dropped=0, invalid=0)
        assert [failure.event_id for failure in told] == ["e1", "e2"]
        with pytest.raises(DeliveryError, match="timed out") as failed:
            publisher.check()
        assert failed.value.event_ids == ("e1", "e2")
        publisher.check()


def test_a_flush_ends_with_its_time(nowhere: Config) -> None:
    with UsagePublisher(nowhere, "usage", farewell_s=0) as publisher:
        publisher.publish(event(1))
        assert publisher.flush(0.2) == 1


def test_leaving_the_context_raises_nothing_and_says_what_was_lost(
    nowhere: Config, caplog: pytest.LogCaptureFixture
) -> None:
    with UsagePublisher(nowhere, "usage", farewell_s=0.2) as publisher:
        publisher.publish(event(1))
        publisher.publish(event(2))
    assert publisher.counts == Counts(acknowledged=0, in_flight=0, failed=2, dropped=0, invalid=0)
    (said,) = [record.getMessage() for record in caplog.records if record.name.startswith("burnline.publisher")]
    assert said == "usage events lost for topic usage: 2, 2 in all; the last e2: " + GIVEN_UP


def test_publishing_goes_on_while_earlier_events_fail(nowhere: Config) -> None:
    with UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2, farewell_s=0) as publisher:
        number = 0
        while not publisher.counts.failed:
            number += 1
            assert publisher.publish(event(number))
            time.sleep(0.01)


def test_reports_come_in_while_nobody_publishes(nowhere: Config) -> None:
    told = threading.Event()
    with UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2, on_failure=lambda _: told.set()) as publisher:
        publisher.publish(event(1))
        assert told.wait(30)


def test_what_a_callback_raises_reaches_nobody(nowhere: Config, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_failure: Failure) -> None:
        raise RuntimeError("of the callback")

    with UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2, on_failure=fail) as publisher:
        publisher.publish(event(1))
        publisher.publish(event(2))
        assert publisher.flush() == 0
    assert publisher.counts.failed == 2
    assert "on_failure raised; the publisher goes on" in caplog.text


@pytest.mark.parametrize("max_block_s", [0.0, 0.5])
def test_a_full_buffer_holds_an_agent_up_once_and_then_drops(nowhere: Config, max_block_s: float) -> None:
    with UsagePublisher(nowhere, "usage", max_in_flight=10, max_block_s=max_block_s, farewell_s=0) as publisher:
        taken = [publisher.publish(event(number)) for number in range(10)]
        started_s = time.monotonic()
        taken.append(publisher.publish(event(10)))
        assert time.monotonic() - started_s >= max_block_s
        started_s = time.monotonic()
        taken += [publisher.publish(event(number)) for number in range(11, 1_011)]
        assert time.monotonic() - started_s < 20  # each on its own would wait for half a second
        assert taken == [True] * 10 + [False] * 1_001
        assert publisher.counts == Counts(acknowledged=0, in_flight=10, failed=0, dropped=1_001, invalid=0)


def test_a_buffer_is_bounded_in_bytes_too(nowhere: Config) -> None:
    with UsagePublisher(nowhere, "usage", max_buffer_bytes=100_000, max_block_s=0, farewell_s=0) as publisher:
        while publisher.publish_raw(b"x" * 1_000, key=None, event_id="x"):
            assert publisher.in_flight <= 100


def test_there_is_room_again_once_the_brokers_take_events(settings: Settings, usage_topic: str) -> None:
    config = client_config(settings)
    with UsagePublisher(config, usage_topic, max_in_flight=10, max_block_s=0) as publisher:
        number = 0
        while not publisher.counts.dropped:
            number += 1
            publisher.publish(event(number))
        assert publisher.flush(30) == 0
        assert publisher.publish(event(number + 1))
    assert publisher.counts.failed == 0


@pytest.mark.parametrize(
    "wrong", [{"input_tokens": -1}, {"session_id": "\ud800"}, {"kind": "guess"}], ids=["count", "half a pair", "kind"]
)
def test_events_that_break_the_contract_can_be_counted_instead(nowhere: Config, wrong: dict[str, Any]) -> None:
    told: list[Failure] = []
    with UsagePublisher(nowhere, "usage", on_invalid="count", on_failure=told.append) as publisher:
        assert not publisher.publish(event(**wrong))
        assert publisher.counts == Counts(acknowledged=0, in_flight=0, failed=0, dropped=0, invalid=1)
    ((event_id, reason),) = told
    assert event_id == "e1"
    assert next(iter(wrong)) in reason


@pytest.mark.parametrize("nothing", [None, 7, [], {}, "{}"], ids=repr)
def test_nothing_at_all_reaches_an_agent_that_only_counts(nowhere: Config, nothing: Any) -> None:
    with UsagePublisher(nowhere, "usage", on_invalid="count") as publisher:
        assert not publisher.publish(nothing)
    assert publisher.counts.invalid == 1


def test_an_unknown_policy_is_a_mistake(nowhere: Config) -> None:
    with pytest.raises(ValueError, match=r"on_invalid='ignore': it is 'raise' or 'count'"):
        UsagePublisher(nowhere, "usage", on_invalid="ignore")  # type: ignore[arg-type]


def test_a_closed_publisher_takes_nothing_and_counts_it(nowhere: Config) -> None:
    publisher = UsagePublisher(nowhere, "usage")
    publisher.close()
    publisher.close()
    assert not publisher.publish(event(1))
    assert publisher.counts.dropped == 1


def test_another_producer_takes_over_from_one_that_cannot_go_on(
    nowhere: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ScriptedProducer] = []

    def make(*_: Any, **__: Any) -> ScriptedProducer:
        made.append(ScriptedProducer(broken=not made))
        return made[-1]

    monkeypatch.setattr("burnline.publisher.usage.Producer", make)
    with UsagePublisher(nowhere, "usage", farewell_s=0) as publisher:
        assert publisher.publish(event(1))
        assert publisher.publish(event(2))
        assert publisher.counts.failed == 0
        assert [len(producer.produced) for producer in made] == [0, 2]


def test_an_event_that_cannot_be_queued_is_named_at_once_and_the_others_arrive(
    settings: Settings, usage_topic: str
) -> None:
    with UsagePublisher.from_settings(settings) as publisher:
        publisher.publish(event(1))
        publisher.publish_raw(b"x" * (9 * 1024 * 1024), key=b"s1", event_id="huge")
        with pytest.raises(DeliveryError) as failed:
            publisher.check()
        assert failed.value.event_ids == ("huge",)
        publisher.publish(event(2))
    assert publisher.acknowledged == len(arrived(settings)) == 2


def test_an_error_on_its_way_out_is_kept_and_what_was_published_arrives(settings: Settings, usage_topic: str) -> None:
    with pytest.raises(RuntimeError, match="of the caller"):
        publish_and_raise(UsagePublisher.from_settings(settings), RuntimeError("of the caller"))
    assert len(arrived(settings)) == 1


@pytest.mark.parametrize("error", [RuntimeError("x"), SystemExit(0), asyncio.CancelledError()], ids=repr)
def test_an_error_on_its_way_out_carries_a_note_about_failures(nowhere: Config, error: BaseException) -> None:
    publisher = UsagePublisher(nowhere, "usage", farewell_s=0.2)
    with pytest.raises(type(error)) as raised:
        publish_and_raise(publisher, error)
    assert raised.value.__notes__ == ["1 usage events did not arrive"]


@pytest.mark.parametrize("error", [SystemExit(0), asyncio.CancelledError()], ids=repr)
def test_whatever_ends_the_context_what_was_published_arrives(
    settings: Settings, usage_topic: str, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        publish_and_raise(UsagePublisher.from_settings(settings), error)
    assert len(arrived(settings)) == 1


def test_ctrl_c_does_not_wait_for_brokers_that_are_away(nowhere: Config) -> None:
    publisher = UsagePublisher(nowhere, "usage", farewell_s=600)
    with pytest.raises(KeyboardInterrupt):
        publish_and_raise(publisher, KeyboardInterrupt())
    assert publisher.counts == Counts(acknowledged=0, in_flight=0, failed=1, dropped=0, invalid=0)


def test_a_long_list_of_failures_is_shortened_in_the_message_only(nowhere: Config) -> None:
    with UsagePublisher(nowhere, "usage", delivery_timeout_s=0.2) as publisher:
        for number in range(1, 9):
            publisher.publish(event(number))
        publisher.flush()
        with pytest.raises(DeliveryError, match=r"^8 events not acknowledged.*and 3 more$") as failed:
            publisher.check()
        assert len(failed.value.failures) == 8
