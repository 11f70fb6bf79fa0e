"""Reading to the end, past everything that can stand there instead of a record."""

import itertools
from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.errors import BrokerSilent, TopicMissing
from burnline.topics.reading import is_aborted, read_to_end
from tests.brokers import MakeSettings
from tests.topics.making import TIMEOUT_S, Transaction, abort, admin, commit, make_topic, read, values, write


def test_an_empty_topic_has_nothing(settings: Settings) -> None:
    assert read(settings, make_topic(settings)) == []


def test_no_partitions_give_nothing(settings: Settings) -> None:
    assert read(settings, make_topic(settings), []) == []


def test_plain_records_come_in_order_with_key_and_value(settings: Settings) -> None:
    topic = make_topic(settings)
    write(settings, topic, ["a", "b", "c"])
    messages = read(settings, topic)
    assert values(messages) == ["a", "b", "c"]
    assert [message.offset() for message in messages] == [0, 1, 2]
    assert {message.key() for message in messages} == {b"key"}


def test_only_the_partitions_asked_for_are_read(settings: Settings) -> None:
    topic = make_topic(settings, partitions=3)
    for partition in range(3):
        write(settings, topic, [f"{partition}-{index}" for index in range(3)], partition=partition)
    assert sorted(values(read(settings, topic, [0, 2]))) == ["0-0", "0-1", "0-2", "2-0", "2-1", "2-2"]


def test_empty_and_filled_partitions_are_read_together(settings: Settings) -> None:
    topic = make_topic(settings, partitions=4)
    write(settings, topic, ["a"], partition=1)
    commit(settings, topic, ["b"], partition=3)
    assert sorted(values(read(settings, topic, range(4)))) == ["a", "b"]


def test_batches_are_bounded_and_never_empty(settings: Settings) -> None:
    topic = make_topic(settings)
    write(settings, topic, [str(index) for index in range(25_000)])
    sizes = [len(batch) for batch in read_to_end(client_config(settings), topic, [0], timeout_s=TIMEOUT_S)]
    assert sum(sizes) == 25_000
    assert min(sizes) > 0
    assert max(sizes) <= 10_000


@pytest.mark.needs("aborted-transactions")
@pytest.mark.parametrize("after", [abort, commit], ids=["one aborted after it", "one committed after it"])
def test_which_records_were_aborted(settings: Settings, after: Callable[..., None]) -> None:
    """Offsets 2, 5 and 8 are markers: of an abort, a commit, and what came after."""
    topic = make_topic(settings)
    abort(settings, topic, ["a", "b"])
    commit(settings, topic, ["c", "d"])
    after(settings, topic, ["e", "f"])
    found = {offset for offset in (0, 1, 3, 4, 6, 7) if aborted(settings, topic, offset)}
    assert found == ({0, 1, 6, 7} if after is abort else {0, 1})


@pytest.mark.needs("aborted-transactions")
def test_a_record_of_an_open_transaction_is_not_aborted_yet(settings: Settings) -> None:
    topic = make_topic(settings)
    transaction = Transaction(settings, topic, ["a"])
    assert not aborted(settings, topic, 0)
    transaction.abort()
    assert aborted(settings, topic, 0)


def aborted(settings: Settings, topic: str, offset: int) -> bool:
    return is_aborted(client_config(settings), topic, 0, offset, timeout_s=TIMEOUT_S)


@pytest.mark.needs("transactions")
def test_the_last_offset_is_a_commit_marker(settings: Settings) -> None:
    topic = make_topic(settings)
    commit(settings, topic, ["a", "b"])
    assert values(read(settings, topic)) == ["a", "b"]


@pytest.mark.needs("transactions")
def test_markers_between_records_are_no_records(settings: Settings) -> None:
    topic = make_topic(settings)
    for value in "abc":
        commit(settings, topic, [value])
    write(settings, topic, ["d"])
    assert values(read(settings, topic)) == ["a", "b", "c", "d"]


