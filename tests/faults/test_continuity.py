"""Topics that do not fit together: refused with the reason, never counted from zero, never skipped, never twice."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec, topics_for
from burnline.topics.client_log import client_log
from burnline.topics.compacted import read_newest
from burnline.topics.ensure import ensure_topics
from tests.events.examples import NOW_MS, encoded
from tests.faults.conftest import OpenStage
from tests.faults.stage import Stage
from tests.faults.topics import alter

pytestmark = pytest.mark.faults

PARTITIONS = 2
TIMEOUT_S = 60.0
POLL_S = 0.2


@contextmanager
def counted(open_stage: OpenStage, events: int, refused: int = 0, **settings: object) -> Iterator[Stage]:
    """A stage on which one worker has counted so many events on each partition, refused others, and was stopped."""
    with open_stage(workers=1, partitions=PARTITIONS, **settings) as stage:
        publish(stage, 0, events, refused=refused)
        start(stage)
        wait_for(lambda: total(stage) == PARTITIONS * events, stage)
        stop(stage)
        yield stage


def admin(stage: Stage) -> AdminClient:
    return AdminClient(client_config(stage.settings), logger=client_log)


def publish(stage: Stage, first: int, events: int, partitions: int = PARTITIONS, refused: int = 0) -> None:
    """Events with numbers from `first` on, on each partition; before them some that are none."""
    producer = Producer(client_config(stage.settings), logger=client_log)
    for partition in range(partitions):
        for _ in range(refused):
            producer.produce(stage.topics.usage.name, b"no event", b"key", partition)
    for number in range(first, first + events):
        for partition in range(partitions):
            value = encoded(event_id=f"e-{partition}-{number}", session_id=f"s-{partition}", occurred_at=NOW_MS)
            producer.produce(stage.topics.usage.name, value, f"s-{partition}".encode(), partition)
    assert producer.flush(TIMEOUT_S) == 0


def start(stage: Stage) -> None:
    stage.fleet.slots[0].start()


def stop(stage: Stage) -> None:
    assert stage.fleet.slots[0].terminate().exit_code == 0


def sums(settings: Settings, topic: str) -> tuple[int, Decimal]:
    found = [
        json.loads(value)
        for value in read_newest(client_config(settings), topic_of(settings, topic), timeout_s=20).values()
    ]
    return sum(one["events"] for one in found), sum((Decimal(one["cost_usd"]) for one in found), Decimal())


def topic_of(settings: Settings, role: str) -> TopicSpec:
    spec: TopicSpec = getattr(topics_for(settings), role)
    return spec


def total(stage: Stage) -> int:
    return sums(stage.settings, "sessions")[0]


def wait_for(reached: Callable[[], bool], stage: Stage) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not reached():
        assert time.monotonic() < deadline, stage.fleet.slots[0].readiness()
        time.sleep(POLL_S)


def wait_refused(stage: Stage, reason: str) -> None:
    wait_for(lambda: reason in stage.fleet.slots[0].readiness()[1], stage)
    worker = stage.fleet.slots[0]
    wait_for(lambda: worker.metrics()["burnline_ready"] == 0, stage)  # shown a turn later than the reason
    assert worker.metrics()["burnline_partitions_refused"] >= 1


def make_anew(stage: Stage, role: str) -> None:
    name = topic_of(stage.settings, role).name
    client = admin(stage)
    client.delete_topics([name])[name].result(TIMEOUT_S)
    wait_for(lambda: name not in client.list_topics(timeout=10).topics, stage)
    ensure_topics(stage.settings)


def remove_records(stage: Stage, topic: str, below: int) -> None:
    """Of partition 0, as retention does."""
    client = admin(stage)  # an answer is lost when its client is
    client.delete_records([TopicPartition(topic, 0, below)])[TopicPartition(topic, 0)].result(TIMEOUT_S)


@pytest.mark.parametrize("again", [3, 12], ids=["shorter than before", "longer than before"])
def test_a_source_topic_made_anew_is_refused(open_stage: OpenStage, again: int) -> None:
    with counted(open_stage, 6) as stage:
        make_anew(stage, "usage")
        publish(stage, 100, again)
        start(stage)
        wait_refused(stage, f"topic {stage.topics.usage.name} was made anew")
        assert total(stage) == PARTITIONS * 6
        assert "burnline adopt" in stage.fleet.slots[0].readiness()[1]


def test_a_source_topic_made_anew_under_a_worker_is_refused(open_stage: OpenStage) -> None:
    with counted(open_stage, 6) as stage:
        start(stage)
        stage.fleet.wait_ready()
        make_anew(stage, "usage")
        publish(stage, 100, 12)
        wait_refused(stage, f"topic {stage.topics.usage.name} was made anew")
        assert total(stage) == PARTITIONS * 6


@pytest.mark.parametrize("role", ["sessions", "rollups", "event_ids", "usage_rollups"])
def test_state_that_is_lost_is_not_counted_from_zero(open_stage: OpenStage, role: str) -> None:
    with counted(open_stage, 6) as stage:
        make_anew(stage, role)
        publish(stage, 100, 1)
        start(stage)
        wait_refused(stage, f"topic {topic_of(stage.settings, role).name} was made anew")


def test_progress_that_is_lost_does_not_count_twice(open_stage: OpenStage) -> None:
    with counted(open_stage, 6) as stage:
        make_anew(stage, "progress")
        publish(stage, 100, 1)
        start(stage)
        wait_refused(stage, f"topic {stage.topics.progress.name} has no record of the partition")
        assert total(stage) == PARTITIONS * 6


def test_ledgers_that_were_removed_are_missed(open_stage: OpenStage) -> None:
    """Not the topic but its records are gone, as by a cleanup policy of the brokers'."""
    with counted(open_stage, 6) as stage:
        sessions = stage.topics.sessions.name
        alter(stage.settings, sessions, {"cleanup.policy": "delete"})
        remove_records(stage, sessions, OFFSET_END)
        alter(stage.settings, sessions, {"cleanup.policy": "compact"})
        start(stage)
        wait_refused(stage, "hold 0 events, the progress was written with 6")


