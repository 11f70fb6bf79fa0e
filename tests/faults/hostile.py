"""A worker under mixed hostile input for a while: its memory stays flat, its log silent, and the sums exact.

python -m tests.faults.hostile [--minutes 60] [--events-per-s 1000] [--seed N] [--json FILE]

Exit code 0 when memory stayed flat, nothing above INFO was logged, and `burnline verify` finds no difference.
"""

import argparse
import json
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from rich.console import Console

from burnline.kafka import client_config
from burnline.topics.client_log import client_log
from tests.faults.cluster import Cluster
from tests.faults.load import Shape
from tests.faults.stage import Stage, on_stage
from tests.faults.test_silence import above_info

LOOK_EVERY_S = 5.0
RETIRE_AFTER_S = 60
"""So that sessions by the thousand come to an end within the run."""
MOST_GROWN_MIB = 32.0
"""From the second quarter of the run to the last, beside what further ledgers need: they are retired by the hour."""
KIB_PER_LEDGER = 3.0
"""Measured, of sessions with an event or two and names as long as they may be."""
UNPRICED = "models without a rate, their tokens cost nothing yet"
"""Said once a minute at most, whatever is made up."""
SESSIONS, AGENTS = 500, 20
_ODD = "\u202e\u200b\u2028é\U0001f600"


