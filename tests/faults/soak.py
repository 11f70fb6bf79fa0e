"""The long run in three acts: mixed faults over millions of events, and a table of what came of it.

After the first act retention takes events that nobody has read, after the second the usage topic is made anew. Clocks
are ahead and behind, and events of every kind are refused all the time.

python -m tests.faults.soak [--minutes 18] [--events 10000000] [--faults 100] [--seed N] [--secure] [--json FILE]
    [--logs FOLDER]

Exit code 0 when nothing was lost or doubled, 1 otherwise.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.cluster import Cluster
from tests.faults.injector import Injector
from tests.faults.interludes import gap, made_anew
from tests.faults.load import Shape
from tests.faults.schedule import Fault, Kind, draw
from tests.faults.stage import Outcome, Stage, on_stage

SEED_VARIABLE = "BURNLINE_FAULT_SEED"
WORKERS, ACTS = 3, 3
REPORT_EVERY_S = 15.0
PATIENCE_S = 240.0
RETIRE_AFTER_S = 1_800
"""Longer than the clocks that are behind: a session is retired once, and has no events after that."""
SHARE_OF_TIME = 0.8
"""So much of the time is planned for publishing; the rest is for catching up after the last faults, and for reading."""

KINDS = {
    "kill": Kind(24, WORKERS, (0.0, 1.0)),
    "kill_at_start": Kind(8, WORKERS, (0.1, 3.0)),
    "kill_in_restore": Kind(8, WORKERS, (0.0, 0.1)),
    "kill_in_flush": Kind(8, 1, (0.3, 1.5)),
    "kill_for_long": Kind(4, WORKERS, (0.0, 2.0)),
    "terminate": Kind(5, WORKERS, (0.0, 2.0)),
    "scale": Kind(6, WORKERS, (1.0, 4.0)),
    "zombie": Kind(7, WORKERS, (0.0, 3.0)),
    "broker_restart": Kind(4, 1),
    "broker_away": Kind(1, 1, (60.0, 60.0)),
    "broker_frozen": Kind(3, 1, (2.0, 10.0)),
    "connection_cut": Kind(5, 1, (0.0, 1.0)),
    "connection_stalled": Kind(4, 2, (0.5, 4.0)),
    "connection_delayed": Kind(3, 1, (1.0, 4.0)),
    "answers_lost": Kind(5, 1, (0.05, 1.0)),
    "requests_overtaken": Kind(7, 1, (0.2, 2.0)),
    "commits_late": Kind(5, 1, (4.0, 8.0)),
    "dead_letters_refused": Kind(3, 1, (3.0, 8.0)),
    "repeat_now": Kind(5, 1),
    "repeat_an_hour_later": Kind(5, 1),
    "poison_batch": Kind(4, 4),
    "half_poison": Kind(2, 1),
}


def main() -> None:
    """Run, and end with an exit code."""
    arguments = _arguments()
    console = Console(highlight=False)
    seed = (
        arguments.seed if arguments.seed is not None else int(os.environ.get(SEED_VARIABLE) or secrets.randbelow(10**6))
    )
    console.print(f"{arguments.events:,} events, {arguments.faults} faults, {SEED_VARIABLE}={seed}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="burnline-soak-") as folder, Cluster(secured=arguments.secure) as cluster:
        logs = arguments.logs or Path(folder)
        logs.mkdir(parents=True, exist_ok=True)
        rate = arguments.events / (SHARE_OF_TIME * 60 * arguments.minutes)
        stage = Stage(
            cluster,
            logs,
            Shape(seed, even=2_000, round_ms=60_000, ahead=4, late=4),
            workers=WORKERS,
            proxied=2,
            dynamic=1,
            events_per_s=rate,
            flush_interval_ms=250,
            retire_after_s=RETIRE_AFTER_S,
        )
        with on_stage(stage, seed):
            injector, outcome = _play(stage, seed, arguments, console)
            outcome.verdict.problems.extend(_verify(stage, console))
    figures = _figures(injector, outcome, time.monotonic() - started)
    _show(console, figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({"seed": seed, **figures}, indent=2) + "\n")
    problems = [*injector.problems, *outcome.verdict.problems]
    for problem in problems:
        console.print(problem, style="red", markup=False)
    sys.exit(1 if problems else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=18.0, help="how long it is planned to take")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, help=f"of the schedule; {SEED_VARIABLE} is looked at, too")
    parser.add_argument("--secure", action="store_true", help="over SASL_SSL, with the least rights of each component")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--logs", type=Path, help="folder for the workers' logs, which are thrown away otherwise")
    return parser.parse_args()


def _play(stage: Stage, seed: int, arguments: argparse.Namespace, console: Console) -> tuple[Injector, Outcome]:
    for slot in stage.fleet.slots:
        slot.start()
    stage.fleet.wait_ready()
    rounds = -(-arguments.events // stage.publisher.load.events_per_round)
    ends = [-(-act * rounds // ACTS) for act in range(1, ACTS)]
    stage.publisher.start(rounds, held_at=ends)
    injector = Injector(stage, say=lambda text: console.print(f"  {text}", style="dim"), patience_s=PATIENCE_S)
    with _reports(stage, arguments.events, console):
        acts = _acts(draw(seed, KINDS, arguments.faults, arguments.events), arguments.events)
        injector.play(acts[0])
        stage.publisher.wait_sent(ends[0] * stage.publisher.load.events_per_round, timeout_s=PATIENCE_S)
        console.print("  a gap: retention takes events that nobody has read", style="dim")
        injector.counts["lost events"] = gap(stage)
        injector.play(acts[1])
        stage.publisher.wait_sent(ends[1] * stage.publisher.load.events_per_round, timeout_s=PATIENCE_S)
        console.print("  the usage topic is made anew, and adopted", style="dim")
        injector.problems += made_anew(stage)
        injector.counts["topics made anew"] += 1
        injector.play(acts[2])
        for slot in stage.fleet.slots:
            slot.start()
        return injector, stage.finish()


def _acts(schedule: Sequence[Fault], events: int) -> list[list[Fault]]:
    acts: list[list[Fault]] = [[] for _ in range(ACTS)]
    for fault in schedule:
        acts[fault.at * ACTS // events].append(fault)
    return acts


def _verify(stage: Stage, console: Console) -> Iterator[str]:
    """A second opinion: `burnline verify` recomputes the ledgers from the log with the workers' own functions."""
    command = [sys.executable, "-P", "-m", "burnline", "verify"]
    done = subprocess.run(command, env=stage.commands, capture_output=True, text=True, check=False)
    console.print(f"burnline verify: exit code {done.returncode}\n{done.stdout.strip()}", markup=False)
    if done.returncode != 0:
        yield f"burnline verify ended with {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}"


