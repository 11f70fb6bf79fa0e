"""What an event costs a worker, by part, in µs of CPU: real records, ledgers and transactions, a step at a time.

python -m benchmarks.profile [--events 1000000] [--sessions 2000] [--runs 3] [--broker apache|embedded|HOST:PORT]

Each step is run alone over all events, so that what its threads do (librdkafka's among them) counts for it and for
nothing else. What a whole worker needs beyond the steps is the way between them: Faust, the event loop, threads that
wait for each other.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, TypeVar
from unittest import mock

from benchmarks.bench import broker
from benchmarks.ledgers import LedgerReader
from benchmarks.load import Expected, Load, baseline_for, publish
from benchmarks.topics import forget_work, fresh_settings
from benchmarks.worker import measure
from burnline.composition import SWITCH_INTERVAL_S, Worker
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.stream.batches import RecordBatch
from burnline.stream.shards import Shards
from burnline.topics.catalogue import topics_for

EVENTS_PER_FLUSH = 200_000
"""About what a worker under load has at hand after a second."""
SILENCE_S = 30.0
PARTS = {
    "consume": "librdkafka fetches, unpacks and checks; records into batches by partition",
    "decode": "JSON to events, each checked",
    "apply": "duplicates, price, sums, windows, rollups, judgement",
    "gather": "what has changed, as records to write: ledgers, rollups, ids, notices",
    "write": "a transaction for each partition: produce, pack, send, commit",
    "report": "metrics",
}
DECODERS = (
    "burnline.ledger.partition:decode_batch",
    "burnline.native.ledger:decode_batch",
    "burnline.native.kernel:Kernel.parse",
)
"""Where events are decoded, as far as these are there: what `apply` needs beside them is its own."""

_Call = TypeVar("_Call", bound=Callable[..., Any])


class Clock:
    """Adds up CPU seconds by part; what a part within another one needs is taken off the outer one."""

    def __init__(self) -> None:
        self.costs: dict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what the whole process needs meanwhile."""
        before, counted = time.process_time(), sum(self.costs.values())
        try:
            yield
        finally:
            within = sum(self.costs.values()) - counted
            self.costs[name] += time.process_time() - before - within

    def counted(self, name: str, function: _Call) -> _Call:
        """The same function, counted."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]  # it is called as the function is


def take_apart(settings: Settings, expected: Expected) -> dict[str, float]:
    """Work a topic off, step by step, and check the sums.

    Returns:
        CPU seconds by part.
    """
    clock = Clock()
    worker = Worker(settings.model_copy(update={"metrics_port": 0}))
    worker.status.stop()  # nobody asks it
    shards = worker.shards
    with clock.part("consume"):
        batches = _consume(shards, settings, expected.records)
    gc.collect()
    with ExitStack() as stack:
        for place in DECODERS:
            _count_calls(stack, clock, place)
        for name in ("gather", "report"):
            method = {"gather": "_gather", "report": "_report"}[name]
            stack.enter_context(mock.patch.object(shards, method, clock.counted(name, getattr(shards, method))))
        asyncio.run(_apply(shards, batches, clock, settings.partitions))
    LedgerReader(settings).check(expected)
    return dict(clock.costs)


def _consume(shards: Shards, settings: Settings, wanted: int) -> list[RecordBatch]:
    reader = shards.make_reader(topics_for(settings).usage.name, client_config(settings))
    reading = dict.fromkeys(range(settings.partitions), 0)
    reader.assign(reading)
    batches: list[RecordBatch] = []
    heard_s = time.monotonic()
    while wanted > 0:
        for partition, several in reader.poll().items():
            heard_s = time.monotonic()
            for records in several:
                batches.append(RecordBatch(partition, reading[partition], records))
                reading[partition] = batches[-1].end
                wanted -= len(records.offsets)
        if time.monotonic() - heard_s > SILENCE_S:
            raise TimeoutError(f"{wanted} records did not come")
    reader.close()
    return batches


async def _apply(shards: Shards, batches: list[RecordBatch], clock: Clock, partitions: int) -> None:
    await shards.own(range(partitions))
    unflushed = 0
    for batch in batches:
        with clock.part("apply"):
            applied = await shards.apply(batch)
        if not applied:
            raise AssertionError(f"a batch of partition {batch.partition} was lost")
        unflushed += len(batch.records.offsets)
        if unflushed >= EVENTS_PER_FLUSH:
            unflushed = 0
            with clock.part("write"):
                await shards.flush()
    with clock.part("write"):
        await shards.flush()


def _count_calls(stack: ExitStack, clock: Clock, place: str) -> None:
    module_name, _, path = place.partition(":")
    try:
        owner: Any = import_module(module_name)
    except ModuleNotFoundError:
        return
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    if hasattr(owner, name):
        stack.enter_context(mock.patch.object(owner, name, clock.counted("decode", getattr(owner, name))))


def main() -> None:
    """Take runs apart, in turns with whole workers, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--broker", default="apache")
    arguments = parser.parse_args()
    gc.disable()  # as in the worker
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    costs, whole = [], []
    with broker(arguments.broker, {}) as (servers, _):
        settings = fresh_settings(servers, baseline_usd_per_hour=baseline_for(arguments.events))
        load = Load(arguments.events, arguments.sessions)
        expected = publish(servers, topics_for(settings).usage.name, load)
        for _ in range(arguments.runs):
            costs.append(take_apart(settings, expected))
            settings = forget_work(settings)
            whole.append(measure(settings, expected, LedgerReader(settings)).figures()["cpu_us_per_event"])
            settings = forget_work(settings)
    _show(costs, statistics.median(whole), arguments.events)


def _show(costs: list[dict[str, float]], whole: float, events: int) -> None:
    lines = ["| part | CPU µs/event | what |", "|---|---|---|"]
    total = 0.0
    for name, what in PARTS.items():
        micros = statistics.median(cost.get(name, 0.0) for cost in costs) / events * 1e6
        total += micros
        lines.append(f"| {name} | {micros:.2f} | {what} |")
    lines.append(f"| the rest | {whole - total:.2f} | Faust, the event loop, threads that wait for each other |")
    lines.append(f"| **a whole worker** | **{whole:.2f}** | measured in turns with the parts |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
