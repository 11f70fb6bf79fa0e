"""Both readers of the source topic: the same records in the same order, whatever they are made of."""

import gc
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import pytest
from confluent_kafka import KafkaException, Producer

from burnline.kafka import Config, client_config
from burnline.settings import Settings
from burnline.stream.batches import Headers, RecordBatch
from burnline.stream.clocks import Clocks
from burnline.stream.polling import PolledReader, why_not_polled
from burnline.stream.reader import MakeReader, MessageReader, Reader, ReadTo
from burnline.topics.catalogue import TIMESTAMP_TYPE, topics_for
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.kafka.base import Broker
from tests.topics.making import make_topic

WRITTEN_MS = 1_763_000_000_000
POLLS = 400
NOW_MS = 2 * WRITTEN_MS
CLOCKS = Clocks(now_ms=lambda: NOW_MS, skew_ms=0)
READERS = [
    pytest.param(partial(MessageReader, clocks=CLOCKS), id="messages"),
    pytest.param(partial(PolledReader, clocks=CLOCKS), id="polled"),
]

Row = tuple[int, bytes | None, bytes | None, Headers | None]
"""Offset, key, value, headers."""


@pytest.fixture
def topic(settings: Settings) -> str:
    ensure_topics(settings)
    return topics_for(settings).usage.name


@contextmanager
def reading(make: MakeReader, settings: Settings, topic: str, positions: Mapping[int, int]) -> Iterator[Reader]:
    reader = make(topic, client_config(settings))
    reader.assign(positions)
    yield reader
    reader.close()


def write(settings: Settings, topic: str, partition: int, rows: list[Row]) -> None:
    producer = Producer({**client_config(settings), "enable.idempotence": True})  # or else retries swap places
    for offset, key, value, headers in rows:
        told: list[tuple[str, str | bytes | None]] = [*(headers or ())]
        producer.produce(topic, value, key, partition, timestamp=WRITTEN_MS + offset, headers=told)
    assert producer.flush(30) == 0


def batches(reader: Reader, partition: int, count: int) -> list[RecordBatch]:
    """So many records of a partition, as a worker makes batches of them."""
    found: list[RecordBatch] = []
    position = 0
    for _ in range(POLLS):
        for records in reader.poll().get(partition, ()):
            found.append(RecordBatch(partition, position, records))
            position = found[-1].end
        if sum(len(batch.records.offsets) for batch in found) >= count:
            return found
    raise TimeoutError(f"{found} is all that came")


def rows_of(found: list[RecordBatch]) -> list[Row]:
    return [
        (offset, batch.records.key(index), batch.records.values[index], batch.records.headers(index))
        for batch in found
        for index, offset in enumerate(batch.records.offsets)
    ]


ROWS: list[Row] = [
    (0, b"key", b"value", None),
    (1, None, b"no key", None),
    (2, b"no value", None, None),
    (3, b"", b"", None),
    (4, b"headers", b"\x00\xff", [("a", b"1"), ("a", b"2"), ("none", None), ("empty", b"")]),
]


@pytest.mark.broker
@pytest.mark.parametrize("make", READERS)
def test_records_come_as_they_were_written(make: MakeReader, settings: Settings, topic: str) -> None:
    write(settings, topic, 1, ROWS)
    with reading(make, settings, topic, {1: 0}) as reader:
        found = batches(reader, 1, len(ROWS))
        assert rows_of(found) == ROWS
        assert reader.end_offset(1) == len(ROWS)


@pytest.mark.broker
@pytest.mark.parametrize("make", READERS)
def test_where_the_topic_says_when_a_publisher_made_a_record_the_clock_says_when_the_log_took_it(
    make: MakeReader, settings: Settings
) -> None:
    topic = make_topic(settings, "usage", config={TIMESTAMP_TYPE: "CreateTime"})
    write(settings, topic, 0, ROWS)
    with reading(make, settings, topic, {0: 0}) as reader:
        found = batches(reader, 0, len(ROWS))
    assert [at_ms for each in found for at_ms in each.records.logged_ms] == [NOW_MS] * len(ROWS)
    assert sum(each.records.by_clock for each in found) == len(ROWS)
    assert [each.records.first_written_ms for each in found][:1] == [WRITTEN_MS]
    assert found[-1].records.last_written_ms == WRITTEN_MS + len(ROWS) - 1