def _encoded(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


class Hostile:
    """Values as nobody should send them, from a seed; among them good ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # reproducible is what it has to be
        self._number = 0
        self._before: list[dict[str, Any]] = []
        self._kinds: list[Callable[[dict[str, Any]], bytes | None]] = [
            self._new_names,
            self._odd_names,
            self._clock,
            self._repeat,
            self._other_content,
            self._rare,
            self._wrong,
            self._damaged,
            lambda _: None,
            lambda _: b"",
            lambda event: _encoded(event).decode().encode("utf-16"),
            lambda event: _encoded(event | {"note": " " * 600_000}),
        ]
        self._weights = [20, 5, 10, 10, 10, 10, 15, 15, 1, 1, 1, 0.01]

    def value(self, now_ms: int) -> tuple[str, bytes | None]:
        """The next record: key and value."""
        event = self._good(now_ms)
        if self._random.random() < 0.6:
            value: bytes | None = _encoded(event)
        else:
            (make,) = self._random.choices(self._kinds, self._weights)
            value = make(event)
        self._before = [*self._before[-50:], event]
        return str(event["session_id"]), value

    def _good(self, now_ms: int) -> dict[str, Any]:
        self._number += 1
        random_ = self._random
        return {
            "event_id": f"e-{self._number}", "occurred_at": now_ms - random_.randrange(2_000),
            "org_id": random_.choice(["acme", "globex"]), "agent_id": f"agent-{random_.randrange(AGENTS)}",
            "session_id": f"s-{random_.randrange(SESSIONS)}", "model": random_.choice(["gpt-4o", "claude-sonnet-4-5"]),
            "input_tokens": random_.randrange(5_000), "output_tokens": random_.randrange(500),
        }  # fmt: skip

    def _new_names(self, event: dict[str, Any]) -> bytes:
        """What nobody has named before, as long as it may be."""
        field = self._random.choice(["session_id", "model", "team_id", "project_code", "provider"])
        return _encoded(event | {field: f"{self._number}-".ljust(250, "x")})

    def _odd_names(self, event: dict[str, Any]) -> bytes:
        return _encoded(event | {self._random.choice(["session_id", "model", "agent_id"]): _ODD})

    def _clock(self, event: dict[str, Any]) -> bytes:
        return _encoded(event | {"occurred_at": event["occurred_at"] + self._random.randrange(-200_000_000, 400_000)})

    def _repeat(self, event: dict[str, Any]) -> bytes:
        return _encoded(self._random.choice(self._before) if self._before else event)

    def _other_content(self, event: dict[str, Any]) -> bytes:
        before = self._random.choice(self._before) if self._before else event
        return _encoded(before | {"output_tokens": self._random.randrange(500)})

    def _rare(self, event: dict[str, Any]) -> bytes:
        more: list[dict[str, Any]] = [
            {"web_searches": 2},
            {"reported_cost_usd": "0.01"},
            {"error": True},
            {"service_tier": "flex"},
        ]
        return _encoded(event | self._random.choice(more) | {"tags": {str(n): "x" * 250 for n in range(60)}})

    def _wrong(self, event: dict[str, Any]) -> bytes:
        values = [-1, 10**30, "1", None, [], {}, "\x07", "x" * 300, 1.5, True]
        return _encoded(event | {self._random.choice(list(event)): self._random.choice(values)})

    def _damaged(self, event: dict[str, Any]) -> bytes:
        value = bytearray(_encoded(event))
        for _ in range(self._random.randrange(1, 4)):
            value[self._random.randrange(len(value))] = self._random.randrange(256)
        return bytes(value[: self._random.randrange(1, len(value))]) if self._random.random() < 0.5 else bytes(value)


def main() -> None:
    """Run, and end with an exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--events-per-s", type=float, default=1_000.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    console.print(f"{arguments.minutes:g} minutes of {arguments.events_per_s:,.0f} events/s, --seed {arguments.seed}")
    with tempfile.TemporaryDirectory(prefix="burnline-hostile-") as folder, Cluster() as cluster:
        stage = Stage(
            cluster,
            Path(folder),
            Shape(arguments.seed),
            workers=1,
            judge_by="log_time",
            retire_after_s=RETIRE_AFTER_S,
        )
        with on_stage(stage, arguments.seed):
            figures, problems = _run(stage, arguments, console)
    for name, figure in figures.items():
        console.print(f"{name}: {figure:,}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"seed": arguments.seed, **figures}, indent=2) + "\n")
    for problem in problems:
        console.print(problem, style="red", markup=False)
    sys.exit(1 if problems else 0)


def _run(stage: Stage, arguments: argparse.Namespace, console: Console) -> tuple[dict[str, float], list[str]]:
    (worker,) = stage.fleet.slots
    worker.start()
    worker.wait_ready()
    looks: list[float] = []
    held: list[float] = []
    records = 0
    for records in _published(stage, arguments):
        looks.append(worker.resident_mib())
        held.append(worker.metrics()["burnline_ledgers_held"])
        worker.check()
        if len(looks) % 6 == 0:
            console.print(f"  {records:,} records, {looks[-1]:.0f} MiB", style="dim")
    stage.progress.drain(timeout_s=120.0, check=stage.fleet.check)
    counted = worker.metrics()
    stopped = worker.terminate()
    said = above_info(worker)
    unpriced = [line for line in said if UNPRICED in line]
    said = [line for line in said if UNPRICED not in line]
    grown, more_ledgers = _grown(looks), _grown(held)
    figures = {
        "records": records,
        "accepted": counted['burnline_events_total{outcome="accepted"}'],
        "dead letters": counted['burnline_events_total{outcome="dead_letter"}'],
        "repeats with the same content": counted['burnline_duplicates_total{content="same"}'],
        "repeats with other content": counted['burnline_duplicates_total{content="other"}'],
        "MiB in the end": round(looks[-1], 1),
        "MiB grown since the second quarter": round(grown, 1),
        "ledgers held more since then": more_ledgers,
        "lines about models without a rate": len(unpriced),
        "lines above INFO beside them": len(said),
    }
    problems = [f"the log says: {line}" for line in said[:5]]
    if len(unpriced) > arguments.minutes + 2:
        problems.append(f"{len(unpriced)} lines about models without a rate in {arguments.minutes:g} minutes")
    if grown > MOST_GROWN_MIB + more_ledgers * KIB_PER_LEDGER / 1024:
        problems.append(f"memory has grown by {grown:.1f} MiB: {[round(look) for look in looks]}")
    if stopped.exit_code != 0:
        problems.append(f"the worker ended with {stopped.exit_code}")
    return figures, problems + list(_verified(stage))


def _grown(looks: Sequence[float]) -> float:
    """By how much the last quarter lies above the second one."""
    quarter = max(1, len(looks) // 4)
    return statistics.median(looks[-quarter:]) - statistics.median(looks[quarter : 2 * quarter])


def _published(stage: Stage, arguments: argparse.Namespace) -> Iterator[int]:
    """Publish at the rate asked for; yields how many records there were at each look."""
    producer = Producer({**client_config(stage.settings), "compression.type": "lz4"}, logger=client_log)
    hostile, sent, began_s = Hostile(arguments.seed), 0, time.monotonic()
    looked_s = began_s
    while (now_s := time.monotonic()) < began_s + 60 * arguments.minutes:
        while sent < (now_s - began_s) * arguments.events_per_s:
            key, value = hostile.value(time.time_ns() // 1_000_000)
            producer.produce(stage.topics.usage.name, value, key.encode())
            producer.poll(0)
            sent += 1
        if now_s - looked_s >= LOOK_EVERY_S:
            looked_s = now_s
            yield sent
        time.sleep(0.02)
    assert producer.flush(60) == 0
    yield sent


def _verified(stage: Stage) -> Iterator[str]:
    command = [sys.executable, "-P", "-m", "burnline", "verify"]
    done = subprocess.run(command, env=stage.fleet.slots[0].environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield f"burnline verify ended with {done.returncode}: {done.stdout[-3000:]} {done.stderr[-1000:]}"


if __name__ == "__main__":
    main()
