"""The ends of a process, each in a process of its own: what was published arrives, or it is said what did not."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from burnline.embedded.broker import EmbeddedBroker
from burnline.kafka import client_config
from burnline.settings import Settings, load_settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end

EVENTS = 1_000
AWAY = "127.0.0.1:1"
LOST = re.compile(r"usage events lost for topic \S+: (\d+), (\d+) in all")

PROGRAM = """
import asyncio, logging, multiprocessing, os, signal, sys, threading, time
from burnline import AsyncUsagePublisher, UsagePublisher

def event(number):
    return {"event_id": f"e{number}", "occurred_at": 1763000000000, "org_id": "acme", "agent_id": "coder",
            "session_id": f"s{number % 7}", "model": "gpt-4o", "input_tokens": 1, "output_tokens": 1}

def publish(publisher, first=0, count=EVENTS):
    for number in range(first, first + count):
        publisher.publish(event(number))

def new(**options):
    return UsagePublisher({"bootstrap.servers": SERVERS}, TOPIC, farewell_s=FAREWELL_S, **options)
"""


def run(body: str, servers: str, topic: str, *, farewell_s: float = 30.0) -> subprocess.CompletedProcess[str]:
    """Run a program that publishes, with every warning an error."""
    head = f"EVENTS, SERVERS, TOPIC, FAREWELL_S = {EVENTS}, {servers!r}, {topic!r}, {farewell_s}\n"
    command = [sys.executable, "-W", "error", "-c", head + PROGRAM + body]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def arrived(settings: Settings) -> int:
    spec = topics_for(settings).usage
    batches = read_to_end(client_config(settings), spec.name, range(spec.partitions), timeout_s=30)
    return sum(len(batch) for batch in batches)


def lost(done: subprocess.CompletedProcess[str]) -> int:
    """How many lost events the program has said in all."""
    return max((int(total) for _, total in LOST.findall(done.stderr)), default=0)


@pytest.fixture
def usage_topic(settings: Settings) -> str:
    ensure_topics(settings)
    return topics_for(settings).usage.name


ENDS: list[Any] = [
    pytest.param("publish(new())", 0, id="without a flush"),
    pytest.param("with new() as publisher:\n    publish(publisher)\n    sys.exit(0)", 0, id="sys.exit inside of with"),
    pytest.param("publish(new())\nraise RuntimeError", 1, id="an error"),
    pytest.param("publish(new())\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(99)", -signal.SIGTERM, id="SIGTERM"),
    pytest.param(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\npublish(new())\nos.kill(os.getpid(), signal.SIGTERM)",
        7,
        id="SIGTERM with a handler set before",
    ),
    pytest.param(
        "p = new()\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\npublish(p)\nos.kill(os.getpid(), 15)",
        7,
        id="SIGTERM with a handler set afterwards",
    ),
    pytest.param(
        "thread = threading.Thread(target=lambda: publish(new()))\nthread.start()\nthread.join()",
        0,
        id="published by a thread",
    ),
    pytest.param(
        """
async def agent():
    async with AsyncUsagePublisher({"bootstrap.servers": SERVERS}, TOPIC) as publisher:
        for number in range(EVENTS):
            await publisher.publish(event(number))
        await asyncio.sleep(99)

async def main():
    task = asyncio.ensure_future(agent())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

asyncio.run(main())
""",
        0,
        id="a cancelled task",
    ),
    pytest.param(
        """