@pytest.mark.needs("log-append-time")
@pytest.mark.parametrize("make", READERS)
def test_the_log_says_when_it_took_a_record_whatever_its_publisher_writes(
    make: MakeReader, settings: Settings, topic: str
) -> None:
    before_ms = time.time_ns() // 1_000_000
    write(settings, topic, 1, ROWS)
    after_ms = time.time_ns() // 1_000_000
    with reading(make, settings, topic, {1: 0}) as reader:
        found = batches(reader, 1, len(ROWS))
    logged_ms = [at_ms for each in found for at_ms in each.records.logged_ms]
    assert all(before_ms <= at_ms <= after_ms for at_ms in logged_ms)
    assert sum(each.records.by_clock for each in found) == 0


@pytest.mark.broker
@pytest.mark.parametrize("make", READERS)
def test_only_what_is_assigned_from_where_it_is_assigned(make: MakeReader, settings: Settings, topic: str) -> None:
    for partition in (0, 1, 2):
        write(settings, topic, partition, ROWS)
    with reading(make, settings, topic, {0: 3, 2: 4}) as reader:
        assert [row[0] for row in rows_of(batches(reader, 0, 2))] == [3, 4]
        reader.assign({1: 2})
        assert [row[0] for row in rows_of(batches(reader, 1, 3))] == [2, 3, 4]
        assert not reader.poll()


@pytest.mark.broker
@pytest.mark.parametrize("make", READERS)
def test_of_what_is_assigned_something_is_heard_be_it_that_there_is_nothing(
    make: MakeReader, settings: Settings, topic: str
) -> None:
    write(settings, topic, 1, ROWS)
    with reading(make, settings, topic, {0: 0, 1: 2}) as reader:
        assert sorted(reader.unheard()) == [0, 1]
        until_heard(reader)
        reader.assign({0: 0, 1: 2, 2: 0})  # as after a rebalance, in part the same
        assert sorted(reader.unheard()) == [0, 1, 2]
        until_heard(reader)


def until_heard(reader: Reader) -> None:
    for _ in range(POLLS):
        if not reader.unheard():
            return
        reader.poll()
    raise TimeoutError(f"nothing is heard of {reader.unheard()}")


@pytest.mark.broker
@pytest.mark.parametrize("make", READERS)
def test_thousands_stay_in_order(make: MakeReader, settings: Settings, topic: str) -> None:
    rows: list[Row] = [(offset, b"k", b"%d" % offset, None) for offset in range(20_000)]
    write(settings, topic, 3, rows)
    with reading(make, settings, topic, {3: 0}) as reader:
        found = batches(reader, 3, len(rows))
    assert rows_of(found) == rows
    assert [batch.start for batch in found] == [0, *(batch.end for batch in found[:-1])]


@pytest.mark.broker
def test_records_outlive_their_reader(settings: Settings, topic: str) -> None:
    write(settings, topic, 0, ROWS)
    with reading(partial(PolledReader, clocks=CLOCKS), settings, topic, {0: 0}) as reader:
        found = batches(reader, 0, len(ROWS))
    del reader
    gc.collect()
    assert rows_of(found) == ROWS
    values = found[0].records.values
    assert list(values[1:3]) == [b"no key", None]
    with pytest.raises(IndexError, match="record 5 of 5"):
        values[5]


