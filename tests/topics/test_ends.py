"""Which topics have an open transaction, asked from many threads, also about what does not exist or has no leader."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import PartitionMetadata, TopicMetadata

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.ends import _not_led, open_topics
from burnline.topics.errors import TopicMissing
from tests.topics.making import TIMEOUT_S, Transaction, make_topic

THREADS = 8
TURNS = 5


@pytest.mark.needs("transactions")
def test_open_transactions_are_found(settings: Settings) -> None:
    topics = [make_topic(settings, name) for name in ("with", "without")]
    transaction = Transaction(settings, topics[0], ["open"])
    assert open_topics(client_config(settings), topics, 0, TIMEOUT_S) == topics[:1]
    transaction.commit()
    assert open_topics(client_config(settings), topics, 0, TIMEOUT_S) == []


def test_a_partition_that_does_not_exist_is_named(settings: Settings) -> None:
    topic = make_topic(settings)
    with pytest.raises(TopicMissing, match=f"Topic {topic} has 1 partitions; there is no 1"):
        open_topics(client_config(settings), [topic], 1, TIMEOUT_S)


def test_many_threads_may_ask_about_partitions_that_do_not_exist(settings: Settings) -> None:
    """In a process of its own: librdkafka's heap must survive it."""
    topics = [make_topic(settings, f"topic-{index}") for index in range(7)]
    program = f"""
        import threading
        from burnline.topics.ends import open_topics
        from burnline.topics.errors import TopicMissing

        def ask(partition):
            for _ in range({TURNS}):
                try:
                    open_topics({client_config(settings)!r}, {topics!r}, partition, 3.0)
                except TopicMissing:
                    continue

        threads = [threading.Thread(target=ask, args=(1 + number,)) for number in range({THREADS})]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_many_threads_may_ask_at_once(settings: Settings) -> None:
    topics = [make_topic(settings, f"topic-{index}", partitions=THREADS) for index in range(7)]
    config = client_config(settings)
    with ThreadPoolExecutor(THREADS) as threads:
        asked = [threads.submit(open_topics, config, topics, number, TIMEOUT_S) for number in range(THREADS)]
        assert [answer.result() for answer in asked] == [[]] * THREADS


def metadata(leaders: dict[int, int]) -> TopicMetadata:
    topic = TopicMetadata()
    for number, leader in leaders.items():
        topic.partitions[number] = PartitionMetadata()
        topic.partitions[number].leader = leader
    return topic


@pytest.mark.parametrize(
    ("leaders", "waits"),
    [
        pytest.param({0: 1}, False, id="a leader"),
        pytest.param({0: -1}, True, id="none"),
        pytest.param({}, True, id="partitions not known yet"),
        pytest.param({0: 1, 1: -1}, False, id="none of another partition"),
    ],
)
def test_nobody_is_asked_for_the_end_of_a_partition_without_a_leader(leaders: dict[int, int], *, waits: bool) -> None:
    why = _not_led({"topic": metadata(leaders)}, ["topic"], 0)
    assert (why is not None and why.code() == KafkaError.LEADER_NOT_AVAILABLE) == waits
