"""The bounded memory of event ids."""

import base64
from array import array
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.usage import RareUsage, Usage
from burnline.ledger import duplicates
from burnline.ledger.duplicates import (
    UNKNOWN,
    PartitionIds,
    RecentIds,
    content_mark,
    fingerprint,
    fingerprint_in_org,
    pack_ids,
    unpack_ids,
)
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.partition import Retention
from tests.ledger.examples import PARTITION, RETENTION, T0, TOPIC, Topics, policy, publish, spend, usage
from tests.ledger.test_damaged_records import BOTH, Make

LIMITS = st.integers(min_value=1, max_value=12)
HASHES = st.integers(min_value=0, max_value=2**64 - 1)


def filled(count: int, limit: int) -> RecentIds:
    """A memory that has been given the ids 0, 1, … `count - 1`."""
    recent = RecentIds()
    for number in range(count):
        assert recent.add(number, limit)
    return recent


@given(LIMITS, st.integers(min_value=0, max_value=60))
def test_the_newest_are_known(limit: int, count: int) -> None:
    recent = filled(count, limit)
    for number in range(max(0, count - limit), count):
        assert not recent.add(number, limit)


@given(LIMITS, st.integers(min_value=0, max_value=60))
def test_memory_is_bounded(limit: int, count: int) -> None:
    recent = filled(count, limit)
    assert len(recent.newer) + len(recent.older) < 2 * limit


@pytest.mark.parametrize(
    ("count", "oldest_known"),
    [
        pytest.param(4, 0, id="one-generation"),
        pytest.param(7, 0, id="just-before-the-second-is-full"),
        pytest.param(8, 4, id="the-second-is-full-and-the-first-forgotten"),
    ],
)
def test_a_generation_is_forgotten_as_a_whole(count: int, oldest_known: int) -> None:
    recent = filled(count, limit=4)
    assert recent.newer | recent.older == set(range(oldest_known, count))


def test_what_is_known_already_is_not_remembered_anew() -> None:
    """A repeated id keeps its place: repeating it for ever does not push the others out."""
    recent = filled(6, limit=4)
    for _ in range(20):
        assert not recent.add(0, 4)
    assert recent.newer | recent.older == set(range(6))


def test_a_limit_of_0_turns_the_check_off() -> None:
    recent = RecentIds()
    assert recent.add(1, 0)
    assert recent.add(1, 0)
    assert recent.newer == recent.older == set()


@given(st.sets(HASHES, max_size=40), st.sets(HASHES, max_size=40))
def test_packing_keeps_both_generations(newer: set[int], older: set[int]) -> None:
    found = RecentIds.unpack(RecentIds(newer=set(newer), older=set(older)).pack())
    assert (found.newer, found.older) == (newer, older)


def test_the_packing_is_a_format() -> None:
    """It stands in public records, so it must not change: little-endian words, the count of the older ids first."""
    packed = base64.b64decode(RecentIds(newer={0x0102}, older={2**64 - 1}).pack())
    assert packed.hex(" ", 8) == "0100000000000000 ffffffffffffffff 0201000000000000"


def test_nothing_unpacks_to_nothing() -> None:
    found = RecentIds.unpack("")
    assert found.newer == found.older == set()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("AAAA", id="no-whole-word"),
        pytest.param("AQAAAAAAAAA=", id="counts-more-than-it-holds"),
        pytest.param("AAAAAAAAAAA", id="no-padding"),
        pytest.param("AAAA AAAAAAA=", id="a-space"),
        pytest.param("é", id="not-ASCII"),
    ],
)
def test_damage_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RecentIds.unpack(text)


@pytest.mark.parametrize(
    ("session_id", "event_id", "hashed"),
    [
        pytest.param("s-1", "e-1", 0xD3EA68A49184E1A1, id="short"),
        pytest.param("é" * 256, "é" * 256, 0x3537E3AB7DEBF991, id="long"),
    ],
)
def test_the_fingerprint_stays_what_it_is(session_id: str, event_id: str, hashed: int) -> None:
    """Records hold these hashes: another function would forget every event over an upgrade."""
    assert fingerprint(session_id, event_id) == hashed