@contextmanager
def _reports(stage: Stage, events: int, console: Console) -> Iterator[None]:
    """A line now and then, from a thread."""
    over = threading.Event()
    started = time.monotonic()

    def report() -> None:
        while not over.wait(REPORT_EVERY_S):
            seconds = time.monotonic() - started
            running = ", ".join(slot.name for slot in stage.fleet.running)
            console.print(
                f"{seconds:5.0f} s: {stage.publisher.sent:,} of {events:,} events published; running: {running}"
            )

    thread = threading.Thread(target=report, name="reports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _figures(injector: Injector, outcome: Outcome, seconds: float) -> dict[str, int | float]:
    counts, published, verdict = injector.counts, outcome.published, outcome.verdict
    return {
        "events": published.good,
        "events counted": verdict.events,
        "faults": sum(counts[name] for name in KINDS),
        "kills": counts["kills"],
        "rebalances that moved partitions": outcome.takeovers,
        "workers that started anew by themselves": outcome.fresh_starts,
        "zombies": counts["zombie"],
        "broker restarts": counts["broker_restart"] + counts["broker_away"],
        "brokers frozen": counts["broker_frozen"],
        "network faults": sum(counts[name] for name in NETWORK),
        "commits that arrived in a later transaction": counts["late commits"],
        "duplicates sent": published.repeated,
        "events lost to retention, and counted as that": counts["lost events"],
        "usage topics made anew": counts["topics made anew"],
        "bad events": len(published.bad),
        "dead letters": verdict.dead_letters,
        "anomalies": verdict.anomalies,
        "notices": verdict.notices,
        "sessions retired": verdict.retired,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "minutes": round(seconds / 60, 1),
    }


NETWORK = (
    "connection_cut",
    "connection_stalled",
    "connection_delayed",
    "answers_lost",
    "requests_overtaken",
    "commits_late",
)


def _show(console: Console, figures: Mapping[str, int | float]) -> None:
    table = Table(show_header=False, title="What came of it")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    console.print(table)


if __name__ == "__main__":
    main()
