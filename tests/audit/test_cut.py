"""What stands on the topics is read so that it fits together, whatever is being written meanwhile."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import TopicPartition

from burnline.audit import cut as module
from burnline.audit.cut import ATTEMPTS, CutReader
from burnline.kafka import client_config
from burnline.ledger.usage_rollups import QUARTER_MS
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import BrokerSilent, TopicMismatch, TopicMissing
from tests.audit.working import T0, event, make_topics_of_any_time, newest, publish, put, work_off
from tests.brokers import MakeSettings
from tests.ledger.examples import named
from tests.topics.making import Transaction, abort, admin


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Two partitions, whose topics exist."""
    settings = make_settings(partitions=2)
    ensure_topics(settings)
    return settings


@pytest.fixture
def reader(settings: Settings) -> Iterator[CutReader]:
    """A reader of them."""
    with CutReader(client_config(settings), topics_for(settings), lambda: T0) as reader:
        yield reader


def test_one_partition_is_read(settings: Settings, reader: CutReader) -> None:
    publish(settings, event(1), b"bad", event(2, "s-2"), partition=1)
    publish(settings, event(3), partition=0)
    work_off(settings)
    cut = reader.cut(1)
    assert cut.ledgers == newest(settings, topics_for(settings).sessions.name, 1)
    assert sorted(cut.ledgers) == [named("s-1"), named("s-2")]
    assert (cut.next_offset, cut.progress_after, cut.rollups, cut.taken_at_ms) == (3, cut.progress, [], T0)
    assert (cut.letters.between(0, 9), cut.letters.foreign) == ({1: False}, [])
    assert reader.log_span(1).first == 0


def test_usage_rollups_are_read_with_their_beginning(settings: Settings, reader: CutReader) -> None:
    publish(settings, b"bad", event(1), event(2, team_id="search"))
    work_off(settings)
    held = reader.cut(0).usage
    written = newest(settings, topics_for(settings).usage_rollups.name)
    assert {key.decode(): value for key, value in held.records} == written
    assert (len(written), held.since_offset, held.first_offset) == (2, 1, 0)
    assert held.oldest_ms is not None


@pytest.mark.needs("delete-records")
def test_of_quarters_before_the_log_that_is_left_only_the_beginning_is_of_interest(make_settings: MakeSettings) -> None:
    """They are kept many times as long as the log."""
    settings = make_settings(partitions=2)
    make_topics_of_any_time(settings)
    publish(settings, event(1))
    publish(settings, event(2, occurred_at=T0 + QUARTER_MS), written_ms=T0 + QUARTER_MS - T0 % QUARTER_MS)
    work_off(settings, T0 + 2 * QUARTER_MS)
    with CutReader(client_config(settings), topics_for(settings), lambda: T0) as reader:
        assert len(reader.cut(0).usage.records) == 2
        client = admin(settings)  # an answer is lost when its client is
        for answer in client.delete_records([TopicPartition(topics_for(settings).usage.name, 0, 1)]).values():
            answer.result(30)
        held = reader.cut(0).usage
        assert ([json.loads(key)[1] for key, _ in held.records], held.since_offset) == ([1], 0)


def test_nothing_is_there_yet(reader: CutReader) -> None:
    cut = reader.cut(0)
    assert (cut.ledgers, cut.next_offset, cut.progress, len(cut.letters)) == ({}, 0, None, 0)
    assert (cut.usage.records, cut.usage.since_offset) == ([], None)


@pytest.mark.needs("transactions")
def test_a_transaction_that_is_being_committed_is_waited_for(settings: Settings, reader: CutReader) -> None:
    """Its progress may be seen already, and then its ledgers must be."""
    transaction = Transaction(settings, topics_for(settings).sessions.name, ["a ledger"])
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(reader.cut, 0)
        with pytest.raises(TimeoutError):
            reading.result(0.5)
        transaction.commit()
        assert reading.result(30).ledgers == {"key": b"a ledger"}


@pytest.mark.needs("transactions", "aborted-transactions")
def test_an_aborted_transaction_is_no_part_of_it(settings: Settings, reader: CutReader) -> None:
    abort(settings, topics_for(settings).sessions.name, ["no ledger"])
    assert reader.cut(0).ledgers == {}


@pytest.mark.needs("transactions", "aborted-transactions")
def test_a_transaction_that_stays_open_is_told(
    settings: Settings, reader: CutReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE_S", 0.2)
    transaction = Transaction(settings, topics_for(settings).sessions.name, ["a ledger"])
    with pytest.raises(BrokerSilent, match=r"partition 0 of .*sessions"):
        reader.cut(0)
    transaction.abort()


class Disturbed(CutReader):
    """Sessions are retired while ledgers are read, so many times."""

    settings: Settings
    times: int

    def _newest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        found = super()._newest(topic, partition)
        if topic == self._topics.sessions.name and self.times:
            self.times -= 1
            put(self.settings, self._topics.rollups.name, [("closed", b"%d" % self.times)])
        return found


@pytest.mark.parametrize(
    ("times", "rollups"),
    [pytest.param(ATTEMPTS - 1, [b"0"], id="for a while"), pytest.param(ATTEMPTS, None, id="all the time")],
)
def test_rollups_and_ledgers_fit_together_or_it_is_told(
    settings: Settings, times: int, rollups: list[bytes] | None
) -> None:
    with Disturbed(client_config(settings), topics_for(settings), lambda: T0) as reader:
        reader.settings, reader.times = settings, times
        assert reader.cut(0).rollups == rollups


def test_other_partitions_are_refused(settings: Settings, reader: CutReader) -> None:
    reader.refuse_other_partitions(2)
    with pytest.raises(TopicMismatch, match="sessions has 2 partitions, not 3"):
        reader.refuse_other_partitions(3)


def test_missing_topics_are_told(make_settings: MakeSettings) -> None:
    settings = make_settings(topic_prefix="not-there.")
    with (
        CutReader(client_config(settings), topics_for(settings), lambda: T0) as reader,
        pytest.raises(TopicMissing, match=r"not-there\.usage"),
    ):
        reader.refuse_other_partitions(4)
