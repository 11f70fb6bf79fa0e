"""One publisher names what it likes, ever anew: every flush is taken, every sum whole, also over a restart."""

import json
import time
from collections import Counter

import pytest
from confluent_kafka import Producer

from burnline.kafka import client_config
from burnline.ledger import record, usage_record
from burnline.ledger.bounds import MAX_AGENT_ROWS, MAX_MODELS, OTHER
from burnline.topics.compacted import read_newest
from tests.faults.conftest import OpenStage
from tests.faults.stage import Stage

pytestmark = pytest.mark.faults

EVENTS = 6_000
PARTITION = 1
TOKENS = 10_000
WITHIN_S = 120.0


def event(number: int, **changes: str) -> bytes:
    """10,000 input tokens of a session."""
    fields = {
        "event_id": f"e-{number}",
        "occurred_at": time.time_ns() // 1_000_000,
        "org_id": "acme",
        "agent_id": "agent-1",
        "session_id": "s-1",
        "model": "gpt-4o",
        "input_tokens": TOKENS,
        "output_tokens": 0,
    }
    return json.dumps(fields | changes).encode()


def publish(stage: Stage, values: list[bytes]) -> None:
    """All to one partition."""
    producer = Producer(client_config(stage.settings))
    for value in values:
        producer.produce(stage.topics.usage.name, value, b"s-1", PARTITION)
        producer.poll(0)
    assert producer.flush(WITHIN_S) == 0


def counted(stage: Stage, events: int) -> dict[str, record.LedgerRecord]:
    """The ledgers by session, when they hold so many events; meanwhile nothing may be refused."""
    (worker,) = stage.fleet.slots
    deadline = time.monotonic() + WITHIN_S
    while True:
        worker.check()
        assert worker.metrics().get("burnline_partitions_refused", 0) == 0, worker.readiness()
        values = read_newest(client_config(stage.settings), stage.topics.sessions, timeout_s=30).values()
        ledgers = {found.session_id: found for found in map(record.parse, values)}
        if sum(ledger.events for ledger in ledgers.values()) >= events:
            return ledgers
        assert time.monotonic() < deadline, worker.tail()
        time.sleep(0.2)


@pytest.mark.parametrize("kernel", ["native", "python"])
def test_models_teams_and_projects_without_end(open_stage: OpenStage, kernel: str) -> None:
    models = [event(number, model=f"{number}".rjust(250, "m")) for number in range(EVENTS)]
    teams = [event(EVENTS + number, session_id="s-2", team_id=f"t{number}".rjust(250, "t")) for number in range(EVENTS)]
    with open_stage(workers=1, kernel=kernel, judge_by="log_time") as stage:
        (worker,) = stage.fleet.slots
        worker.start()
        worker.wait_ready()
        publish(stage, [*models, *teams])
        counted(stage, 2 * EVENTS)
        worker.kill()
        worker.start()
        worker.wait_ready()
        publish(stage, [*models[:10], event(2 * EVENTS, model="one more")])  # ten are known
        ledgers = counted(stage, 2 * EVENTS + 1)
        rows = [
            usage_record.parse(value)
            for value in read_newest(client_config(stage.settings), stage.topics.usage_rollups, timeout_s=30).values()
        ]
        assert worker.readiness() == (True, worker.readiness()[1])
    named, teamed = ledgers["s-1"], ledgers["s-2"]
    assert (named.events, named.input_tokens) == (EVENTS + 1, (EVENTS + 1) * TOKENS)
    assert (len(named.by_model), named.by_model[OTHER].events) == (MAX_MODELS + 1, EVENTS + 1 - MAX_MODELS)
    assert (teamed.events, teamed.cost_usd) == (EVENTS, f"{EVENTS * 0.025:g}")
    events: Counter[str] = Counter()
    for row in rows:
        events["of teams" if row.team_id else "of models"] += row.events
    assert events == {"of models": EVENTS + 1, "of teams": EVENTS}
    quarters = {row.quarter_start_ms for row in rows}
    assert len([row for row in rows if row.team_id]) <= (MAX_AGENT_ROWS + 1) * len(quarters)
