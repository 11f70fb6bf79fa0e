"""A worker's clock that is wrong, on a real log: what counts is when the log took a record."""

import logging
import time

import pytest

from burnline.events.dead_letters import DeadLetterHeaders
from burnline.kafka import client_config
from burnline.ledger.record import parse
from burnline.settings import Settings
from burnline.stream.clocks import OWN_CLOCK_SKEW_MS, Clocks
from burnline.topics.catalogue import TIMESTAMP_TYPE, TopicSpec, topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.audit.working import publish, work_off
from tests.brokers import MakeSettings
from tests.events.examples import encoded
from tests.topics.making import make_topic

MINUTE_MS = 60_000
SKEW_MS = 300_000


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings(partitions=1)


def values_of(settings: Settings, topic: TopicSpec) -> list[bytes]:
    batches = read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=20)
    return [message.value() or b"" for batch in batches for message in batch]


def refused(settings: Settings) -> list[str]:
    topic = topics_for(settings).dead_letters
    batches = read_to_end(client_config(settings), topic.name, [0], timeout_s=20)
    return [
        DeadLetterHeaders.from_kafka(message.headers()).reason  # type: ignore[arg-type]  # ours are bytes
        for batch in batches
        for message in batch
    ]


def counted(settings: Settings) -> int:
    return sum(parse(value).events for value in values_of(settings, topics_for(settings).sessions))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.needs("log-append-time")
@pytest.mark.parametrize("wrong_minutes", [-360, -6, 0, 6, 360], ids="{}-min".format)
def test_a_workers_clock_that_is_wrong_changes_nothing(settings: Settings, wrong_minutes: int) -> None:
    ensure_topics(settings)
    publish(settings, encoded(occurred_at=now_ms()), encoded(event_id="ahead", occurred_at=now_ms() + 2 * SKEW_MS))
    work_off(settings, now_ms() + wrong_minutes * MINUTE_MS)
    assert (counted(settings), refused(settings)) == (1, ["in_the_future"])


@pytest.mark.broker
@pytest.mark.parametrize(
    ("slow_minutes", "events", "reasons"),
    [
        pytest.param(6, 1, [], id="a-clock-that-may-be-wrong-refuses-nothing"),
        pytest.param(120, 0, ["in_the_future"], id="beyond-what-a-clock-may-be-wrong"),
    ],
)
def test_without_the_logs_time_the_workers_clock_stands_in_and_says_so(
    settings: Settings, slow_minutes: int, events: int, reasons: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The topic is made anew by something else after it was ensured, or the broker cannot tell."""
    make_topic(settings, "usage", config={TIMESTAMP_TYPE: "CreateTime"})
    for topic in topics_for(settings)[1:]:
        make_topic(settings, topic.name.removeprefix(settings.topic_prefix), topic.partitions, topic.config)
    publish(settings, encoded(occurred_at=now_ms()))
    with caplog.at_level(logging.WARNING):
        work_off(settings, now_ms() - slow_minutes * MINUTE_MS)
    assert (counted(settings), refused(settings)) == (events, reasons)
    told = [record.getMessage() for record in caplog.records if "LogAppendTime" in record.getMessage()]
    assert len(told) == 1
    assert f"topic {topics_for(settings).usage.name} does not say when it took its records" in told[0]


@pytest.mark.parametrize(
    ("skew_ms", "by_clock", "allowed_ms"),
    [
        pytest.param(SKEW_MS, False, SKEW_MS, id="of-the-log"),
        pytest.param(SKEW_MS, True, OWN_CLOCK_SKEW_MS, id="of-a-clock-that-may-be-wrong"),
        pytest.param(2 * OWN_CLOCK_SKEW_MS, True, 2 * OWN_CLOCK_SKEW_MS, id="never-less-than-was-asked-for"),
    ],
)
def test_how_far_ahead_an_event_may_be(skew_ms: int, by_clock: bool, allowed_ms: int) -> None:  # noqa: FBT001
    assert Clocks(now_ms, skew_ms).allowed_ms(by_clock=by_clock) == allowed_ms
