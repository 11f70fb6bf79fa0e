"""Transactions whose end the brokers have forgotten: a new owner finds them, and nothing of them counts twice.

Apache Kafka 4.4 forgets the end of a committed transaction when it is killed before it has written the markers, and is
up again before its partitions have a leader.
"""

import time
from collections.abc import Set as AbstractSet
from typing import TypeVar

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from burnline.kafka import Config, client_config
from burnline.stream.restore import stored_progress
from burnline.stream.writer import DeliveryCallback, StillOpen, TransactionalWriter
from burnline.stream.written import Outgoing
from burnline.topics.client_log import client_log
from burnline.topics.ends import open_topics
from burnline.topics.reading import is_aborted, read_to_end
from tests.faults.cluster import Cluster
from tests.faults.conftest import OpenStage
from tests.faults.play import begin, settle
from tests.faults.stage import Stage
from tests.faults.unregistered import Unregistered, leave_open, unverified
from tests.topics.making import still_open

pytestmark = pytest.mark.faults

Writer = TypeVar("Writer", bound=TransactionalWriter)

PARTITION = 2
TIMEOUT_S = 20.0


def test_a_flush_without_end_is_aborted_by_the_next_owner(open_stage: OpenStage, cluster: Cluster) -> None:
    with open_stage(workers=1) as stage:
        topics = stage.topics
        records = {topics.progress.name: b"{}", topics.anomalies.name: b"notice", topics.dead_letters.name: b"letter"}
        leave_open(cluster, transactional_id(stage), PARTITION, records)
        assert still_open(stage.settings, PARTITION) == sorted(records)
        writer = a_writer(stage)
        writer.fence()
        assert still_open(stage.settings, PARTITION) == []
        writer.write([Outgoing(topic, b"key", b"new", ()) for topic in records], previous=None, progress=b"new")
        assert [committed(stage, topic) for topic in records] == [[b"new"]] * 3


@pytest.mark.parametrize("role", ["sessions", "rollups", "event_ids"])
def test_state_without_end_whose_progress_has_one_is_not_guessed_at(
    role: str, open_stage: OpenStage, cluster: Cluster
) -> None:
    with open_stage(workers=1) as stage:
        topic = getattr(stage.topics, role).name
        leave_open(cluster, transactional_id(stage), PARTITION, {topic: b"{}"})
        with pytest.raises(StillOpen, match=f"open on {topic}, though its progress counts or was never written"):
            a_writer(stage).fence()


def test_notices_without_end_become_visible_with_the_next(open_stage: OpenStage, cluster: Cluster) -> None:
    with open_stage(workers=1) as stage:
        anomalies = stage.topics.anomalies.name
        leave_open(cluster, transactional_id(stage), PARTITION, {anomalies: b"late"})
        writer = a_writer(stage)
        writer.fence()
        assert committed(stage, anomalies) == []
        writer.write([Outgoing(anomalies, b"key", b"next", ())], previous=None, progress=b"next")
        assert committed(stage, anomalies) == [b"late", b"next"]


def test_somebody_elses_open_transaction_is_named(open_stage: OpenStage, cluster: Cluster) -> None:
    with open_stage(workers=1) as stage:
        progress = stage.topics.progress.name
        leave_open(cluster, "somebody else", PARTITION, {progress: b"{}"})
        with pytest.raises(StillOpen, match=f"open on {progress}: it is not one of this partition's owners"):
            a_writer(stage).fence()


def test_a_worker_goes_on_where_the_end_of_a_flush_was_forgotten(open_stage: OpenStage, cluster: Cluster) -> None:
    """What was left open claims to be a flush; it is as if it had never been written."""
    with open_stage(workers=1, events_per_s=4_000) as stage:
        begin(stage)
        stage.publisher.wait_sent(10_000, timeout_s=60)
        (worker,) = stage.fleet.slots
        worker.kill()
        topics = stage.topics
        records = {topics.progress.name: b"no progress", topics.dead_letters.name: b"no letter"}
        leave_open(cluster, transactional_id(stage), PARTITION, records)
        worker.start()
        settle(stage)
        assert worker.logged("a transaction has no end on") == 1


def test_a_partition_whose_state_is_in_doubt_is_refused(open_stage: OpenStage, cluster: Cluster) -> None:
    with open_stage(workers=1) as stage:
        sessions = stage.topics.sessions.name
        leave_open(cluster, transactional_id(stage), PARTITION, {sessions: b"{}"})
        (worker,) = stage.fleet.slots
        worker.start()
        deadline = time.monotonic() + TIMEOUT_S
        why_not = f"partition {PARTITION}: a transaction stays open on {sessions}"
        while why_not not in worker.readiness()[1] and time.monotonic() < deadline:
            time.sleep(0.2)
        assert why_not in worker.readiness()[1]