@pytest.mark.needs("aborted-transactions")
@pytest.mark.parametrize("before", [[], ["a", "b"]], ids=["alone", "behind-records"])
def test_an_aborted_transaction_at_the_end_is_passed_over(settings: Settings, before: list[str]) -> None:
    topic = make_topic(settings)
    if before:
        commit(settings, topic, before)
    abort(settings, topic, ["never", "seen"])
    assert values(read(settings, topic)) == before


@pytest.mark.needs("aborted-transactions")
def test_records_behind_an_aborted_transaction_are_read(settings: Settings) -> None:
    topic = make_topic(settings)
    abort(settings, topic, ["never"])
    commit(settings, topic, ["a"])
    assert values(read(settings, topic)) == ["a"]


@pytest.mark.needs("transactions")
@pytest.mark.parametrize("before", [[], ["a", "b"]], ids=["alone", "behind-records"])
def test_an_open_transaction_is_not_waited_for(settings: Settings, before: list[str]) -> None:
    topic = make_topic(settings)
    if before:
        commit(settings, topic, before)
    transaction = Transaction(settings, topic, ["not", "yet"])
    write(settings, topic, ["behind the open one"])
    assert values(read(settings, topic)) == before
    transaction.commit()
    assert values(read(settings, topic)) == [*before, "not", "yet", "behind the open one"]


@pytest.mark.needs("delete-records")
@pytest.mark.parametrize(("first", "left"), [(2, ["c", "d"]), (4, [])], ids=["some-left", "none-left"])
def test_the_first_offset_is_not_zero(settings: Settings, first: int, left: list[str]) -> None:
    topic = make_topic(settings)
    write(settings, topic, ["a", "b", "c", "d"])
    client = admin(settings)
    removal = client.delete_records([TopicPartition(topic, 0, first)])
    assert [future.result(TIMEOUT_S).low_watermark for future in removal.values()] == [first]
    assert values(read(settings, topic)) == left


@pytest.mark.needs("compaction")
def test_a_compacted_topic_ends_where_the_broker_says(settings: Settings) -> None:
    # Small segments, cleaned at once. The topic ends in a marker, and offsets before it have been compacted away.
    small = {"segment.bytes": "1048576", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001"}
    topic = make_topic(settings, config={"cleanup.policy": "compact", **small})
    newest = 0
    for attempt in itertools.count():  # ends when the cleaner has been there, or by the test's timeout
        commit(settings, topic, [str(attempt)])
        newest, messages = attempt, read(settings, topic)
        if attempt > 3 and len(messages) <= attempt:
            break
    kept = values(messages)
    assert kept == sorted(kept, key=int)
    assert kept[-1] == str(newest)
    assert kept[0] != "0"


def test_a_missing_topic_is_named(settings: Settings) -> None:
    with pytest.raises(TopicMissing, match=rf"^Topic {settings.topic_prefix}nowhere does not exist\.$"):
        read(settings, f"{settings.topic_prefix}nowhere")
    assert f"{settings.topic_prefix}nowhere" not in admin(settings).list_topics(timeout=TIMEOUT_S).topics


def test_a_missing_partition_is_named(settings: Settings) -> None:
    topic = make_topic(settings, partitions=2)
    with pytest.raises(TopicMissing, match=rf"^Topic {topic} has 2 partitions; there is no 2\.$"):
        read(settings, topic, [0, 1, 2])


def test_a_broker_that_is_not_there_is_given_up(make_settings: MakeSettings) -> None:
    nobody = make_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerSilent):
        list(read_to_end(client_config(nobody), "topic", [0], timeout_s=0.5))


def test_a_reader_that_stops_early_may(settings: Settings) -> None:
    topic = make_topic(settings)
    write(settings, topic, [str(index) for index in range(20_000)])
    batches = read_to_end(client_config(settings), topic, [0], timeout_s=TIMEOUT_S)
    assert next(batches)
    batches.close()  # type: ignore[attr-defined]  # a generator, behind the narrower type
    assert list(batches) == []
