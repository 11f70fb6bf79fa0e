"""Records small compressed and larger than anything allowed unpacked: each is buried, and the next one counts."""

import hashlib
import json
import time
from typing import Any

import pytest
from confluent_kafka import Message, Producer

from burnline.events.dead_letters import KEPT_VALUE_BYTES, DeadLetterHeaders
from burnline.kafka import client_config
from burnline.topics.reading import read_to_end
from tests.faults.conftest import OpenStage
from tests.faults.stage import Stage

pytestmark = pytest.mark.faults

PARTITION = 1
UNPACKED_BYTES = 40_000_000
WITHIN_S = 120.0


def publish(stage: Stage, **record: Any) -> None:
    """One record, compressed."""
    most = {"message.max.bytes": 2 * UNPACKED_BYTES, "compression.type": "zstd"}
    producer = Producer({**client_config(stage.settings), **most})
    producer.produce(stage.topics.usage.name, partition=PARTITION, **record)
    assert producer.flush(WITHIN_S) == 0


def buried(stage: Stage) -> list[Message]:
    """All dead letters that readers of committed records see by now."""
    found = read_to_end(client_config(stage.settings), stage.topics.dead_letters.name, [PARTITION], timeout_s=30)
    return [one for batch in found for one in batch]


@pytest.mark.parametrize("kernel", ["native", "python"])
def test_one_is_cut_and_its_partition_goes_on(open_stage: OpenStage, kernel: str) -> None:
    value = b" " * UNPACKED_BYTES
    event = {
        "event_id": "e-1",
        "occurred_at": time.time_ns() // 1_000_000,
        "org_id": "acme",
        "agent_id": "agent-1",
        "session_id": "s-1",
        "model": "gpt-4o",
        "input_tokens": 1,
        "output_tokens": 1,
    }
    with open_stage(workers=1, kernel=kernel) as stage:
        publish(stage, value=value, key=b"s-1")
        publish(stage, value=b"small", key=b"s-1", headers=[("own", value)])
        publish(stage, value=json.dumps(event).encode(), key=b"s-1")
        (worker,) = stage.fleet.slots
        worker.start()
        worker.wait_ready()
        deadline = time.monotonic() + WITHIN_S
        while worker.metrics().get('burnline_events_total{outcome="accepted"}') != 1 or len(buried(stage)) < 2:
            worker.check()
            assert time.monotonic() < deadline, worker.tail()
            time.sleep(0.2)
        letters = buried(stage)
        told = [DeadLetterHeaders.from_kafka(letter.headers()) for letter in letters]  # type: ignore[arg-type]  # lists
        assert [(one.offset, one.value_bytes, one.headers_bytes) for one in told] == [
            (0, UNPACKED_BYTES, None),
            (1, None, UNPACKED_BYTES + len("own")),
        ]
        assert [letter.value() for letter in letters] == [value[:KEPT_VALUE_BYTES], b"small"]
        assert told[0].value_sha256 == hashlib.sha256(value).hexdigest()
        assert worker.readiness()[0]
