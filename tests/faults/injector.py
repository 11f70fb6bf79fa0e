"""Every fault, by its name, done to a stage. Each leaves the stage as it found it, but for what it is to show."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from burnline.cli.worker import EXIT_FAILED
from tests.faults.late_commits import LateCommits
from tests.faults.schedule import Fault
from tests.faults.stage import SESSION_TIMEOUT_MS, STOPPED_WITHIN_S, Stage
from tests.faults.topics import alter
from tests.faults.workers import WorkerSlot

PAST_SESSION_S = SESSION_TIMEOUT_MS / 1000 + 1.5
TAKING_OVER = "taking over partitions"
NOT_TAKEN = "the brokers did not take the last flush"
SLOW_S = 0.15
"""Delay per chunk that makes a flush take about a second."""
LATE_EVERY = 3
POISON_BATCH = 5_000
HALF_POISON_ROUNDS = 2
_POLL_S = 0.005

LANES = {
    "broker_restart": "broker",
    "broker_away": "broker",
    "broker_frozen": "broker",
    "connection_cut": "network",
    "connection_stalled": "network",
    "connection_delayed": "network",
    "answers_lost": "network",
    "requests_overtaken": "network",
    "commits_late": "network",
    "dead_letters_refused": "topic",
    "repeat_now": "load",
    "repeat_an_hour_later": "load",
    "poison_batch": "load",
    "half_poison": "load",
}
"""Faults of different lanes may overlap; those of one lane come one after the other. All others are in `workers`."""


class Injector:
    """Does what a schedule says, and counts it."""

    def __init__(self, stage: Stage, *, say: Callable[[str], None] = print, patience_s: float = 120.0) -> None:
        """`patience_s` is how long publishing may stand still before that is a failure."""
        self.stage = stage
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._say = say
        self._patience_s = patience_s
        self._failures: list[BaseException] = []

    def play(self, schedule: Sequence[Fault]) -> None:
        """Do all of it, each lane in a thread of its own.

        Raises:
            BaseException: The first failure of a lane, when the other lanes have ended.
        """
        lanes: dict[str, list[Fault]] = {}
        for fault in schedule:
            lanes.setdefault(LANES.get(fault.name, "workers"), []).append(fault)
        threads = [
            threading.Thread(target=self._play_lane, args=(faults,), name=f"faults: {lane}", daemon=True)
            for lane, faults in lanes.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _play_lane(self, faults: Sequence[Fault]) -> None:
        try:
            for fault in faults:
                self.stage.publisher.wait_sent(fault.at, timeout_s=self._patience_s)
                if self._failures:
                    return
                self._say(str(fault))
                self.do(fault)
        except BaseException as failure:  # noqa: BLE001  # raised again by `play`
            self._failures.append(failure)

    def do(self, fault: Fault) -> None:
        """Do one fault now."""
        self.counts[fault.name] += 1
        getattr(self, fault.name)(fault.place, fault.seconds)

    def _slot(self, place: int) -> WorkerSlot:
        slots = self.stage.fleet.running or self.stage.fleet.slots
        return slots[place % len(slots)]

    # Workers

    def kill(self, place: int, seconds: float) -> None:
        """Kill a worker at a random moment, and start it again at once."""
        time.sleep(seconds)
        self._kill_and_start(self._slot(place))

    def kill_at_start(self, place: int, seconds: float) -> None:
        """Kill a worker, start it, and kill it again before or just after it is ready."""
        slot = self._slot(place)
        self._kill_and_start(slot)
        time.sleep(seconds)
        self._kill_and_start(slot)

    def kill_in_restore(self, place: int, seconds: float) -> None:
        """Kill a worker, and again when it has just begun to take over partitions."""
        slot = self._slot(place)
        since = slot.log_size()
        self._kill_and_start(slot)
        deadline = time.monotonic() + self._patience_s
        while not slot.logged(TAKING_OVER, since=since) and time.monotonic() < deadline:
            slot.check()
            time.sleep(_POLL_S)
        time.sleep(seconds)
        self._kill_and_start(slot)

    def kill_in_flush(self, place: int, seconds: float) -> None:
        """Kill a worker behind the proxy while its flushes take a second each."""
        del place
        for proxy in self.stage.cluster.proxies:
            proxy.delay_s = SLOW_S
        time.sleep(seconds)
        self._kill_and_start(self.stage.fleet.slots[-1])
        for proxy in self.stage.cluster.proxies:
            proxy.delay_s = 0.0

    def kill_for_long(self, place: int, seconds: float) -> None:
        """Kill a worker and start it again only after the others have its partitions."""
        slot = self._slot(place)
        slot.kill()
        self.counts["kills"] += 1
        time.sleep(PAST_SESSION_S + seconds)
        slot.start()

    def _kill_and_start(self, slot: WorkerSlot) -> None:
        if slot.running:
            self.counts["kills"] += 1
        slot.kill()
        slot.start()

    def terminate(self, place: int, seconds: float) -> None:
        """SIGTERM under load: exit code 0 within 10 s."""
        slot = self._slot(place)
        self._terminate(slot)
        time.sleep(seconds)
        slot.start()

    def _terminate(self, slot: WorkerSlot) -> None:
        if slot.running:
            slot.wait_ready()  # before that it may not yet have learnt to listen to signals
        written = slot.log_size()
        stopped = slot.terminate()
        self._say(f"{slot.name} ended with {stopped.exit_code} after {stopped.seconds:.1f} s")
        # Without brokers the last flush cannot be written: it says so, and its events are read again. How long a worker
        # needs to reach them again once a fault is over is nobody's to say: where there was one, its word is taken.
        without_brokers = self._was_disturbed() and slot.logged(NOT_TAKEN, since=written)
        allowed = (0, EXIT_FAILED) if without_brokers else (0,)
        if stopped.exit_code not in allowed or stopped.seconds > STOPPED_WITHIN_S:
            self.problems.append(f"{slot.name}: SIGTERM: code {stopped.exit_code} after {stopped.seconds:.1f} s")

    def _was_disturbed(self) -> bool:
        return any(self.counts[name] for name, lane in LANES.items() if lane in {"broker", "network", "topic"})

    def scale(self, place: int, seconds: float) -> None:
        """Run `place` + 1 workers, and let them work for a while."""
        for index, slot in enumerate(self.stage.fleet.slots):
            if index <= place:
                slot.start()
        for slot in self.stage.fleet.slots[place + 1 :]:
            if slot.running:
                self._terminate(slot)
        self.stage.fleet.wait_ready()
        time.sleep(seconds)

    def zombie(self, place: int, seconds: float) -> None:
        """Stop a worker until its partitions have moved on, then wake it up."""
        slot = self._slot(place)
        slot.pause()
        time.sleep(PAST_SESSION_S + seconds)
        slot.wake()

    # Brokers

    def broker_restart(self, place: int, seconds: float) -> None:
        """Kill a broker and start it again at once."""
        del seconds
        self.stage.cluster.restart(place % self.stage.cluster.size)

    def broker_away(self, place: int, seconds: float) -> None:
        """Kill a broker and start it again after some time."""
        self.stage.cluster.restart(place % self.stage.cluster.size, away_s=seconds)

    def broker_frozen(self, place: int, seconds: float) -> None:
        """Stop a broker for a while; it wakes up with what it believed before."""
        node = self.stage.cluster.nodes[place % self.stage.cluster.size]
        node.freeze()
        time.sleep(seconds)
        node.thaw()

    # Connections of the workers behind the proxies

    def connection_cut(self, place: int, seconds: float) -> None:
        """Reset all connections."""
        del place
        time.sleep(seconds)
        self._cut()

    def connection_stalled(self, place: int, seconds: float) -> None:
        """Hold everything for a while; then it goes on, or half of the time is cut: requests that never arrived."""
        self._each_proxy("stall")
        time.sleep(seconds)
        if place:
            self._cut()
        self._each_proxy("resume")

    def connection_delayed(self, place: int, seconds: float) -> None:
        """Slow every request and answer down."""
        del place
        for proxy in self.stage.cluster.proxies:
            proxy.delay_s = SLOW_S
        time.sleep(seconds)
        self._each_proxy("resume")

    def answers_lost(self, place: int, seconds: float) -> None:
        """Let requests through, hold their answers, then cut: done, and nobody was told."""
        del place
        self._each_proxy("mute")
        time.sleep(seconds)
        self._cut()
        self._each_proxy("resume")

    def requests_overtaken(self, place: int, seconds: float) -> None:
        """Hold requests that are under way, let the clients go on over new connections, then deliver them late."""
        del place
        self._each_proxy("overtake")
        time.sleep(0.2 + seconds / 4)
        self._each_proxy("abandon")
        time.sleep(seconds)
        self._each_proxy("resume")

    def commits_late(self, place: int, seconds: float) -> None:
        """Deliver requests to end a transaction in the middle of the next one, for a while."""
        del place
        for proxy in self.stage.cluster.proxies:
            proxy.intercept = late = LateCommits(every=LATE_EVERY)
            time.sleep(seconds)
            proxy.intercept = None
            self.counts["late commits"] += late.delivered

    def _cut(self) -> None:
        self._each_proxy("cut")

    def _each_proxy(self, action: str) -> None:
        for proxy in self.stage.cluster.proxies:
            getattr(proxy, action)()

    # Topics and load

    def dead_letters_refused(self, place: int, seconds: float) -> None:
        """Ask for more replicas of each dead letter than there are brokers, for a while."""
        del place
        wanted = self.stage.settings.min_insync_replicas
        self._set_least_replicas(self.stage.cluster.size + 1)
        time.sleep(seconds)
        self._set_least_replicas(wanted)

    def _set_least_replicas(self, count: int) -> None:
        topic = self.stage.topics.dead_letters.name
        alter(self.stage.settings, topic, {"min.insync.replicas": str(count)})

    def repeat_now(self, place: int, seconds: float) -> None:
        """Publish the newest events again."""
        del place, seconds
        self.stage.publisher.repeat_now()

    def repeat_an_hour_later(self, place: int, seconds: float) -> None:
        """Publish events of an hour ago again."""
        del place, seconds
        self.stage.publisher.repeat_an_hour_later()

    def poison_batch(self, place: int, seconds: float) -> None:
        """Publish nothing but bad events to a partition for a while."""
        del seconds
        self.stage.publisher.poison(POISON_BATCH, place % self.stage.settings.partitions)

    def half_poison(self, place: int, seconds: float) -> None:
        """Publish a bad event beside each good one for some rounds."""
        del place, seconds
        self.stage.publisher.half_poison(HALF_POISON_ROUNDS)