publisher = new()
publish(publisher, 0, EVENTS // 2)
if os.fork() == 0:
    assert publisher.counts.in_flight == 0, "what the parent has published is the parent's"
    publish(publisher, EVENTS // 2, EVENTS // 2)
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
""",
        0,
        id="a fork",
    ),
    *(
        pytest.param(
            f"""
publisher = new()
publish(publisher, 0, EVENTS // 2)
if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=lambda: publish({which}, EVENTS // 2, EVENTS // 2))
    child.start()
    child.join()
    assert child.exitcode == 0
""",
            0,
            id=f"a child of multiprocessing with {name}",
        )
        for name, which in (("the parent's publisher", "publisher"), ("one of its own", "new()"))
    ),
]


@pytest.mark.parametrize(("body", "code"), ENDS)
def test_however_a_program_ends_all_it_has_published_arrives(
    settings: Settings, usage_topic: str, body: str, code: int
) -> None:
    done = run(body, settings.kafka_bootstrap_servers, usage_topic)
    assert done.returncode == code, done.stderr
    assert (arrived(settings), lost(done)) == (EVENTS, 0), done.stderr


@pytest.mark.parametrize(("body", "code"), ENDS)
def test_without_a_broker_it_ends_in_time_and_says_how_many_are_lost(body: str, code: int) -> None:
    started_s = time.monotonic()
    done = run(body.replace("TOPIC)", "TOPIC, farewell_s=1)"), AWAY, "usage", farewell_s=1)
    assert time.monotonic() - started_s < 60  # librdkafka's own time for an event would be 900 s
    assert done.returncode == code, done.stderr
    assert sum(int(newly) for newly, _ in LOST.findall(done.stderr)) == EVENTS, done.stderr


@pytest.fixture
def frozen() -> Iterator[Settings]:
    """A broker with its topics, that has been stopped in the middle of its life: connections open, nothing answers."""
    with EmbeddedBroker() as broker:
        settings = load_settings(kafka_bootstrap_servers=broker.bootstrap_servers)
        ensure_topics(settings)
        assert broker.pid is not None
        program = _children(broker.pid)[-1]
        os.kill(program, signal.SIGSTOP)
        yield settings
        os.kill(program, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    """The process and those below it, itself first."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return [pid, *(below for child in listed for below in _children(int(child)))]


@pytest.mark.needs_system("linux")
def test_a_frozen_broker_neither_stalls_an_agent_nor_its_end(frozen: Settings) -> None:
    body = """
publisher = new(max_in_flight=EVENTS, max_block_s=0.5)
slowest_s = 0
for number in range(EVENTS + 100):
    started_s = time.monotonic()
    publisher.publish(event(number))
    slowest_s = max(slowest_s, time.monotonic() - started_s)
print(slowest_s, publisher.counts.dropped)
"""
    started_s = time.monotonic()
    done = run(body, frozen.kafka_bootstrap_servers, topics_for(frozen).usage.name, farewell_s=1)
    assert time.monotonic() - started_s < 60
    slowest_s, dropped = done.stdout.split()
    assert float(slowest_s) < 20  # half a second, on a machine that has time
    assert (done.returncode, int(dropped), lost(done)) == (0, 100, EVENTS + 100), done.stderr


@pytest.mark.needs_system("linux")
def test_what_was_published_while_the_broker_was_frozen_arrives_afterwards(frozen: Settings) -> None:
    body = """
publisher = new()
publish(publisher)
time.sleep(2)
print("published", flush=True)
"""
    head = f"EVENTS, SERVERS, TOPIC, FAREWELL_S = {EVENTS}, {frozen.kafka_bootstrap_servers!r}, "
    head += f"{topics_for(frozen).usage.name!r}, 60\n"
    program = subprocess.Popen([sys.executable, "-c", head + PROGRAM + body], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    with program.stdout:
        assert program.stdout.readline() == "published\n"
    (broker,) = [int(pid) for pid in _stopped()]
    os.kill(broker, signal.SIGCONT)
    assert program.wait(90) == 0
    assert arrived(frozen) == EVENTS


def _stopped() -> list[str]:
    """Process ids of brokers that belong to this process and are stopped."""
    mine = _children(os.getpid())
    return [str(pid) for pid in mine if _state(pid) == "T"]


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123  # a file of the kernel's
        return file.read().rpartition(")")[2].split()[0]
