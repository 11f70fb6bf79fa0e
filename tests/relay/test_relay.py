"""`burnline otel` on a real broker: killed again and again, it brings every span to `usage` once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from prometheus_client import CollectorRegistry

from burnline.events.dead_letters import DeadLetterHeaders
from burnline.events.decode import decode_batch
from burnline.kafka import client_config
from burnline.relay.metrics import RelayMetrics
from burnline.relay.runner import Relay, member_id
from burnline.relay.sources import telemetry
from burnline.settings import Settings
from burnline.topics.catalogue import otel_topics_for, topics_for
from burnline.topics.ensure import ensure_otel_topics, ensure_topics
from burnline.topics.reading import read_to_end
from tests.brokers import MakeSettings
from tests.otel.emitted import END_NS, Emitter, as_json, logs
from tests.otel.test_logs import REQUEST
from tests.otel.test_spans import CALL
from tests.relay.dying import POINTS

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]

WITHIN_S = 150.0
RECORDS, SPANS = 60, 40


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """The Collector's topics under names of the test's own."""
    prefix = make_settings().topic_prefix
    found = make_settings(
        otel_spans_topic=f"{prefix}otlp_spans", otel_logs_topic=f"{prefix}otlp_logs", group_instance_id="one"
    )
    ensure_topics(found)
    ensure_otel_topics(found)
    return found


def spans(record: int) -> Emitter:
    """An agent's run: so many calls with an id of their own each, and the agent's span around them."""
    emitter = Emitter(service__name="svc", burnline__org_id="acme")
    agent = emitter.span("invoke_agent", CALL | {"gen_ai.operation.name": "invoke_agent"})
    for number in range(SPANS):
        own = {
            "gen_ai.response.id": f"r-{record}-{number}",
            "gen_ai.usage.input_tokens": number,
            "gen_ai.conversation.id": f"s-{record % 7}",
        }
        emitter.span("chat", CALL | own, parent=agent)
    return emitter


def write(settings: Settings, records: range) -> None:
    producer = Producer({**client_config(settings), "enable.idempotence": True})
    topics = otel_topics_for(settings)
    for record in records:
        emitter = spans(record)
        producer.produce(topics.spans.name, emitter.json() if record % 2 else emitter.proto())
        export = logs(REQUEST | {"request_id": f"req-{record}"}, body="claude_code.api_request")
        producer.produce(topics.logs.name, as_json(export) if record % 2 else export.SerializeToString())
    assert producer.flush(60) == 0


@contextmanager
def running(settings: Settings, dies: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, killed at the end if it still runs; or by itself at a certain point."""
    told = {
        f"BURNLINE_{name.upper()}": str(getattr(settings, name))
        for name in (
            "kafka_bootstrap_servers",
            "topic_prefix",
            "app_id",
            "otel_spans_topic",
            "otel_logs_topic",
            "group_instance_id",
        )
    }
    program = ["burnline"] if dies is None else ["tests.relay.dying", dies]
    command = [sys.executable, "-m", *program, "otel", "--metrics-port", "0"]
    process = subprocess.Popen(command, env={**os.environ, **told}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def published(settings: Settings) -> list[bytes]:
    topic = topics_for(settings).usage
    batches = read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=30)
    return [message.value() or b"" for batch in batches for message in batch]


def wait_for(settings: Settings, events: int) -> list[bytes]:
    deadline = time.monotonic() + WITHIN_S
    while len(found := published(settings)) < events:
        assert time.monotonic() < deadline, f"{len(found)} of {events} events are there"
        time.sleep(0.2)
    return found


@pytest.mark.needs("transactions")
def test_killed_anywhere_it_counts_every_call_once(settings: Settings) -> None:
    each = RECORDS // (len(POINTS) + 1)
    for number, point in enumerate(POINTS):
        write(settings, range(number * each, (number + 1) * each))
        with running(settings, dies=point) as process:
            assert process.wait(WITHIN_S) == -signal.SIGKILL
    write(settings, range(RECORDS - each, RECORDS))  # so that one who is told to end has come as far as to listen
    with running(settings) as process:
        values = wait_for(settings, RECORDS * (SPANS + 1))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert sorted(published(settings)) == sorted(values)
    usages, rejections = decode_batch(values, now_ms=END_NS // 1_000_000, max_clock_skew_ms=0)
    assert rejections == []
    ids = Counter(usage.event_id for usage in usages if usage is not None)
    wanted = {f"r-{record}-{number}" for record in range(RECORDS) for number in range(SPANS)}
    assert set(ids) == wanted | {f"req-{record}" for record in range(RECORDS)}
    assert set(ids.values()) == {1}
    calls = sum(usage.input_tokens for usage in usages if usage is not None and usage.event_id.startswith("r-"))
    assert calls == RECORDS * sum(range(SPANS))


@pytest.mark.needs("transactions")
def test_what_is_no_otlp_is_put_aside_and_holds_nothing_up(settings: Settings) -> None:
    topics = otel_topics_for(settings)
    producer = Producer(client_config(settings))
    producer.produce(topics.spans.name, b"no OTLP", partition=0)
    producer.flush(30)
    write(settings, range(1))
    with running(settings):
        wait_for(settings, SPANS + 1)
        deadline = time.monotonic() + WITHIN_S
        letters: list[Message] = []
        while not letters:
            assert time.monotonic() < deadline
            batches = read_to_end(
                client_config(settings), topics.dead_letters.name, range(topics.dead_letters.partitions), timeout_s=30
            )
            letters = [message for batch in batches for message in batch]
    (letter,) = letters
    assert letter.value() == b"no OTLP"
    headers = letter.headers()
    assert isinstance(headers, list)
    told = DeadLetterHeaders.from_kafka(headers)  # type: ignore[arg-type]  # the stubs allow text for values
    assert (told.reason.value, told.topic, told.partition, told.offset) == ("not_otlp", topics.spans.name, 0, 0)


@pytest.mark.parametrize(
    ("partitions", "member"),
    [
        pytest.param((4, 4), "one-of-4-of-4", id="as many as ever"),
        pytest.param((4, 8), "one-of-4-of-8", id="more of one topic: another member, so that all are shared out anew"),
        pytest.param((0, 4), "one-of-0-of-4", id="a topic that is not there yet"),
    ],
)
def test_a_static_member_is_one_of_so_many_partitions(partitions: tuple[int, int], member: str) -> None:
    assert member_id("one", partitions) == member


@contextmanager
def relaying(settings: Settings) -> Iterator[None]:
    """The relay in a thread, until the end of the block."""
    stop = threading.Event()
    soon = settings.model_copy(update={"session_timeout_ms": 6_000})
    relay = Relay(soon, telemetry(soon), "one", RelayMetrics("otel", CollectorRegistry()), stop)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()


@pytest.mark.needs("transactions", "static-members")
def test_partitions_that_came_during_a_quick_restart_are_read(settings: Settings) -> None:
    name = otel_topics_for(settings).spans.name
    client = client_config(settings)
    write(settings, range(1))
    with relaying(settings):
        wait_for(settings, SPANS + 1)
    admin = AdminClient(client)
    admin.create_partitions([NewPartitions(name, 2 * settings.partitions)])[name].result(30)
    producer = Producer(client)
    producer.produce(name, spans(1).json(), partition=2 * settings.partitions - 1)
    assert producer.flush(60) == 0
    with relaying(settings):
        wait_for(settings, 2 * SPANS + 1)