def test_session_and_event_are_told_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_an_org_is_told_apart_from_a_session_of_its_name() -> None:
    assert fingerprint("a", "b") != fingerprint_in_org("a", "b")


class Kept:
    """The records of a partition's ids, as a compacted topic keeps them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.records: dict[bytes, bytes] = {}

    def flush(self, ids: PartitionIds) -> None:
        for key, value in ids.take_changes():
            if value is None:
                del self.records[key]  # nothing is deleted that is not there
            else:
                assert key not in self.records, "a record was overwritten"
                self.records[key] = value

    def restored(self) -> PartitionIds:
        fresh = PartitionIds(self.limit)
        fresh.restore(self.records.items())
        return fresh


def mark(number: int) -> int:
    """Of the event with this number."""
    return number % 251 + 1


@given(st.lists(st.tuples(HASHES, st.integers(0, 251)), max_size=40))
def test_a_record_of_ids_keeps_the_mark_of_each(ids: list[tuple[int, int]]) -> None:
    hashes, marks = [hashed for hashed, _ in ids], bytes(marked for _, marked in ids)
    packed = pack_ids(hashes, marks)
    assert len(packed) % 8 == 1
    assert (unpack_ids(packed)[0].tolist(), unpack_ids(packed)[1]) == (hashes, marks)


@given(st.lists(HASHES, max_size=40))
def test_a_record_of_before_there_were_marks_says_that_they_are_not_known(hashes: list[int]) -> None:
    found, marks = unpack_ids(array("Q", hashes).tobytes())
    assert (found.tolist(), marks) == (hashes, bytes([UNKNOWN] * len(hashes)))


def test_the_record_of_ids_is_a_format() -> None:
    """A version, little-endian words, a mark for each, and zeros up to a byte more than whole words."""
    packed = pack_ids([0x0102, 2**64 - 1], bytes([7, 251]))
    assert packed.hex(" ", 8) == "01 0201000000000000 ffffffffffffffff 07fb000000000000"


@given(LIMITS, st.lists(st.sampled_from(["add", "add", "add", "flush", "crash"]), max_size=80))
def test_a_partition_knows_its_newest_events_over_restarts(limit: int, steps: list[str]) -> None:
    """What a crash undoes was never counted either: its events come again."""
    kept = Kept(limit)
    ids = PartitionIds(limit)
    counted = committed = 0
    for step in steps:
        if step == "add":
            assert ids.mark_of(counted) is None
            ids.remember(counted, mark(counted))
            counted += 1
        else:
            if step == "flush":
                kept.flush(ids)
                committed = counted
            ids = kept.restored() if step == "crash" else ids
            counted = committed if step == "crash" else counted
        assert all(ids.mark_of(number) == mark(number) for number in range(max(0, counted - limit), counted))
        assert ids.mark_of(counted) is None


@given(LIMITS, st.lists(st.integers(1, 5), max_size=40))
def test_a_partitions_records_are_bounded(limit: int, sizes: list[int]) -> None:
    """Old generations are deleted. A flush writes what came since the last one, forgotten already or not."""
    kept, ids, counted = Kept(limit), PartitionIds(limit), 0
    for size in sizes:
        for _ in range(size):
            ids.remember(counted, mark(counted))
            counted += 1
        kept.flush(ids)
        assert len(ids) < 2 * limit
        assert len(kept.restored()) < 2 * (limit + max(sizes))


def test_many_ids_are_several_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "HASHES_PER_RECORD", 3)
    kept, ids = Kept(100), PartitionIds(100)
    for hashed in range(7):
        ids.remember(hashed, mark(hashed))
    kept.flush(ids)
    assert [len(unpack_ids(value)[0]) for value in kept.records.values()] == [3, 3, 1]
    assert len(kept.restored()) == 7


def test_a_partition_may_know_none() -> None:
    ids = PartitionIds(0)
    ids.remember(1, 1)
    assert ids.mark_of(1) is None
    assert ids.take_changes() == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(b"0", b"", id="key-without-a-number"),
        pytest.param(b"a/b", b"", id="key-of-words"),
        pytest.param(b"0/0", b"1234567", id="no-whole-word"),
        pytest.param(b"0/0", b"\1" + bytes(8), id="a-hash-without-its-mark"),
        pytest.param(b"0/0", b"\1" + bytes(80), id="more-than-eight-hashes-and-less-than-nine"),
        pytest.param(b"0/0", b"\2" + pack_ids([1], b"\1")[1:], id="a-later-version"),
    ],
)
def test_a_partitions_damage_is_a_value_error(key: bytes, value: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PartitionIds(10).restore([(key, value)])


class TestWhereAnIdIsUnique:
    """By session or, if asked, by organisation; and what is known of a session that was retired."""

    RETAINED = RETENTION._replace(partition_ids=10, duplicate_ids=2)
    HISTORY = (spend(0, 1, 1), spend(0, 1, 2), spend(0, 1, 3))

    def counted(self, make: Make, retention: Retention, *events: Usage) -> tuple[int, int, int]:
        """Events accepted, duplicates, and ledgers."""
        partition = make(TOPIC, PARTITION, policy(), retention)
        publish(partition, *events)
        counts = partition.take_changes(T0).counts
        return counts.accepted, counts.duplicates, len(partition)

    @BOTH
    @pytest.mark.parametrize(
        ("ids_per_org", "found"), [(False, (7, 0, 2)), (True, (4, 3, 2))], ids=["by-session", "by-organisation"]
    )
    def test_a_fork_that_copies_its_history(self, make: Make, ids_per_org: bool, found: tuple[int, int, int]) -> None:  # noqa: FBT001
        """Three responses, the same again under the id of the fork, and one of its own."""
        fork = [msgspec.structs.replace(event, session_id="fork") for event in self.HISTORY]
        retention = self.RETAINED._replace(ids_per_org=ids_per_org)
        assert self.counted(make, retention, *self.HISTORY, spend(0, 1, 4, session_id="fork"), *fork) == found

    @BOTH
    def test_another_organisations_event_is_another_one(self, make: Make) -> None:
        other = [msgspec.structs.replace(event, session_id="theirs", org_id="other") for event in self.HISTORY]
        assert self.counted(make, self.RETAINED._replace(ids_per_org=True), *self.HISTORY, *other) == (6, 0, 2)

    @BOTH
    @pytest.mark.parametrize("length", [100, 120, 121, 256], ids=str)
    def test_ids_of_any_length(self, make: Make, length: int) -> None:
        event = usage(event_id="e" * length, org_id="o" * length)
        fork = msgspec.structs.replace(event, session_id="fork")
        assert self.counted(make, self.RETAINED._replace(ids_per_org=True), event, fork) == (1, 1, 1)

    @BOTH
    @pytest.mark.parametrize("restarted", [False, True], ids=["in-memory", "after-a-restart"])
    def test_a_repeat_after_its_session_was_retired(self, make: Make, restarted: bool) -> None:  # noqa: FBT001
        topics, partition = Topics(), make(TOPIC, PARTITION, policy(), self.RETAINED)
        publish(partition, *self.HISTORY)
        topics.commit(partition.take_changes(T0))
        partition.tick(T0)
        partition.tick(T0 + 30 * HOUR_MS)
        topics.commit(partition.take_changes(T0))
        assert (len(partition), len(topics.rollups)) == (0, 1)
        if restarted:
            partition = make(TOPIC, PARTITION, policy(), self.RETAINED)
            partition.restore(topics.progress, (), topics.rollups.values(), topics.event_ids.items())
        publish(partition, *self.HISTORY)
        assert (partition.take_changes(T0).counts.duplicates, len(partition)) == (3, 0)


class TestWhatRepeatsWouldHaveCounted:
    """The first of an id counts; the metric tells how often another one came."""

    RETAINED = RETENTION._replace(partition_ids=10, duplicate_ids=2)

    @BOTH
    @pytest.mark.parametrize(
        ("again", "other"),
        [
            pytest.param({}, 0, id="the same"),
            pytest.param({"occurred_at": T0 + 5}, 0, id="later"),
            pytest.param({"model": "gpt-4o-mini"}, 0, id="names are not told apart"),
            pytest.param({"input_tokens": 1001}, 1, id="input"),
            pytest.param({"output_tokens": 301}, 1, id="output"),
            pytest.param({"cached_input_tokens": 1}, 1, id="cached input"),
            pytest.param({"cache_write_tokens": 1}, 1, id="cache write"),
            pytest.param({"reasoning_tokens": 1}, 1, id="reasoning"),
            pytest.param({"web_searches": 1}, 1, id="a rare meter"),
            pytest.param({"reported_cost_usd": "0.1"}, 1, id="a reported cost"),
            pytest.param({"error": True}, 0, id="a rare field that counts nothing of its own"),
        ],
    )
    def test_each_field(self, make: Make, again: dict[str, Any], other: int) -> None:
        partition = make(TOPIC, PARTITION, policy(), self.RETAINED)
        event = usage(input_tokens=1000, output_tokens=300)
        rare = set(again) & {"web_searches", "reported_cost_usd", "error"}
        repeat = (RareUsage(**{**msgspec.structs.asdict(event), **again}) if rare
                  else msgspec.structs.replace(event, **again))  # fmt: skip
        publish(partition, event, repeat)
        counts = partition.take_changes(T0).counts
        assert (counts.duplicates, counts.other_content, counts.unknown_content) == (1, other, 0)

    @BOTH
    def test_what_an_answer_has_come_to_so_far(self, make: Make) -> None:
        partition = make(TOPIC, PARTITION, policy(), self.RETAINED)
        publish(partition, *(usage(output_tokens=tokens) for tokens in (10, 20, 30, 30)))
        counts = partition.take_changes(T0).counts
        assert (counts.accepted, counts.duplicates, counts.other_content) == (1, 3, 3)

    @BOTH
    @pytest.mark.parametrize("of_before", [False, True], ids=["with-marks", "written-before-there-were-marks"])
    def test_over_a_restart(self, make: Make, of_before: bool) -> None:  # noqa: FBT001
        topics, partition = Topics(), make(TOPIC, PARTITION, policy(), self.RETAINED)
        publish(partition, usage(output_tokens=10))
        topics.commit(partition.take_changes(T0))
        written = topics.event_ids.items()
        ids = [(key, unpack_ids(value)[0].tobytes() if of_before else value) for key, value in written]
        partition = make(TOPIC, PARTITION, policy(), self.RETAINED)
        partition.restore(topics.progress, (), (), ids)
        publish(partition, usage(output_tokens=10), usage(output_tokens=20))
        counts = partition.take_changes(T0).counts
        assert (counts.duplicates, counts.other_content, counts.unknown_content) == (
            2,
            *((0, 2) if of_before else (1, 0)),
        )

    @BOTH
    def test_what_only_its_session_remembers(self, make: Make) -> None:
        partition = make(TOPIC, PARTITION, policy(), self.RETAINED._replace(partition_ids=0))
        publish(partition, usage(), usage(output_tokens=20))
        counts = partition.take_changes(T0).counts
        assert (counts.duplicates, counts.other_content, counts.unknown_content) == (1, 0, 1)

    def test_a_mark_is_a_byte_and_never_unknown(self) -> None:
        marks = {content_mark(usage(output_tokens=tokens)) for tokens in range(1_000)}
        assert marks == set(range(1, 252))
