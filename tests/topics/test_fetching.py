"""One record by its place, and what can stand there instead."""

import pytest
from confluent_kafka import TopicPartition

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.errors import BrokerSilent, TopicMissing
from burnline.topics.fetching import NoSuchRecord, fetch, fetch_range
from tests.brokers import MakeSettings
from tests.topics.making import TIMEOUT_S, Transaction, abort, admin, commit, make_topic, write


def value_at(settings: Settings, topic: str, offset: int, *, partition: int = 0) -> bytes | None:
    return fetch(client_config(settings), topic, partition, offset, timeout_s=TIMEOUT_S).value()


def refusal(settings: Settings, topic: str, offset: int) -> str:
    with pytest.raises(NoSuchRecord) as refused:
        value_at(settings, topic, offset)
    assert f"offset {offset} of partition 0 of topic {topic}" in str(refused.value)
    return str(refused.value)


def test_each_record_is_found_at_its_place(settings: Settings) -> None:
    topic = make_topic(settings, partitions=2)
    write(settings, topic, ["a", "b", "c"])
    write(settings, topic, ["d"], partition=1)
    assert [value_at(settings, topic, offset) for offset in range(3)] == [b"a", b"b", b"c"]
    assert value_at(settings, topic, 0, partition=1) == b"d"


def test_it_comes_whole(settings: Settings) -> None:
    topic = make_topic(settings)
    write(settings, topic, ["a"])
    message = fetch(client_config(settings), topic, 0, 0, timeout_s=TIMEOUT_S)
    assert (message.topic(), message.partition(), message.offset(), message.key()) == (topic, 0, 0, b"key")
    assert message.timestamp()[1] > 0


@pytest.mark.parametrize("beyond", [pytest.param(0, id="the-next-one"), pytest.param(1, id="after-it"),
                                    pytest.param(10**12, id="far-away")])  # fmt: skip
def test_after_the_end(settings: Settings, beyond: int) -> None:
    topic = make_topic(settings)
    write(settings, topic, ["a", "b"])
    assert "yet" in refusal(settings, topic, 2 + beyond)


def test_of_an_empty_topic(settings: Settings) -> None:
    assert "yet" in refusal(settings, make_topic(settings), 0)


@pytest.mark.needs("delete-records")
def test_before_the_first(settings: Settings) -> None:
    topic = make_topic(settings)
    write(settings, topic, ["a", "b", "c"])
    client, until = admin(settings), TopicPartition(topic, 0, 2)  # an answer is lost when its client is
    client.delete_records([until])[until].result(TIMEOUT_S)
    assert "the first one that is kept is 2" in refusal(settings, topic, 1)
    assert value_at(settings, topic, 2) == b"c"


@pytest.mark.needs("transactions")
def test_committed_records_are_found(settings: Settings) -> None:
    topic = make_topic(settings)
    commit(settings, topic, ["a", "b"])
    assert value_at(settings, topic, 1) == b"b"


@pytest.mark.needs("transactions", "aborted-transactions")
@pytest.mark.parametrize("more", [pytest.param(True, id="in-between"), pytest.param(False, id="at-the-end")])
def test_a_transaction_marker_is_no_record(settings: Settings, *, more: bool) -> None:
    topic = make_topic(settings)
    commit(settings, topic, ["a"])
    if more:
        write(settings, topic, ["b"])
    assert "marker" in refusal(settings, topic, 1)


@pytest.mark.needs("transactions", "aborted-transactions")
def test_an_aborted_record_is_none(settings: Settings) -> None:
    topic = make_topic(settings)
    abort(settings, topic, ["a"])
    write(settings, topic, ["b"])
    assert "aborted" in refusal(settings, topic, 0)


@pytest.mark.needs("transactions", "aborted-transactions")
def test_what_is_not_yet_committed_is_not_there_yet(settings: Settings) -> None:
    topic = make_topic(settings)
    write(settings, topic, ["a"])
    transaction = Transaction(settings, topic, ["b"])
    assert "yet" in refusal(settings, topic, 1)
    transaction.commit()
    assert value_at(settings, topic, 1) == b"b"


def test_a_partition_that_does_not_exist(settings: Settings) -> None:
    topic = make_topic(settings)
    with pytest.raises(TopicMissing, match="has 1 partitions; there is no 1"):
        value_at(settings, topic, 0, partition=1)


def test_a_topic_that_does_not_exist(settings: Settings) -> None:
    with pytest.raises(TopicMissing, match="does not exist"):
        value_at(settings, settings.topic_prefix + "nothing", 0)


def test_brokers_that_do_not_answer(make_settings: MakeSettings) -> None:
    unreachable = make_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerSilent):
        fetch(client_config(unreachable), "any", 0, 0, timeout_s=0.5)


def between(settings: Settings, topic: str, start: int, end: int) -> list[bytes | None]:
    batches = fetch_range(client_config(settings), topic, 0, start, end, timeout_s=TIMEOUT_S)
    return [message.value() for batch in batches for message in batch]


class TestRange:
    """Records from one place to below another, at which one stands."""

    @pytest.mark.parametrize(
        ("start", "end", "values"),
        [
            pytest.param(0, 3, [b"a", b"b", b"c"], id="from-the-beginning"),
            pytest.param(1, 2, [b"b"], id="from-within"),
            pytest.param(2, 2, [], id="none"),
        ],
    )
    def test_some(self, settings: Settings, start: int, end: int, values: list[bytes]) -> None:
        topic = make_topic(settings)
        write(settings, topic, ["a", "b", "c", "d", "e"])
        assert between(settings, topic, start, end) == values

    @pytest.mark.needs("transactions", "aborted-transactions")
    def test_only_what_was_committed(self, settings: Settings) -> None:
        topic = make_topic(settings)
        commit(settings, topic, ["a"])
        abort(settings, topic, ["b"])
        write(settings, topic, ["c"])
        assert between(settings, topic, 0, 4) == [b"a"]

    def test_silent_brokers(self, make_settings: MakeSettings) -> None:
        away = client_config(make_settings(kafka_bootstrap_servers="127.0.0.1:1"))
        with pytest.raises(BrokerSilent):
            list(fetch_range(away, "topic", 0, 0, 1, timeout_s=0.5))


def test_a_refusal_knows_which_offsets_there_are(settings: Settings) -> None:
    topic = make_topic(settings)
    write(settings, topic, ["a", "b"])
    with pytest.raises(NoSuchRecord) as refused:
        value_at(settings, topic, 10)
    assert (refused.value.first, refused.value.end) == (0, 2)
