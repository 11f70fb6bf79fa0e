"""Damaged records: each is read whole or refused by name, and none is met again by an event later on.

The kernel and Python are given the same records. What either of them takes over can be applied to, judged, retired and
written again, and what it writes is taken over again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.ledger.identity import ledger_key
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.ledger.progress import Progress
from burnline.ledger.record import UnreadableRecord
from burnline.native.ledger import NativePartitionLedger
from tests.ledger.examples import PARTITION, RETENTION, T0, TOPIC, Topics, named, policy, publish, spend

Make = Callable[[str, int, Policy, Retention], PartitionLedger]
BOTH = pytest.mark.parametrize("make", [PartitionLedger, NativePartitionLedger], ids=["python", "kernel"])
RETAINED = RETENTION._replace(partition_ids=10)
SESSION, CALM = named("s-1"), named("calm")


def written() -> Topics:
    """What a partition has written with a session of two models, one calm and one with an open anomaly, one retired."""
    topics = Topics()
    partition = PartitionLedger(TOPIC, PARTITION, policy(), RETAINED)
    events = [
        spend(0, 1, session_id="idle"),
        spend(0, 1, 1, session_id="calm"),
        spend(0, 90, 2),
        spend(1, 30, 3, model="gpt-4o-mini", kind="embedding", cached_input_tokens=7),
    ]
    for ledger_end_ms, batch in [(T0, events[:1]), (T0 + 12 * HOUR_MS, events[1:])]:
        partition.apply([partition.next_offset + index for index in range(len(batch))], batch, now_ms=T0)
        topics.commit(partition.take_changes(T0))
        if ledger_end_ms > T0:
            break
        partition.tick(T0 + 12 * HOUR_MS)
        topics.commit(partition.take_changes(T0))
    return topics


WRITTEN = written()


def test_the_records_are_of_every_kind() -> None:
    assert set(WRITTEN.sessions) == {SESSION, CALM}
    assert b'"anomaly":{' in WRITTEN.sessions[SESSION]
    assert b'"anomaly":null' in WRITTEN.sessions[CALM]
    assert len(WRITTEN.rollups) == len(WRITTEN.event_ids) - 1 == 1


@dataclass(frozen=True)
class Damage:
    """One place of a record changed."""

    at: float
    what: bytes
    gone: int

    def done_to(self, value: bytes) -> bytes:
        at = int(self.at * len(value))
        return value[:at] + self.what + value[at + self.gone :]


PIECES = st.sampled_from(
    [b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"-", b"-1", b"0", b"9" * 20, b"9" * 80, b".", b"\\", b"\xff",
     b"null", b"\xc2\x85", b"e5", b"=", b"A" * 12, b" ", b"[" * 5_000]
)  # fmt: skip
DAMAGES = st.lists(
    st.builds(
        Damage,
        at=st.floats(0, 1, exclude_max=True),
        what=PIECES | st.binary(min_size=1, max_size=2),
        gone=st.sampled_from([0, 1, 1, 1, 2, 5, 40, 10_000]),
    ),
    min_size=1,
    max_size=2,
)


def damaged(value: bytes, damages: list[Damage]) -> bytes:
    for damage in damages:
        value = damage.done_to(value)
    return value


def live_on(partition: PartitionLedger, make: Make) -> None:
    """Do all that a partition does with what it holds; a reader of what it writes must take it over, too."""
    topics = Topics()
    topics.sessions = dict.fromkeys([SESSION, CALM], b"")  # those that may be retired
    for number in range(3):
        publish(partition, spend(number, 1, number), spend(number, 1, number, session_id="calm"))
        partition.tick(T0 + number * 60_000)
        topics.commit(partition.take_changes(T0))
    partition.tick(T0 + 40 * 365 * 24 * HOUR_MS)
    topics.commit(partition.take_changes(T0))
    successor = make(TOPIC, PARTITION, policy(), RETAINED)
    successor.restore(topics.progress, topics.sessions.items(), topics.rollups.values(), topics.event_ids.items())


@BOTH
@given(damages=DAMAGES, of=st.sampled_from([SESSION, CALM]))
def test_a_damaged_ledger_is_refused_or_whole(make: Make, damages: list[Damage], of: str) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    try:
        partition.restore_session(of, damaged(WRITTEN.sessions[of], damages))
        partition.restore(WRITTEN.progress)
    except UnreadableRecord:
        return
    live_on(partition, make)


@BOTH
@given(damages=DAMAGES, of=st.sampled_from(["progress", "rollup", "event ids", "key of event ids"]))
def test_other_damaged_records_are_refused_or_whole(make: Make, damages: list[Damage], of: str) -> None:
    assert WRITTEN.progress is not None
    progress = WRITTEN.progress.encode()
    (rollup,) = WRITTEN.rollups.values()
    key, ids = next(iter(WRITTEN.event_ids.items()))
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    try:
        partition.restore(
            Progress.decode(damaged(progress, damages) if of == "progress" else progress),
            rollups=[damaged(rollup, damages) if of == "rollup" else rollup],
            event_ids=[
                (
                    damaged(key, damages) if of == "key of event ids" else key,
                    damaged(ids, damages) if of == "event ids" else ids,
                )
            ],
        )
    except ValueError:
        return
    live_on(partition, make)


def changed(of: str, **fields: object) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(WRITTEN.sessions[of]), **fields})


ANOMALY = msgspec.json.decode(WRITTEN.sessions[SESSION])["anomaly"]


@BOTH
@pytest.mark.parametrize(
    ("value", "named"),
    [
        pytest.param(changed(SESSION, session_id="s-2"), "s-2", id="of-another-session"),
        pytest.param(changed(SESSION, source_partition=3), "partition 3", id="of-another-partition"),
        pytest.param(changed(SESSION, version=2, x={"version": 1, "y": 2}), "version", id="the-mark-elsewhere"),
        pytest.param(changed(SESSION, events=-1), "events", id="a-negative-count"),
        pytest.param(changed(SESSION, slices=[[1, 2], [1, 3]]), "twice", id="a-slice-twice"),
        pytest.param(changed(SESSION, slices=[[1, -2]]), "slices", id="a-negative-slice"),
        pytest.param(changed(SESSION, last_event_at=10**13), "last_event_at", id="an-event-in-2286"),
        pytest.param(changed(SESSION, recent_event_ids="AAAA"), "bytes length", id="ids-of-no-whole-word"),
        pytest.param(changed(SESSION, session_id=""), "session_id", id="a-session-without-a-name"),
        pytest.param(changed(SESSION, by_model={"m" * 257: {}}), "model", id="a-model-with-too-long-a-name"),
        pytest.param(changed(SESSION, anomaly=ANOMALY | {"state": "resolved"}), "resolved", id="its-anomaly-over"),
        pytest.param(changed(SESSION, anomaly=ANOMALY | {"severity": "bad"}), "severity", id="an-unknown-severity"),
        pytest.param(changed(SESSION, anomaly=ANOMALY | {"opened_at": 10**17}), "opened_at", id="opened-too-late"),
        pytest.param(changed(SESSION, anomaly={"severity": "warning"}), "anomaly", id="an-anomaly-without-anything"),
        pytest.param(b'{"deep":' + b"[" * 9_000 + WRITTEN.sessions[SESSION][1:], "recursion", id="nested-deeply"),
        pytest.param(
            WRITTEN.sessions[SESSION].replace(b'"cost_usd":"0.09"', b'"cost_usd":"-1"'), "negative", id="below-0"
        ),
        pytest.param(
            WRITTEN.sessions[SESSION].replace(b'"cost_usd":"0.09"', b'"cost_usd":"1."'), "1.", id="a-bare-point"
        ),
    ],
)  # fmt: skip
def test_damage_is_named_when_it_is_read_and_not_when_its_session_is_touched(
    make: Make, value: bytes, named: str
) -> None:
    assert value != WRITTEN.sessions[SESSION]
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    with pytest.raises(UnreadableRecord, match=named):
        partition.restore_session(SESSION, value)


@BOTH
def test_totals_below_0_are_worked_out_anew(make: Make) -> None:
    """Sums over several models once wrapped at 9.2 million USD: the models are right, and the totals are not read."""
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    partition.restore_session(SESSION, changed(SESSION, cost_usd="-9223372.036854775808"))
    held = partition.get(ledger_key("acme", "s-1"))
    assert held is not None
    assert held.total("cost_pico_usd") > 0


@BOTH
def test_an_open_anomaly_is_known_however_its_record_is_spaced(make: Make) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    partition.restore_session(SESSION, WRITTEN.sessions[SESSION].replace(b'"anomaly":{', b'"anomaly": {'))
    partition.restore(WRITTEN.progress)
    assert partition.open_anomalies == 1


@BOTH
def test_a_progress_of_another_partition_is_refused(make: Make) -> None:
    assert WRITTEN.progress is not None
    with pytest.raises(UnreadableRecord, match="of partition 9"):
        make(TOPIC, PARTITION, policy(), RETAINED).restore(
            msgspec.structs.replace(WRITTEN.progress, source_partition=9)
        )
