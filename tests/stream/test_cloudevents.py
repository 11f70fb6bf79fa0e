"""CloudEvents on the usage topic, written by the cloudevents package: both readers and both ledgers decide alike."""

import json
from functools import partial
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from burnline.ledger.partition import PartitionLedger
from burnline.native.ledger import NativePartitionLedger
from burnline.settings import Settings
from burnline.stream.polling import PolledReader
from burnline.stream.reader import MakeReader, MessageReader
from tests.ledger.examples import RETENTION, T0, TOPIC, policy
from tests.stream.test_reader import CLOCKS, Row, batches, reading, topic, write

__all__ = ["topic"]  # a fixture

DATA: dict[str, Any] = {
    "occurred_at": T0, "org_id": "acme", "agent_id": "coder", "model": "gpt-4o",
    "input_tokens": 1_000, "output_tokens": 10,
}  # fmt: skip
PLAIN = {**DATA, "event_id": "/agents/a 1", "session_id": "s-1"}
TRACED: list[tuple[str, bytes | None]] = [("traceparent", b"00-1-2-01")]


def cloudevent(number: int, **changes: Any) -> CloudEvent:
    at = {
        "id": str(number),
        "source": "/agents/a",
        "type": "usage",
        "subject": "s-1",
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes=at, data=DATA | changes)


def row(offset: int, message: KafkaMessage) -> Row:
    headers: list[tuple[str, bytes | None]] = [*message.headers.items()]
    return offset, b"s-1", message.value, headers


ROWS: list[Row] = [
    (0, b"s-1", json.dumps(PLAIN).encode(), None),
    row(1, to_binary_event(cloudevent(2))),
    row(2, to_structured_event(cloudevent(3))),
    row(3, to_binary_event(cloudevent(1))),  # the first one again
    (4, b"s-1", json.dumps({**PLAIN, "event_id": "5"}).encode(), TRACED),
    row(5, to_binary_event(cloudevent(6, input_tokens=-1))),
    (6, b"s-1", b"[" + to_structured_event(cloudevent(7)).value + b"]", None),
    (7, b"s-1", json.dumps({**PLAIN, "event_id": "8"}).encode(), row(0, to_binary_event(cloudevent(2)))[3]),
]


@pytest.mark.broker
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (partial(MessageReader, clocks=CLOCKS), PartitionLedger),
        (partial(PolledReader, clocks=CLOCKS), NativePartitionLedger),
    ],
    ids=["python", "kernel"],
)
def test_they_count_as_plain_events_do(
    make: MakeReader, kind: type[PartitionLedger], settings: Settings, topic: str
) -> None:
    write(settings, topic, 1, ROWS)
    partition = kind(TOPIC, 1, policy(), RETENTION)
    refused: list[tuple[int, str, str]] = []
    with reading(make, settings, topic, {1: 0}) as reader:
        found = batches(reader, 1, len(ROWS))
    for _, _, records in found:
        rejections = partition.apply_records(
            records.offsets, records.values, logged_ms=[T0] * len(records.offsets), now_ms=T0, max_clock_skew_ms=0
        )
        refused += [(records.offsets[one.index], one.reason, one.field) for one in rejections]
    stand = [(offset, records.value(at)) for _, _, records in found for at, offset in enumerate(records.offsets)]
    assert stand == [(offset, value) for offset, _, value, _ in ROWS]
    assert refused == [(5, "out_of_range", "input_tokens"), (6, "cloudevents_batch", "")]
    assert partition.counts.duplicates == 1
    [(_, value)] = partition.take_changes(T0).ledgers
    ledger = json.loads(value or b"")
    assert (ledger["events"], ledger["input_tokens"]) == (5, 5_000)
