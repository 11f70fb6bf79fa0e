"""One stage: topics of its own on a cluster, workers, a publisher, and the verdict when the play is over."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from burnline.kafka import client_config
from burnline.settings import load_settings
from burnline.topics.catalogue import Topics, topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.grants import Component, grants_of
from tests.faults.cluster import Cluster
from tests.faults.load import SLICE_MS, Expected, Load, Shape
from tests.faults.progress import ProgressFollower
from tests.faults.publisher import Published, Publisher
from tests.faults.topics import compact_eagerly
from tests.faults.verdict import Verdict, judge
from tests.faults.workers import Fleet, WorkerSlot

DRAIN_TIMEOUT_S = 120.0
DAYS_BACK = 10
STOPPED_WITHIN_S = 10.0
SESSION_TIMEOUT_MS = 6_000
FLUSH_INTERVAL_MS = 100
RETIRE_AFTER_S = 600
TAKEOVER = r"restored \d+ ledgers of partitions"
FRESH_START = "worker failed and starts anew"


class Outcome(NamedTuple):
    """What a play came to."""

    published: Published
    verdict: Verdict
    drained_s: float
    takeovers: int
    fresh_starts: int


class Stage:
    """Everything a fault may be done to."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        shape: Shape,
        *,
        workers: int = 2,
        proxied: int = 0,
        dynamic: int = 0,
        events_per_s: float = 10_000,
        **settings: object,
    ) -> None:
        """Create the topics; nothing is started.

        Args:
            cluster: A running cluster.
            folder: For logs.
            shape: Of the load.
            workers: Slots for workers.
            proxied: How many of them, counted from the last, reach the brokers through the proxies alone.
            dynamic: How many of them, counted from the last, have no name that keeps their partitions over a restart.
            events_per_s: The publisher's rate; 0 for as fast as it goes.
            settings: Of the workers, by field name, beside those of the stage.

        On a secured cluster workers, publisher and commands log in, each with the rights of the table and no other; who
        does faults, and judges, may do everything.
        """
        name = f"f{uuid.uuid4().hex[:10]}"
        self.cluster = cluster
        self.folder = folder
        wanted: dict[str, object] = {
            "kafka_bootstrap_servers": cluster.bootstrap_servers,
            "topic_prefix": f"{name}.",
            "app_id": name,
            "partitions": shape.partitions,
            "replication_factor": cluster.size,
            "min_insync_replicas": max(1, cluster.size - 1),
            "session_timeout_ms": SESSION_TIMEOUT_MS,
            "flush_interval_ms": FLUSH_INTERVAL_MS,
            "retire_after_s": RETIRE_AFTER_S,
            "judge_by": "event_time",  # days of events in minutes
            **settings,
        }
        self.settings = load_settings(**wanted)
        ensure_topics(self.settings)
        compact_eagerly(self.settings)
        slots = []
        for index in range(workers):
            own = dict(wanted) | self._login(Component.WORKER)
            if index >= workers - proxied:
                own["kafka_bootstrap_servers"] = cluster.proxied_servers
            if index < workers - dynamic:
                own["group_instance_id"] = f"worker-{index}"
            slots.append(WorkerSlot(f"worker-{index}", own, folder))
        self.fleet = Fleet(slots)
        start_ms = (time.time_ns() // 1_000_000 - DAYS_BACK * 86_400_000) // SLICE_MS * SLICE_MS
        self.commands = WorkerSlot("commands", dict(wanted) | self._login(Component.OPERATOR), folder).environment
        """Of the command line."""
        publishing = load_settings(**(wanted | self._login(Component.PUBLISHER)))
        self.publisher = Publisher(
            client_config(publishing), self.topics.usage.name, Load(shape, start_ms), events_per_s=events_per_s
        )
        self.progress = ProgressFollower(self.settings)
        self.source_topics = 1
        """How often the usage topic was made, so far."""

    def _login(self, component: Component) -> dict[str, str]:
        """Settings of a component's own user, by field name; none where nobody asks who comes."""
        security, servers = self.cluster.security, self.cluster.bootstrap_servers
        if security is None:
            return {}
        user = f"{self.settings.app_id}-{component.value}"
        security.allow(servers, user, grants_of(component, self.settings))
        return security.login(servers, user, self.cluster.guarded_servers)

    @property
    def topics(self) -> Topics:
        """The stage's own topics."""
        return topics_for(self.settings)

    def finish(self, expected: Callable[[int], Expected] | None = None) -> Outcome:
        """Let the publisher end, the stream drain and the workers stop; then judge.

        Args:
            expected: What must have come of so many rounds, if not what the load says.

        Raises:
            AssertionError: A worker ended by itself, or did not stop as it should.
            TimeoutError: The stream does not drain.
        """
        published = self.publisher.finish()
        self.fleet.check()
        drained_s = self.progress.drain(timeout_s=DRAIN_TIMEOUT_S, check=self.fleet.check)
        problems = list(self.progress.backwards)
        for slot in self.fleet.running:
            stopped = slot.terminate()
            if stopped.exit_code != 0 or stopped.seconds > STOPPED_WITHIN_S:
                problems.append(f"{slot.name} ended with {stopped.exit_code} after {stopped.seconds:.1f} s")
        should_be = (expected or self.publisher.load.expected)(published.rounds)
        verdict = judge(self.settings, should_be, published.bad, source_topics=self.source_topics)
        verdict.problems.extend(problems)
        return Outcome(published, verdict, drained_s, self.fleet.logged(TAKEOVER), self.fleet.logged(FRESH_START))

    def close(self) -> None:
        """End every worker, whatever state it is in."""
        self.fleet.kill()
        self.progress.close()


@contextmanager
def on_stage(stage: Stage, seed: int) -> Iterator[Stage]:
    """Play on a stage; when the play fails, say its seed and what the workers logged last."""
    print(f"BURNLINE_FAULT_SEED={seed}")
    try:
        yield stage
    except BaseException:
        for slot in stage.fleet.slots:
            print(f"---- end of {slot.log_path}\n{slot.tail()}")
        print(f"to play the same schedule again: BURNLINE_FAULT_SEED={seed}")
        raise
    finally:
        for proxy in stage.cluster.proxies:
            proxy.intercept = None
            proxy.resume()
        stage.close()