@pytest.mark.parametrize("most_kept", [2, 3], ids=["a large flush", "a small one"])
@pytest.mark.parametrize(
    "forgotten",
    [
        pytest.param((), id="nothing"),
        pytest.param(("sessions",), id="of ledgers"),
        pytest.param(("anomalies", "sessions"), id="of ledgers and notices"),
    ],
)
def test_what_a_flush_that_counts_lost_with_the_next_one_is_written_again(
    forgotten: tuple[str, ...],
    most_kept: int,
    open_stage: OpenStage,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Large or small, which decides whether it is kept for that when the brokers say that it has an end everywhere."""
    monkeypatch.setattr("burnline.stream.writer.MOST_KEPT", most_kept)
    with open_stage(workers=1) as stage, unverified(cluster):
        names = {getattr(stage.topics, role).name: role in forgotten for role in ("sessions", "anomalies", "progress")}
        writer = writer_of(ForgetfulWriter, stage, cluster.proxied_servers)
        writer.cluster = cluster
        writer.fence()
        writer.forgets = {topic for topic, forgets in names.items() if forgets}
        writer.write([flushed(topic, b"1") for topic in names], previous=None, progress=b"1")
        assert still_open(stage.settings, PARTITION) == sorted(writer.forgets)
        writer.forgets, writer.fails = set(), 2
        writer.write([flushed(topic, b"2") for topic in names], previous=b"1", progress=b"2")
        assert [committed(stage, topic) for topic in names] == [[b"1", b"2"]] * 3
        writer.write([flushed(topic, b"3") for topic in names], previous=b"2", progress=b"3")
        assert [committed(stage, topic) for topic in names] == [[b"1", b"2", b"3"]] * 3


def flushed(topic: str, value: bytes) -> Outgoing:
    """A record with a key of its own: the stage's topics are compacted at once, and none may take another's place."""
    return Outgoing(topic, value, value, ())


class ForgetfulWriter(TransactionalWriter):
    """Writes, over a proxy, flushes whose end the coordinator forgets on some topics, or that fail."""

    cluster: Cluster
    forgets: AbstractSet[str] = frozenset()
    fails = 0

    def _produce(self, producer: Producer, outgoing: Outgoing, on_delivery: DeliveryCallback | None) -> None:
        self.cluster.proxies[0].intercept = Unregistered() if outgoing.topic in self.forgets else None
        super()._produce(producer, outgoing, on_delivery)
        assert producer.flush(TIMEOUT_S) == 0

    def _commit(self, producer: Producer) -> None:
        self.fails -= 1
        if self.fails >= 0:
            raise KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT))
        super()._commit(producer)


def test_open_transactions_are_found_after_an_election(cluster: Cluster) -> None:
    """By one that asks while there is no leader yet."""
    config: Config = {"bootstrap.servers": cluster.bootstrap_servers}
    admin = AdminClient(config, logger=client_log)
    topics = [f"elected-{index}" for index in range(2)]
    for created in admin.create_topics([NewTopic(topic, PARTITION + 1, 1) for topic in topics]).values():
        created.result()
    assert open_topics(config, topics, PARTITION, TIMEOUT_S) == []
    cluster.restart(0)
    assert open_topics(config, topics, PARTITION, TIMEOUT_S) == []
    leave_open(cluster, "opened after it", PARTITION, {topics[1]: b"{}"})
    assert open_topics(config, topics, PARTITION, TIMEOUT_S) == [topics[1]]


def transactional_id(stage: Stage) -> str:
    return f"{stage.settings.app_id}-{PARTITION}"


def a_writer(stage: Stage) -> TransactionalWriter:
    return writer_of(TransactionalWriter, stage, stage.settings.kafka_bootstrap_servers)


def writer_of(kind: type[Writer], stage: Stage, servers: str) -> Writer:
    config, topics = client_config(stage.settings), stage.topics
    return kind(
        {**config, "bootstrap.servers": servers},
        transactional_id(stage),
        PARTITION,
        stored_progress=lambda: stored_progress(config, topics, PARTITION),
        open_topics=lambda: still_open(stage.settings, PARTITION),
        is_aborted=lambda topic, offset: is_aborted(config, topic, PARTITION, offset, timeout_s=TIMEOUT_S),
        state_topics=[topics.sessions.name, topics.rollups.name, topics.event_ids.name],
        progress_topic=topics.progress.name,
    )


def committed(stage: Stage, topic: str) -> list[bytes | str | None]:
    config = client_config(stage.settings)
    found = read_to_end(config, topic, [PARTITION], timeout_s=TIMEOUT_S)
    return [message.value() for batch in found for message in batch]
