"""A compacted topic as a table: the newest value of each key, and one key at a time written."""

import pytest
from confluent_kafka import Producer

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec
from burnline.topics.compacted import Placed, Written, read_newest, read_placed, write_key
from burnline.topics.errors import BrokerSilent, TopicError, TopicMissing
from tests.brokers import MakeSettings
from tests.topics.making import TIMEOUT_S, make_topic


def spec(name: str, partitions: int = 1) -> TopicSpec:
    return TopicSpec(name, partitions, {"cleanup.policy": "compact"}, "A test's.")


@pytest.fixture
def table(settings: Settings) -> TopicSpec:
    return spec(make_topic(settings, "table", config={"cleanup.policy": "compact"}))


def put(settings: Settings, topic: TopicSpec, key: str, value: bytes | None) -> Written:
    return write_key(client_config(settings), topic, key, value, timeout_s=TIMEOUT_S)


def newest(settings: Settings, topic: TopicSpec) -> dict[bytes, bytes]:
    return read_newest(client_config(settings), topic, timeout_s=TIMEOUT_S)


def test_an_empty_table(settings: Settings, table: TopicSpec) -> None:
    assert newest(settings, table) == {}


def test_a_written_key_stands_where_it_says(settings: Settings, table: TopicSpec) -> None:
    assert put(settings, table, "a", b"1") == Written(table.name, 0, 0)
    assert put(settings, table, "b", b"2") == Written(table.name, 0, 1)
    assert newest(settings, table) == {b"a": b"1", b"b": b"2"}


def test_the_newest_value_counts_and_comes_last(settings: Settings, table: TopicSpec) -> None:
    for key, value in (("a", b"1"), ("b", b"2"), ("a", b"3")):
        put(settings, table, key, value)
    assert list(newest(settings, table).items()) == [(b"b", b"2"), (b"a", b"3")]


def test_a_null_deletes_and_a_later_value_restores(settings: Settings, table: TopicSpec) -> None:
    put(settings, table, "a", b"1")
    put(settings, table, "a", None)
    assert newest(settings, table) == {}
    put(settings, table, "a", b"2")
    assert newest(settings, table) == {b"a": b"2"}


def test_each_value_with_its_place(settings: Settings, table: TopicSpec) -> None:
    for key, value in (("a", b"1"), ("b", b"2"), ("c", b"3"), ("a", b"4"), ("b", None)):
        put(settings, table, key, value)
    found = read_placed(client_config(settings), table, timeout_s=TIMEOUT_S)
    assert list(found.items()) == [(b"c", Placed(b"3", 0, 2)), (b"a", Placed(b"4", 0, 3))]


def test_an_empty_value_is_a_value(settings: Settings, table: TopicSpec) -> None:
    put(settings, table, "a", b"")
    assert newest(settings, table) == {b"a": b""}


def test_all_partitions_are_read(settings: Settings) -> None:
    topic = spec(make_topic(settings, "wide", partitions=3), 3)
    producer = Producer(client_config(settings))
    for partition in range(3):
        producer.produce(topic.name, b"v", str(partition), partition)
    assert producer.flush(TIMEOUT_S) == 0
    assert newest(settings, topic) == {b"0": b"v", b"1": b"v", b"2": b"v"}


def test_a_missing_table_is_an_error(settings: Settings) -> None:
    with pytest.raises(TopicMissing, match="missing"):
        newest(settings, spec(settings.topic_prefix + "missing"))


@pytest.mark.needs("size-limit")
def test_a_refused_record_is_an_error(settings: Settings) -> None:
    topic = spec(make_topic(settings, "small", config={"max.message.bytes": "200"}))
    with pytest.raises(TopicError, match="was not written"):
        put(settings, topic, "a", b"x" * 1_000)


def test_silence_is_an_error(make_settings: MakeSettings) -> None:
    nobody = make_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerSilent, match="acknowledged"):
        write_key(client_config(nobody), spec("any"), "a", b"1", timeout_s=0.2)
