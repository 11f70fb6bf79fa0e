"""What every part of the ladder works with: a broker, how much to do, and where figures go."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.ledgers import LedgerReader
from benchmarks.load import Expected, Load, baseline_for, publish
from benchmarks.results import Figure
from benchmarks.topics import fresh_settings
from benchmarks.worker import measure
from burnline.embedded.broker import EmbeddedBroker
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from tests.kafka.apache import ApacheBroker

SAY_EVERY_S = 5.0


class Scale(NamedTuple):
    """How much is done.

    Attributes:
        name: In the results.
        rounds: Runs of each thing; the median of them counts.
        events: Of the load that the worker, Flink and Kafka Streams share.
        thin: Every so many of them a slow peer gets one.
        ladder_events: Of each rung elsewhere.
        backlog: Events that a worker finds when it is far behind.
        sessions: Live ledgers, rung by rung.
        latency_s: How long each latency run lasts.
    """

    name: str
    rounds: int
    events: int
    thin: int
    ladder_events: int
    backlog: int
    sessions: tuple[int, ...]
    latency_s: float


FULL = Scale("full", 3, 4_000_000, 16, 1_000_000, 5_000_000, (1_000, 10_000, 100_000, 1_000_000), 20.0)
QUICK = Scale("quick", 2, 100_000, 4, 60_000, 200_000, (1_000, 10_000), 5.0)


class Served(NamedTuple):
    """A running broker.

    Attributes:
        servers: Bootstrap servers.
        log_bytes: What the records of a topic take on its disk; None where the disk is out of sight.
    """

    servers: str
    log_bytes: Callable[[str], int] | None = None


@dataclass
class Bench:
    """One part's view: a running broker, the scale, and its figures so far."""

    servers: str
    scale: Scale
    settings: Mapping[str, object] = field(default_factory=dict)
    """Go before those of every part."""
    log_bytes: Callable[[str], int] | None = None
    """As of `Served`."""
    began: float = field(default_factory=time.monotonic)
    figures: list[Figure] = field(default_factory=list)

    def record(self, subject: str, at: dict[str, Any], **numbers: float) -> None:
        """Keep one run's figures, and show them."""
        self.figures.append({"subject": subject, "at": at, **numbers})
        shown = "  ".join(f"{name} {value:,}" for name, value in numbers.items() if name != "events")
        self.say(f"{subject} {' '.join(f'{name}={value}' for name, value in at.items())}: {shown}")

    def not_run(self, subject: str, why: str) -> None:
        """Keep why something could not be measured, and show it."""
        self.figures.append({"subject": subject, "at": {}, "not_run": why})
        self.say(f"{subject} not run: {why}")

    def say(self, text: str) -> None:
        """A line of progress."""
        sys.stdout.write(f"  {time.monotonic() - self.began:5.0f} s  {text}\n")
        sys.stdout.flush()

    def publish(self, settings: Settings, load: Load, expected: Expected | None = None, **options: Any) -> Expected:
        """Publish a load to the usage topic, saying how far it is."""
        self.say(f"publishing {load.events:,} events ({load.popularity}, {load.sessions:,} sessions)")
        topic = topics_for(settings).usage.name
        return publish(self.servers, topic, load, expected, said=self._progress(load.events), **options)

    def worker(self, settings: Settings, expected: Expected, at: dict[str, Any], *, workers: int = 1) -> None:
        """Measure workers over a topic that was not read before, and keep it."""
        run = measure(settings, expected, LedgerReader(settings), workers=workers)
        self.record("worker", at, **run.figures())

    def fresh(self, **changed: object) -> Settings:
        """Settings with topics of their own."""
        baseline = baseline_for(self.scale.events)
        # The load is written faster than it happened, and each event opens and moves windows as in live traffic.
        merged = {"baseline_usd_per_hour": baseline, "judge_by": "event_time", **changed, **self.settings}
        return fresh_settings(self.servers, **merged)

    def _progress(self, total: int) -> Callable[[int], None]:
        said = time.monotonic()

        def say(index: int) -> None:
            nonlocal said
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                self.say(f"… {index / total:.0%} published")

        return say


@contextmanager
def broker(kind: str, properties: Mapping[str, str]) -> Iterator[Served]:
    """A broker: apache (from its Maven jars), embedded, or HOST:PORT of a running one.

    Apache Kafka alone takes `properties`.
    """
    if kind == "embedded":
        with EmbeddedBroker() as embedded:
            yield Served(embedded.bootstrap_servers)
    elif kind == "apache":
        apache = ApacheBroker(properties)
        why = apache.unavailable()
        if why:
            raise RuntimeError(f"Apache Kafka cannot run here: {why}. Use --broker embedded or HOST:PORT")
        apache.start()
        try:
            yield Served(apache.bootstrap_servers, apache.log_bytes)
        finally:
            apache.stop()
    else:
        yield Served(kind)