def test_what_retention_took_is_counted_and_passed_over(open_stage: OpenStage) -> None:
    with counted(open_stage, 6) as stage:
        publish(stage, 100, 20)
        remove_records(stage, stage.topics.usage.name, 26)
        start(stage)
        wait_for(lambda: stage.fleet.slots[0].readiness()[0], stage)
        wait_for(lambda: total(stage) == 6 + 26, stage)
        wait_for(lambda: stage.fleet.slots[0].metrics().get('burnline_lost_events_total{partition="0"}') == 20, stage)
        wait_for(lambda: stage.fleet.slots[0].metrics()['burnline_lag_events{partition="0"}'] == 0, stage)
        publish(stage, 200, 1)
        wait_for(lambda: total(stage) == 6 + 26 + PARTITIONS, stage)


def test_what_retention_takes_from_under_a_reader_is_counted(open_stage: OpenStage) -> None:
    with counted(open_stage, 6) as stage:
        start(stage)
        stage.fleet.wait_ready()
        stage.fleet.slots[0].pause()
        publish(stage, 100, 20)
        remove_records(stage, stage.topics.usage.name, 26)
        stage.fleet.slots[0].wake()
        publish(stage, 200, 1)
        wait_for(lambda: total(stage) + lost(stage) == PARTITIONS * 27, stage)


def lost(stage: Stage) -> int:
    progress = read_newest(client_config(stage.settings), topic_of(stage.settings, "progress"), timeout_s=20)
    return sum((json.loads(value).get("lineage") or {}).get("lost_events", 0) for value in progress.values())


def test_all_is_counted_again_at_once_where_the_derived_topics_are_gone(open_stage: OpenStage) -> None:
    """Whatever the consumer group has committed, and though no new event comes."""
    with counted(open_stage, 6) as stage:
        for role in ("progress", "sessions", "rollups", "usage_rollups", "event_ids"):
            make_anew(stage, role)
        start(stage)
        wait_for(lambda: total(stage) == PARTITIONS * 6, stage)


def test_a_source_topic_that_has_grown_is_said_at_once(open_stage: OpenStage) -> None:
    """And once all have, a static member that comes back at once reads all of it, not what it had."""
    with counted(open_stage, 6) as stage:
        start(stage)
        stage.fleet.wait_ready()
        usage = stage.topics.usage.name
        client = admin(stage)  # an answer is lost when its client is
        client.create_partitions([NewPartitions(usage, 2 * PARTITIONS)])[usage].result(TIMEOUT_S)
        publish(stage, 100, 1, partitions=2 * PARTITIONS)
        wait_refused(stage, f"topic {usage} has 4 partitions, BURNLINE_PARTITIONS is 2: nothing reads 2 to 3")
        wait_for(lambda: total(stage) == PARTITIONS * 7, stage)
        stop(stage)
        stage.fleet.slots[0].environment["BURNLINE_PARTITIONS"] = "4"
        done = run(stage, "topics", "ensure", "--grow")
        assert done.returncode == 0, done.stderr
        assert "partitions was 2, is 4 now" in done.stdout
        start(stage)
        grown = stage.settings.model_copy(update={"partitions": 4})
        wait_for(lambda: sums(grown, "sessions")[0] == PARTITIONS * 8, stage)