@pytest.mark.parametrize("make", READERS)
def test_a_reader_that_is_let_go_of_needs_no_garbage_collector(make: MakeReader) -> None:
    """It may run in a thread of the reader's own client, which cannot end itself."""
    gc.disable()
    try:
        reader = make("usage", {"bootstrap.servers": "127.0.0.1:9"})
        reader.close()
        gone = weakref.ref(reader)
        del reader
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.needs("restart")
@pytest.mark.parametrize("make", READERS)
def test_no_broker_is_noticed_and_one_that_is_back_too(
    make: MakeReader, broker: Broker, make_settings: MakeSettings
) -> None:
    own = type(broker)()
    own.start()
    try:
        settings = make_settings(kafka_bootstrap_servers=own.bootstrap_servers)
        ensure_topics(settings)
        topic = topics_for(settings).usage.name
        write(settings, topic, 0, ROWS[:2])
        with reading(make, settings, topic, {0: 0}) as reader:
            assert rows_of(batches(reader, 0, 2)) == ROWS[:2]
            assert reader.away_since_s is None
            own.kill()
            _until_away(reader, away=True)
            own.restart()
            _until_away(reader, away=False)
            write(settings, topic, 0, ROWS[2:])
            assert rows_of(batches(reader, 0, 3)) == ROWS[2:]
    finally:
        own.stop()


def _until_away(reader: Reader, *, away: bool) -> None:
    for _ in range(POLLS):
        reader.poll()
        if reader.away_since_s is not None:
            reader.look_for_brokers()
        if (reader.away_since_s is not None) == away:
            return
    raise TimeoutError("the reader does not notice")


@pytest.mark.parametrize("make", READERS)
def test_a_configuration_that_is_refused(make: MakeReader) -> None:
    wrong: Config = {"bootstrap.servers": "127.0.0.1:9", "security.protocol": "none"}
    with pytest.raises(KafkaException, match=r"security\.protocol"):
        make("usage", wrong)


def test_this_platform_lets_records_be_polled() -> None:
    assert why_not_polled() is None


@pytest.mark.needs("transactions")
@pytest.mark.parametrize("make", READERS)
@pytest.mark.parametrize("ending", ["committed", "aborted"])
def test_markers_behind_the_last_record_are_no_events_to_come(
    make: MakeReader, ending: str, settings: Settings, topic: str
) -> None:
    producer = Producer({**client_config(settings), "transactional.id": topic})
    producer.init_transactions(30)
    with reading(make, settings, topic, {0: 0}) as reader:
        for number, end in enumerate(["committed", ending], start=1):
            producer.begin_transaction()
            producer.produce(topic, b"value", b"key", 0)
            if end == "committed":
                producer.commit_transaction(30)
            else:
                producer.abort_transaction(30)
            next_offset = 1 if (number, ending) != (2, "committed") else 3
            seen = -1
            for _ in range(POLLS):
                reader.poll()
                if (seen := reader.end_offset(0)) == next_offset and reader_is_past(reader, 2 * number):
                    break
            assert seen == next_offset


def reader_is_past(reader: Reader, high: int) -> bool:
    """Whether a fetch has seen so high an end, markers included, and the reader has been told that it is the end."""
    read_to: ReadTo = reader._read_to  # type: ignore[attr-defined]  # of both readers
    return read_to._ended.get(0, -1) >= high


@pytest.mark.parametrize(
    ("read", "ended", "high", "end"),
    [
        pytest.param(None, None, 7, 7, id="nothing is known yet"),
        pytest.param(5, None, 7, 7, id="there may be more"),
        pytest.param(5, 7, 7, 5, id="all is read, markers stand behind it"),
        pytest.param(5, 7, 8, 8, id="something new has come"),
        pytest.param(None, 7, 7, 2, id="nothing but markers stand behind where reading began"),
        pytest.param(5, 7, -1, -1, id="no fetch has seen an end"),
    ],
)
def test_a_partition_ends_for_events_where_all_of_it_is_read(
    read: int | None, ended: int | None, high: int, end: int
) -> None:
    read_to = ReadTo()
    read_to.begin({0: 2})
    if read is not None:
        read_to.read(0, read)
    if ended is not None:
        read_to.ended(0, ended)
    assert read_to.end(0, high) == end
