"""Sessions of several organisations under one id, and records of before they were told apart: in both worlds."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from burnline.events.usage import Usage
from burnline.ledger.duplicates import UNKNOWN, PartitionIds, RecentIds, fingerprint, unpack_ids
from burnline.ledger.identity import key_of, ledger_key, org_and_session, record_name
from burnline.ledger.partition import OLD_IDS_LOOKED_FOR, PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.ledger.progress import Progress
from burnline.native.ledger import NativePartitionLedger
from tests.ledger.examples import MILLI, PARTITION, T0, TOPIC, held, named, policy, publish, spend, usage

Kind = Callable[[str, int, Policy, Retention], PartitionLedger]
BOTH = pytest.mark.parametrize(
    "kind", [pytest.param(PartitionLedger, id="python"), pytest.param(NativePartitionLedger, id="kernel")]
)
RETENTION = Retention(slices=60, duplicate_ids=64, partition_ids=1_000)


def begun(kind: Kind) -> PartitionLedger:
    return kind(TOPIC, PARTITION, policy(), RETENTION)


def of(org_id: str, **changes: Any) -> Usage:
    return usage(session_id="1", org_id=org_id, **changes)


@BOTH
def test_each_pays_for_its_own_and_an_equal_event_id_is_no_duplicate(kind: Kind) -> None:
    partition = begun(kind)
    publish(partition, of("acme"), of("globex"), of("globex", event_id="e-2"), of("acme"))
    changes = partition.take_changes(T0)
    assert (changes.counts.accepted, changes.counts.duplicates) == (3, 1)
    assert sorted(key.decode() for key, _ in changes.ledgers) == [named("1"), named("1", "globex")]
    assert held(partition, "1", "acme").total("cost_pico_usd") == 25 * MILLI
    assert held(partition, "1", "globex").total("cost_pico_usd") == 50 * MILLI
    assert sorted(map(org_and_session, changes.counts.opened)) == [("acme", "1"), ("globex", "1")]


@BOTH
def test_each_has_its_own_anomaly(kind: Kind) -> None:
    partition = begun(kind)
    publish(
        partition, *(spend(0, 80, session_id="1", org_id=org) for org in ("acme", "globex", "calm")[:2]), of("calm")
    )
    notices = partition.take_changes(T0).notices
    assert [(notice.org_id, str(notice.state)) for notice in notices] == [("acme", "opened"), ("globex", "opened")]
    assert len({notice.anomaly_id for notice in notices}) == 2


def written_before(*org_ids: str) -> tuple[Progress, list[tuple[str, bytes]], list[tuple[bytes, bytes]]]:
    """What a worker wrote of a session "1" that knew sessions by their id alone: progress, ledger, event ids."""
    partition = begun(PartitionLedger)
    publish(partition, *(of(org_id, event_id=f"e-{number}") for number, org_id in enumerate(org_ids)))
    changes = partition.take_changes(T0)
    ids, recent = PartitionIds(1_000), RecentIds()
    for number in range(len(org_ids)):
        ids.remember(fingerprint("1", f"e-{number}"), UNKNOWN)
        recent.add(fingerprint("1", f"e-{number}"), 64)
    records = []
    for _, value in changes.ledgers:
        fields = msgspec.json.decode(value or b"")
        del fields["delay_ms"]
        records.append(("1", msgspec.json.encode(fields | {"recent_event_ids": recent.pack()})))
    told = [(key, unpack_ids(value)[0].tobytes()) for key, value in ids.take_changes() if value is not None]
    progress = msgspec.structs.replace(changes.progress, old_ids_until_offset=None, appended_at_ms=0)
    return progress, records, told


@BOTH
def test_a_record_of_before_is_counted_on_and_moves_to_its_new_key(kind: Kind) -> None:
    progress, records, ids = written_before("acme", "acme")
    partition = begun(kind)
    partition.restore(progress, records, event_ids=ids)
    assert partition.take_changes(T0).ledgers == [], "a million of them are not written at once"
    publish(partition, of("acme", event_id="e-0"), of("acme", event_id="new"), of("globex", event_id="other"))
    changes = partition.take_changes(T0)
    assert (changes.counts.accepted, changes.counts.duplicates) == (2, 1), "what was counted before is known"
    moved = {key.decode(): value is not None for key, value in changes.ledgers}
    assert moved == {named("1"): True, "1": False, named("1", "globex"): True}
    assert held(partition, "1", "acme").total("events") == 3
    publish(partition, of("acme", event_id="newer"))
    assert [key.decode() for key, _ in partition.take_changes(T0).ledgers] == [named("1")]


@BOTH
@pytest.mark.parametrize("tombstone_first", [False, True])
def test_a_session_that_has_moved_is_restored_once(kind: Kind, *, tombstone_first: bool) -> None:
    progress, (old,), ids = written_before("acme")
    first = begun(kind)
    first.restore(progress, [old], event_ids=ids)
    publish(first, of("acme", event_id="new"))
    changes = first.take_changes(T0)
    written = sorted(changes.ledgers, key=lambda record: (record[1] is None) != tombstone_first)
    second = begun(kind)
    for name, value in [old, *((key.decode(), value) for key, value in written)]:
        second.restore_session(name, value)
    second.restore(changes.progress)
    assert (len(second), held(second, "1").total("events")) == (1, 2)


@BOTH
def test_ids_of_before_are_looked_for_as_long_as_they_may_be_known(kind: Kind) -> None:
    progress, records, ids = written_before("acme")
    partition = begun(kind)
    partition.restore(progress, records, event_ids=ids)
    until = progress.next_offset + OLD_IDS_LOOKED_FOR
    assert partition.take_changes(T0).progress.old_ids_until_offset == until
    late = begun(kind)
    late.restore(
        msgspec.structs.replace(progress, next_offset=until, old_ids_until_offset=until), records, event_ids=ids
    )
    publish(late, of("acme", event_id="e-0"))
    assert late.take_changes(T0).counts.duplicates == 0


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param('["acme","1"]', ledger_key("acme", "1"), id="of-two"),
        pytest.param(record_name(ledger_key('o"x', "é/\\")), ledger_key('o"x', "é/\\"), id="to-be-escaped"),
        pytest.param("1", None, id="a-session-alone"),
        pytest.param('["acme"', None, id="that-looks-like-one"),
        pytest.param('["acme","1","2"]', None, id="of-three"),
        pytest.param(b'["\xff","1"]', None, id="no-text"),
    ],
)
def test_names_of_records(name: str | bytes, key: str | None) -> None:
    assert key_of(name) == key