def run(stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "burnline", *arguments]
    environment = stage.fleet.slots[0].environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_topic_made_anew_is_adopted_with_the_sums_kept(open_stage: OpenStage) -> None:
    with counted(open_stage, 6, refused=1) as stage:
        make_anew(stage, "usage")
        publish(stage, 100, 3)
        start(stage)
        wait_refused(stage, "was made anew")
        dry = run(stage, "adopt", "--dry-run")
        assert "partition 0: goes on at offset 0 of the topic of now, 6 events kept" in dry.stdout
        assert total(stage) == PARTITIONS * 6
        done = run(stage, "adopt")
        assert (done.returncode, done.stdout) == (0, dry.stdout), done.stderr
        wait_for(lambda: total(stage) == PARTITIONS * 9, stage)
        assert sums(stage.settings, "usage_rollups") == sums(stage.settings, "sessions")
        assert run(stage, "adopt").stdout.count("fits as it is") == PARTITIONS
        told = verified(stage)
        assert told["partitions"][0]["begun"] | {"at": ""} == {
            "how": "adopted", "at": "", "from_offset": 0, "kept_events": 6,
        }  # fmt: skip


def test_a_recount_comes_to_the_log_however_often(open_stage: OpenStage) -> None:
    with counted(open_stage, 6, refused=1) as stage:
        make_anew(stage, "progress")
        start(stage)
        wait_refused(stage, "has no record of the partition")
        stop(stage)
        for _ in range(2):
            done = run(stage, "recount")
            assert done.returncode == 0, done.stderr
            assert done.stdout.count("events are forgotten and counted anew, from offset 0 of 7") == PARTITIONS
            assert total(stage) == 0
            start(stage)
            wait_for(lambda: total(stage) == PARTITIONS * 6, stage)
            stop(stage)
            assert sums(stage.settings, "usage_rollups") == sums(stage.settings, "sessions")
        told = verified(stage)
        assert told["dead_letters"]["refused"] == PARTITIONS, "those of before are passed over"
        assert [one["begun"]["how"] for one in told["partitions"]] == ["recounted"] * PARTITIONS


def verified(stage: Stage) -> dict[str, Any]:
    """What `burnline verify` finds where nothing differs."""
    done = run(stage, "verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.long
def test_a_log_that_has_lost_its_end_and_grown_past_it_is_refused(open_stage: OpenStage) -> None:
    """Under the same topic id, as after the election of a leader that had less: the offsets are other events by now."""
    with counted(open_stage, 6, judge_by="log_time") as stage:
        broker, usage = stage.cluster.nodes[0], stage.topics.usage.name
        broker.kill()
        broker.cut(usage, 0)
        broker.start()
        broker.wait()
        publish(stage, 100, 12)
        start(stage)
        wait_refused(stage, f"partition 0 of topic {usage} has another record at offset 5: ")
        wait_for(lambda: total(stage) == 2 * 6 + 12, stage)  # the other partition goes on
        assert "12 events kept" not in run(stage, "adopt", "--partition", "0", "--dry-run").stdout
        assert run(stage, "adopt", "--partition", "0").returncode == 0
        wait_for(lambda: total(stage) == 2 * 6 + 2 * 12, stage)
        verified(stage)


def test_a_recount_does_not_lose_what_the_log_has_lost_unless_asked_to(open_stage: OpenStage) -> None:
    with counted(open_stage, 6) as stage:
        remove_records(stage, stage.topics.usage.name, 2)
        done = run(stage, "recount", "--partition", "0")
        assert done.returncode == 1
        assert "not done: the log begins at offset 2" in done.stdout
        assert total(stage) == PARTITIONS * 6
        assert run(stage, "recount", "--partition", "0", "--accept-loss").returncode == 0
        start(stage)
        wait_for(lambda: total(stage) == 6 + 4, stage)
