"""A detector on a real broker: what it tells, and that it tells it once, whatever ends it when."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from burnline.detection.anomaly import Anomaly, State
from burnline.detection.baseline import Baseline
from burnline.detection.learned.meters import DAY_MS, HOUR_MS
from burnline.detection.learned.rules import Cause
from burnline.detection.policy_record import PolicyRecord
from burnline.detection.rule import BurnRule
from burnline.detector.keeper import Keeper
from burnline.detector.merging import Logged
from burnline.detector.metrics import DetectorMetrics
from burnline.detector.runner import Detector
from burnline.detector.state import uses_in
from burnline.kafka import client_config
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.stream.writer import Fenced
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest, write_key
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.brokers import MakeSettings
from tests.detection.learned.fleet import T0_MS, Sent, loop, usual_days
from tests.detector.logs import PARTITIONS, rates, records, stage

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
WITHIN_S = 90.0


def spread(day: int) -> list[Sent]:
    """A quarter of an hour of a session without a key, which burns 9 USD/h in all, 3 on each partition."""
    begin_ms = T0_MS + day * DAY_MS + 3 * HOUR_MS
    return [Sent(begin_ms + 2_000 * turn, "spread", f"spread-{day}", 4_000, 200) for turn in range(450)]


FIRST = usual_days(8) + loop("chat-1", 7) + spread(7)
SECOND = [*loop("chat-2", 8), *spread(8), Sent(T0_MS + 9 * DAY_MS, "chat-0", "last")]
KEYLESS = frozenset({"spread-7", "spread-8"})
LINE = Baseline(org_id="acme", agent_id="spread", usd_per_hour="1")
"""What burns more than 5 USD/h is above it."""


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    settings = make_settings(partitions=PARTITIONS, judge_by="event_time", learned="auto", detect_metrics_port=0)
    ensure_topics(settings)
    for rate in rates():
        write_key(client_config(settings), topics_for(settings).valuation_rates, rate.key(), value(rate), timeout_s=30)
    write_key(client_config(settings), topics_for(settings).baselines, LINE.key(), value(LINE), timeout_s=30)
    return settings


def value(record: ValuationRate | Baseline) -> bytes:
    return record.model_dump_json(exclude_none=True).encode()


def publish(settings: Settings, log: list[Logged]) -> None:
    producer = Producer({**client_config(settings), "enable.idempotence": True})
    for record in log:
        producer.produce(topics_for(settings).usage.name, record.value, partition=record.partition)
    assert producer.flush(30) == 0


def written(settings: Settings) -> list[Anomaly]:
    topic = topics_for(settings).anomalies
    batches = read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=30)
    return [Anomaly.model_validate_json(message.value() or b"") for batch in batches for message in batch]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def environment(settings: Settings) -> dict[str, str]:
    names = ("kafka_bootstrap_servers", "topic_prefix", "app_id", "partitions", "judge_by", "learned")
    own = {f"BURNLINE_{name.upper()}": str(getattr(settings, name)) for name in names}
    return os.environ | own | {"BURNLINE_DETECT_METRICS_PORT": "0"}


@contextmanager
def at_work(
    settings: Settings, until: Callable[[Detector], bool], registry: CollectorRegistry | None = None
) -> Iterator[None]:
    """A detector that works until something is true, and ends in order."""
    stop, failures = threading.Event(), list[BaseException]()
    detector = Detector(settings, DetectorMetrics(registry or CollectorRegistry()))

    def run() -> None:
        try:
            detector.run(stop)
        except BaseException as failure:  # noqa: BLE001  # told at the end
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: bool(failures) or until(detector))
        yield
    finally:
        stop.set()
        thread.join(60)
        detector.close()
    assert not failures, failures


def read(events: int) -> Callable[[Detector], bool]:
    """Whether so many records were taken in, and what they ended is told."""
    return lambda detector: sum(detector.offsets.values()) >= events and not detector.ready


def story(notices: list[Anomaly]) -> list[tuple[str, int, State]]:
    return sorted((notice.anomaly_id, notice.revision, notice.state) for notice in notices)


def test_what_a_detector_tells_does_not_depend_on_how_often_it_ends(settings: Settings) -> None:
    """It ends in order, with a state; it is killed; and the next one writes nothing that was written."""
    first = records(FIRST, keyless=KEYLESS)
    publish(settings, first)
    with at_work(settings, read(len(first))):
        pass
    found = written(settings)
    causes = {(notice.agent_id, notice.learned and notice.learned.cause) for notice in found}
    assert causes == {("spread", None), ("chat-1", Cause.RETRY_LOOP)}
    assert [notice.state for notice in found if not notice.learned] == [State.OPENED, State.RESOLVED]
    second = records(SECOND, len(first), keyless=KEYLESS)
    publish(settings, second)
    process = subprocess.Popen([sys.executable, "-P", "-m", "burnline", "detect"], env=environment(settings))
    try:
        wait_for(lambda: any(notice.agent_id == "chat-2" for notice in written(settings)))
    finally:
        process.kill()
        process.wait(10)
    with at_work(settings, read(len(first) + len(second))):
        pass
    whole = stage(LINE, rule=BurnRule.from_settings(settings), topic=topics_for(settings).usage.name)
    expected, _ = whole.apply(records(FIRST + SECOND, keyless=KEYLESS))
    assert story(written(settings)) == story(expected + whole.settle(whole.newest_ms))


def test_policies_that_were_published_hold_and_stand_in_notices_with_their_version(settings: Settings) -> None:
    """Where each has counted is said with the state."""
    policy = PolicyRecord(name="loud", org="acme", sensitivity=1.1, version=7)
    idle = PolicyRecord(name="idle", org="nobody")
    for record in (policy, idle):
        written_as = record.model_dump_json(exclude_none=True).encode()
        write_key(client_config(settings), topics_for(settings).policies, record.key(), written_as, timeout_s=30)
    log = records(usual_days(8) + loop("chat-1", 7))
    publish(settings, log)
    with at_work(settings, read(len(log))):
        pass
    told = [notice.learned for notice in written(settings) if notice.learned]
    assert {(one.policy, one.policy_version) for one in told} == {("loud", 7)}
    found = read_newest(client_config(settings), topics_for(settings).detection, timeout_s=30)
    assert {(use.name, use.version, use.agents, use.org_id) for use in uses_in(found)} == {
        ("idle", 1, 0, ""),
        ("loud", 7, 3, "acme"),
    }


def test_events_of_now_are_taken_by_the_time_of_the_log(make_settings: MakeSettings) -> None:
    """Also of a partition whose neighbours are silent; and what is late by more than a day is counted as that."""
    settings = make_settings(partitions=PARTITIONS, detect_metrics_port=0)
    ensure_topics(settings)
    now_ms = time.time_ns() // 1_000_000
    log = records([Sent(now_ms - 1_000 + place, "a", "s") for place in range(40)])
    log += records([Sent(T0_MS, "a", "of-old")], 40)
    publish(settings, log)
    registry = CollectorRegistry()
    with at_work(settings, read(len(log)), registry):
        pass
    taken = {
        outcome: registry.get_sample_value("burnline_detect_events_total", {"outcome": outcome})
        for outcome in ("counted", "late", "refused", "repeated")
    }
    assert taken == {"counted": 40, "late": 1, "refused": None, "repeated": None}
    assert written(settings) == []


def test_a_detector_that_begins_shuts_out_the_one_before(settings: Settings) -> None:
    topic = topics_for(settings).detection
    former, latter = Keeper(settings, topic, "detect"), Keeper(settings, topic, "detect")
    assert former.begin() == (None, None)
    former.write([], {0: 1}, 5, b"what is known")
    kept = latter.begin()
    assert kept.state == b"what is known"
    assert kept.progress is not None
    assert (kept.progress.offsets, kept.progress.settled_ms) == ({0: 1}, 5)
    latter.write([], {0: 2}, 5, None)
    with pytest.raises(Fenced):
        former.write([], {0: 3}, 5, None)
    assert Keeper(settings, topic, "detect").begin().state == b"what is known"
