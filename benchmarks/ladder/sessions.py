"""The worker against live ledgers: restoring them, and working beside them.

The worker writes the ledgers itself, from one event per session. Every run then is a worker started anew, on nothing
but what the topics hold: it restores all ledgers (timed from its start until it is ready) and works off events that
were published meanwhile. Runs of one rung follow each other, each on the ledgers that the one before it left.
"""

import time

from benchmarks.bench import Bench
from benchmarks.ledgers import LedgerReader
from benchmarks.load import Expected, Load, Popularity
from benchmarks.topics import delete_all
from benchmarks.worker import WorkerProcess, measure

SPAN_S = 1_800.0
VARIANTS: tuple[Popularity, ...] = ("active", "uniform")
RESTORED = 1_000_000


def run(bench: Bench) -> None:
    """Each rung: write the ledgers, then an active set of 1,000 sessions, then all sessions alike."""
    for sessions in bench.scale.sessions:
        rung = _Rung(bench, sessions)
        rung.fill()
        for popularity in VARIANTS:
            for _ in range(bench.scale.rounds):
                rung.work(popularity)
        rung.end()


def restore(bench: Bench) -> None:
    """The largest rung's restore alone."""
    rung = _Rung(bench, bench.scale.sessions[-1])
    rung.fill()
    for _ in range(bench.scale.rounds):
        rung.restore()
    rung.end()


class _Rung:
    def __init__(self, bench: Bench, sessions: int) -> None:
        self._bench = bench
        self._sessions = sessions
        self._settings = bench.fresh()
        self._expected = Expected()
        self._ledgers = LedgerReader(self._settings)
        self._began_ms = time.time_ns() // 1_000_000 - int(8 * SPAN_S * 1000)
        self._loads = 0

    def fill(self) -> None:
        """One event per session, through a worker."""
        self._publish(self._sessions, "each")
        run = measure(self._settings, self._expected, self._ledgers)
        self._bench.record("fill", self._at(), **run.figures())

    def work(self, popularity: Popularity) -> None:
        """More events, and a worker that starts with the ledgers there are, half as many if each has one to write."""
        events = self._bench.scale.ladder_events
        self._publish(events // 2 if popularity == "uniform" else events, popularity)
        run = measure(self._settings, self._expected, self._ledgers)
        self._bench.record(popularity, self._at(), **run.figures())

    def restore(self) -> None:
        """Start a worker and stop it when it is ready."""
        with WorkerProcess(self._settings) as worker:
            ready_s = worker.wait_until_ready()
            peak_mib = worker.peak_mib()
        self._bench.record("restore", self._at(), ready_s=round(ready_s, 2), peak_mib=round(peak_mib))

    def end(self) -> None:
        """Make room."""
        delete_all(self._settings)

    def _publish(self, events: int, popularity: Popularity) -> None:
        begins_at_ms = self._began_ms + int(self._loads * SPAN_S * 1000)
        self._loads += 1
        load = Load(
            events, self._sessions, SPAN_S, popularity=popularity, seed=self._loads,
            first=self._expected.events, begins_at_ms=begins_at_ms,
        )  # fmt: skip
        self._bench.publish(self._settings, load, self._expected)

    def _at(self) -> dict[str, int]:
        return {"sessions": self._sessions}
