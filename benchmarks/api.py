"""How fast the API's live part answers, and how soon it knows.

python -m benchmarks.api [--sessions 10000] [--rate 100] [--seconds 20] [--changes 1000]
python -m benchmarks.api --chain [--seconds 20]

Without `--chain`: a Valkey is filled with active sessions, `burnline api` runs over it, the first page of
`/burn-rates/active` is asked for at a fixed rate (open loop: a request is sent when it is due, whether or not others
have been answered, and its latency counts from then), while so many sessions a second change.

With it: a broker, a worker, a projector and the API, all of them processes of their own; an event every 100 ms, and the
time from its publication until the answer over HTTP has counted it.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import aiohttp
import redis
from confluent_kafka import Producer

from burnline.embedded.broker import EmbeddedBroker
from burnline.embedded.ports import free_ports
from burnline.embedded.valkey import EmbeddedValkey
from burnline.ledger.progress import Progress
from burnline.pricing.money import usd_text
from burnline.readmodel.keys import Control, Keys
from burnline.readmodel.rows import encode_progress
from burnline.windows.slices import SLICE_MS
from tests.readmodel.counting import count

ACTIVE = "/api/v1/finops/burn-rates/active"
PARTITIONS = 4
WRITE_EVERY_S = 0.1
WARM_UP_S = 2.0
EVENT_EVERY_S = 0.1
POLL_EVERY_S = 0.01
READY_WITHIN_S = 60.0


def row(number: int, now_ms: int, events: int) -> str:
    """A ledger of one session, as the projector writes it: 40 slices, two models, about 2 kB."""
    random_ = random.Random(f"{number} {events}")  # noqa: S311  # a reproducible load, no secret
    cost = usd_text(random_.randrange(1, 10**12))
    sums = {
        "events": events, "input_tokens": 1_000 * events, "output_tokens": 100 * events, "cached_input_tokens": 0,
        "cache_write_tokens": 0, "reasoning_tokens": 0, "unpriced_tokens": 0, "cost_usd": cost,
        "cache_savings_usd": "0", "embedding_cost_usd": "0",
    }  # fmt: skip
    newest = now_ms // SLICE_MS
    return json.dumps(
        {
            **sums, "version": 1, "session_id": f"sess-{number}", "org_id": f"org-{number % 10}",
            "agent_id": f"agent-{number % 100}", "source_partition": number % PARTITIONS, "last_offset": events,
            "first_event_at": now_ms - 600_000, "last_event_at": now_ms - random_.randrange(5_000), "runs": 0,
            "tool_calls": 0, "by_model": {"gpt-4o": sums, "gpt-4o-mini": {**sums, "cost_usd": "0"}},
            "slices": [[newest - age, random_.randrange(10**10)] for age in range(40)], "anomaly": None,
        }
    )  # fmt: skip


class Writer:
    """Writes sessions as the projector does: rows and their change number at once."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._number = 0
        self._counted = (keys.sessions, keys.changes, keys.change_seq, keys.progress)

    def write(self, numbers: Sequence[int], events: int) -> None:
        """Write these sessions as of now, in one step."""
        now_ms = time.time_ns() // 1_000_000
        self._number += 1
        with self._redis.pipeline() as pipe:
            for number in numbers:
                session_id = f"sess-{number}"
                pipe.hset(self._keys.session(session_id), str(number % PARTITIONS), row(number, now_ms, events))
                pipe.zadd(self._keys.sessions, {session_id: now_ms})
                pipe.zadd(self._keys.changes, {session_id: self._number})
            for partition in range(PARTITIONS):
                progress = Progress(1, "usage", partition, self._number, now_ms, now_ms)
                pipe.hset(self._keys.progress, str(partition), encode_progress(progress))
            pipe.set(self._keys.change_seq, self._number)
            pipe.set(self._keys.seen_at_ms, now_ms)
            count(pipe, self._keys, *self._counted)
            pipe.execute()

    async def keep_changing(self, sessions: int, per_second: int) -> None:
        """Change so many sessions a second, until cancelled."""
        random_ = random.Random(7)  # noqa: S311
        events = 2
        while True:
            began_s = time.monotonic()
            some = [random_.randrange(sessions) for _ in range(int(per_second * WRITE_EVERY_S))]
            await asyncio.to_thread(self.write, some, events)
            events += 1
            await asyncio.sleep(max(0.0, began_s + WRITE_EVERY_S - time.monotonic()))


