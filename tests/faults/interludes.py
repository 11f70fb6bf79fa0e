"""What happens to the source topic itself, between two acts of a long run: a gap, and a topic made anew.

Both wait until all that was published is counted, so that what is lost is known to the event.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from burnline.kafka import client_config
from burnline.topics.client_log import client_log
from burnline.topics.compacted import read_newest
from burnline.topics.ensure import ensure_topics
from tests.faults.stage import DRAIN_TIMEOUT_S, Stage

WITHIN_S = 120.0
GAP_EVENTS = 1_000
"""On each partition."""
_POLL_S = 0.2


def gap(stage: Stage) -> int:
    """Publish good events that retention takes while no worker runs; says how many are counted as lost.

    Raises:
        TimeoutError: The workers do not count exactly those.
    """
    _at_rest(stage)
    for slot in stage.fleet.slots:
        slot.kill()
    usage, partitions = stage.topics.usage.name, range(stage.settings.partitions)
    producer = Producer(client_config(stage.settings), logger=client_log)
    for partition in partitions:
        for number in range(GAP_EVENTS):
            producer.produce(usage, _event(number), f"gone-{number}".encode(), partition)
            producer.poll(0)
    assert producer.flush(WITHIN_S) == 0
    ends = [TopicPartition(usage, partition, OFFSET_END) for partition in partitions]
    client = AdminClient(client_config(stage.settings), logger=client_log)
    for answer in client.delete_records(ends).values():
        answer.result(WITHIN_S)
    for slot in stage.fleet.slots:
        slot.start()
    lost = GAP_EVENTS * len(partitions)
    _wait_for(lambda: _lost(stage) == lost, lambda: f"{_lost(stage)} events are counted as lost, {lost} are")
    stage.publisher.go_on()
    return lost


def made_anew(stage: Stage) -> list[str]:
    """Delete the usage topic, make it again, and adopt it; says what went wrong.

    Raises:
        TimeoutError: The workers do not refuse the other topic.
    """
    _at_rest(stage)
    problems = [_run(stage, "adopt"), _run(stage, "verify")]  # what was lost is acknowledged; all else is exact
    usage = stage.topics.usage.name
    client = AdminClient(client_config(stage.settings), logger=client_log)
    client.delete_topics([usage])[usage].result(WITHIN_S)
    _wait_for(lambda: usage not in client.list_topics(timeout=10).topics, lambda: f"{usage} is still there")
    ensure_topics(stage.settings)
    refused = f"topic {usage} was made anew"
    _wait_for(
        lambda: any(refused in slot.readiness()[1] for slot in stage.fleet.running),
        lambda: f"not refused: {[slot.readiness() for slot in stage.fleet.running]}",
    )
    problems.append(_run(stage, "adopt"))
    stage.source_topics += 1
    stage.progress.begin_anew(timeout_s=WITHIN_S)
    stage.publisher.connect_anew()
    stage.publisher.go_on()
    return [problem for problem in problems if problem]


def _at_rest(stage: Stage) -> None:
    stage.publisher.pause()
    for slot in stage.fleet.slots:
        slot.start()
    stage.progress.drain(timeout_s=DRAIN_TIMEOUT_S, check=stage.fleet.check)


def _event(number: int) -> bytes:
    event = {
        "event_id": f"gone-{number}", "occurred_at": time.time_ns() // 1_000_000, "org_id": "org", "agent_id": "gone",
        "session_id": f"gone-{number}", "model": "gpt-4o", "input_tokens": 1, "output_tokens": 1,
    }  # fmt: skip
    return json.dumps(event).encode()


def _lost(stage: Stage) -> int:
    newest = read_newest(client_config(stage.settings), stage.topics.progress, timeout_s=20)
    return sum((json.loads(value).get("lineage") or {}).get("lost_events", 0) for value in newest.values())


def _run(stage: Stage, command: str) -> str:
    """Run a command of Burnline's; "" if it went well, else what it said."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "burnline", command],
        env=stage.commands,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"{command}: {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}"


def _wait_for(reached: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise())
        time.sleep(_POLL_S)
