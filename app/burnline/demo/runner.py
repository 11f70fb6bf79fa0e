"""The demo from start to end: servers, topics, processes, replay; and whenever it ends, all of them ended in order."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from burnline.demo.beacon import lit
from burnline.demo.dump import dump_events
from burnline.demo.feed import Feed
from burnline.demo.output import Output
from burnline.demo.publishing import ReplayThread, clock_ms
from burnline.demo.replay import Timetable
from burnline.demo.scenario import AGENTS, RUNAWAY_AGENT, RUNAWAY_SESSION, plan, sessions_of
from burnline.demo.servers import BrokerKind
from burnline.demo.setup import Setup
from burnline.demo.spending import Spending
from burnline.demo.starting import prepare, start_children
from burnline.demo.stopping import Signals, Stopped
from burnline.demo.summary import Summary, summarise
from burnline.demo.tally import Tally
from burnline.demo.trace import load_trace
from burnline.demo.watch import Watch
from burnline.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line.

    Attributes:
        once: End at the trace's end.
        speed: How many times faster than it happened the trace is replayed.
        dump: Gets every event of the run as a line of JSON, if given.
        controls: The demo's agents obey controls.
        broker: Which broker, if one was asked for.
    """

    once: bool
    speed: float
    dump: IO[str] | None = None
    controls: bool = False
    broker: BrokerKind | None = None


@dataclass(slots=True)
class Run:
    """A run in progress, or what is known of it after it ended early."""

    settings: Settings
    options: Options
    output: Output
    signals: Signals = field(default_factory=Signals)
    started_s: float = field(default_factory=time.monotonic)
    setup: Setup | None = None
    tally: Tally | None = None
    replay: ReplayThread | None = None
    spending: Spending | None = None

    def execute(self) -> Summary | None:
        """Run the demo; whatever happens, everything that was started has ended when this returns or raises.

        Returns:
            How far it got; None if it was stopped before anything was published.

        Raises:
            ChildFailed: Worker, projector or API ended by itself or did not get ready.
            TopicsInUseError: The topics that were named hold events.
            TopicError, EmbeddedBrokerUnavailable, KafkaException: The broker is not there, or not as it has to be.
            RedisUnusable, EmbeddedValkeyUnavailable: Nor is Redis.
        """
        with self.signals.handled():
            try:
                with ExitStack() as stack:
                    self._start_and_watch(stack)
            except Stopped:
                self.output.note("Stopped.")
        return self._summary()

    @property
    def interrupted(self) -> int | None:
        """The signal that ended the run, if one did."""
        return self.signals.received

    def _start_and_watch(self, stack: ExitStack) -> None:
        # What is entered later is left earlier: replay, API, projector, worker, Valkey, broker.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="burnline-demo-")))
        stack.enter_context(_librdkafka_logs(folder / "clients.log"))
        setup = self.setup = prepare(stack, self.settings, folder, self.output.note, self.options.broker)
        children = start_children(stack, setup, folder, self.output.note, self.signals.check)
        _say_where(stack, setup.settings, self.output.note)

        events = plan(load_trace())
        settings = setup.settings
        tally = self.tally = Tally(sessions_of(events), settings.short_window_s, settings.long_window_s)
        if setup.has_redis:
            self.spending = Spending(setup.api.url, sorted({agent.org_id for agent in (*AGENTS, RUNAWAY_AGENT)}))
        stack.enter_context(self.output)
        feed = stack.enter_context(Feed(settings, tally, self.output.changed))
        timetable = Timetable(clock_ms(), events[-1].offset_ms, self.options.speed)
        if self.options.dump is not None:
            dump_events(events, timetable, self.options.dump)
        self.replay = ReplayThread(settings, events, timetable, obeys=self.options.controls)
        stack.callback(self.replay.stop)
        self.replay.start()
        watch = Watch(setup, timetable, tally, feed, self.replay, self.spending, self.output, started_s=self.started_s)
        while not (self.options.once and watch.over()):
            self.signals.check()
            for child in children:
                child.check()
            watch.step()
        watch.show()

    def _summary(self) -> Summary | None:
        if self.setup is None or self.tally is None or self.replay is None:
            return None
        return summarise(
            self.tally,
            RUNAWAY_SESSION,
            published=self.replay.published,
            acknowledged=self.replay.acknowledged,
            over_http=self.spending.said if self.spending else None,
            duration_s=time.monotonic() - self.started_s,
            topic_prefix=self.setup.settings.topic_prefix,
            brokers=self.setup.settings.kafka_bootstrap_servers,
        )


def _say_where(stack: ExitStack, settings: Settings, note: Callable[[str], None]) -> None:
    """Let commands beside this demo find it, and give people lines to copy for their own programs."""
    try:
        stack.enter_context(lit(settings))
    except OSError as error:
        note(f"commands beside this demo do not find it by themselves: {error}")
    note("your own events are counted here too; from another terminal:")
    note(f"  export BURNLINE_KAFKA_BOOTSTRAP_SERVERS={settings.kafka_bootstrap_servers}")
    note(f"  export BURNLINE_TOPIC_PREFIX={settings.topic_prefix}")
    note("  burnline publish events.jsonl && burnline sessions")


@contextmanager
def _librdkafka_logs(file: Path) -> Iterator[None]:
    """Let what our Kafka clients log go to a file: between the lines of a live screen it would only do damage."""
    logger = logging.getLogger("burnline")
    handler = logging.FileHandler(file, delay=True)
    propagated = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = propagated
        logger.removeHandler(handler)
        handler.close()