@contextmanager
def burnline(command: str, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """A `burnline` process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BURNLINE_")}
    environment |= {f"BURNLINE_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen([sys.executable, "-m", "burnline", command], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


async def ready(http: aiohttp.ClientSession, url: str, **params: str) -> None:
    """Return once there is an answer with a row in it."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(aiohttp.ClientError):
            async with http.get(url, params=params) as answer:
                if answer.status == 200 and (await answer.json())["rows"]:
                    return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{url} has not answered within {READY_WITHIN_S:g} s")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, as Linux tells it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory of a process, as Linux tells it."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(name: str, latencies_s: Sequence[float]) -> None:
    """Print a line."""
    milliseconds = [latency_s * 1000 for latency_s in latencies_s]
    shares = "  ".join(f"p{share * 100:g} {quantile(milliseconds, share):7.1f} ms" for share in (0.5, 0.9, 0.99))
    print(f"{name}: n {len(milliseconds)}  {shares}  max {max(milliseconds):7.1f} ms", flush=True)


async def load(http: aiohttp.ClientSession, url: str, rate: float, seconds: float, **params: str) -> list[float]:
    """Ask at a fixed rate; latencies from when each request was due."""
    latencies: list[float] = []

    async def ask(due_s: float) -> None:
        async with http.get(url, params=params) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {body[:200]!r}")
        latencies.append(time.perf_counter() - due_s)

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due_s = began_s + number / rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            group.create_task(ask(due_s))
    return latencies


async def measure_pages(arguments: argparse.Namespace) -> None:
    """The first page under load."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}{ACTIVE}"
    with EmbeddedValkey() as valkey, redis.Redis.from_url(valkey.url) as client:
        control = Control("burnline:")
        writer = Writer(client, control.keys("1"))
        for first in range(0, arguments.sessions, 500):
            writer.write(range(first, min(first + 500, arguments.sessions)), 1)
        client.set(control.generation, "1")
        with burnline("api", redis_url=valkey.url, api_port=port, api_requests_per_s=0, log_level="warning") as api:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
                began_s = time.monotonic()
                await ready(http, url)
                print(f"{arguments.sessions} sessions, ready after {time.monotonic() - began_s:.1f} s", flush=True)
                changing = asyncio.create_task(writer.keep_changing(arguments.sessions, arguments.changes))
                await load(http, url, arguments.rate, WARM_UP_S)
                cpu_s = cpu_seconds(api.pid)
                report("first page", await load(http, url, arguments.rate, arguments.seconds))
                used = (cpu_seconds(api.pid) - cpu_s) / arguments.seconds
                print(f"API process: {used:.0%} of a core, {resident_mib(api.pid):.0f} MiB", flush=True)
                seconds = arguments.seconds / 2
                report("of one org ", await load(http, url, arguments.rate, seconds, org="org-3", sort="ratio"))
                report("min_ratio  ", await load(http, url, arguments.rate, seconds, min_ratio="100000"))
                changing.cancel()
                with suppress(asyncio.CancelledError):
                    await changing


def event(number: int, session: str, agent: str) -> bytes:
    """A usage event of now."""
    fields = {
        "event_id": f"{session}-{number}", "occurred_at": time.time_ns() // 1_000_000, "org_id": "bench",
        "agent_id": agent, "session_id": session, "model": "gpt-4o", "input_tokens": 100, "output_tokens": 10,
    }  # fmt: skip
    return json.dumps(fields).encode()


async def measure_chain(arguments: argparse.Namespace) -> None:
    """From an event to the answer that has counted it."""
    api_port, worker_port, projector_port = free_ports(3)
    url = f"http://127.0.0.1:{api_port}{ACTIVE}"
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        valkey = stack.enter_context(EmbeddedValkey())
        shared = {
            "kafka_bootstrap_servers": broker.bootstrap_servers, "redis_url": valkey.url, "log_level": "warning",
            "metrics_port": worker_port, "projector_metrics_port": projector_port, "api_port": api_port,
            "api_requests_per_s": 0,
        }  # fmt: skip
        for command in ("worker", "projector", "api"):
            stack.enter_context(burnline(command, **shared))
        async with aiohttp.ClientSession() as http:
            producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 0})
            producer.produce("finops.usage", event(0, "probe", "probe"), "probe")
            producer.flush()
            await ready(http, url, agent="probe")
            published = [time.perf_counter()]
            seen = [time.perf_counter()]
            until_s = time.perf_counter() + arguments.seconds
            while len(seen) < len(published) or time.perf_counter() < until_s:
                now_s = time.perf_counter()
                if now_s < until_s and now_s - published[-1] >= EVENT_EVERY_S:
                    producer.produce("finops.usage", event(len(published), "probe", "probe"), "probe")
                    producer.poll(0)
                    published.append(now_s)
                async with http.get(url, params={"agent": "probe"}) as answer:
                    (found,) = (await answer.json())["rows"]
                seen += [time.perf_counter()] * (found["events"] - len(seen))
                await asyncio.sleep(POLL_EVERY_S)
            latencies = [there_s - sent_s for sent_s, there_s in zip(published, seen, strict=True)]
            report("event to HTTP", latencies[10:])


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--changes", type=int, default=1_000, help="sessions that change per second")
    parser.add_argument("--chain", action="store_true", help="the whole chain, from an event to the answer")
    arguments = parser.parse_args()
    asyncio.run(measure_chain(arguments) if arguments.chain else measure_pages(arguments))


if __name__ == "__main__":
    main()
