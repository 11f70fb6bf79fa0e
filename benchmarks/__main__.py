"""Burnline's ladder: how fast, at what cost, and beside whom.

Each part starts real workers (and peers) as processes of their own against one broker, three times or more, and checks
every sum. What it finds goes to .cache/bench/results.json after each part and, once no part is missing, into
docs/benchmarks.md, with plots and a copy of the results in docs/benchmarks/; until then the report is in .cache/bench.

parts (in this order):
  peers       the worker, a bare librdkafka consumer, Flink, Kafka Streams, Pathway, Bytewax and Quix Streams in turns:
              events/s, CPU per event. The last three read every sixteenth event: they are slow. Java 17 and Maven build
              the JVM peers, pip the others (.cache/bench); one that cannot be had is reported as not run, and why.
  workers     one worker and two
  overlap     windows of 1, 6, 30 and 60 slices
  anomalies   every session above the threshold, a hundredth of them, none
  sizes       events of 240 bytes, 1 KiB and 4 KiB
  written     bytes that a worker writes for each byte it reads, as they lie on the broker's disk
  sessions    1,000 to 1,000,000 live ledgers: CPU per event, memory, and how long restoring them takes
  latency     event -> anomaly at 20,000 events/s, with flush intervals of 100 ms and 1 s
  backlog     5,000,000 events that wait when the worker starts: peak memory
  restore     the restore of the largest rung alone; part of `sessions`, and run only when asked for

about half an hour in all, on two cores of a machine that does nothing else; a few minutes with --quick.
"""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable

from benchmarks import report
from benchmarks.bench import FULL, QUICK, Bench, Scale, broker
from benchmarks.ladder import latency, peers, sessions, shapes
from benchmarks.peers.programs import CACHE, PEERS, ROOT, PeerUnavailable
from benchmarks.results import Results

PARTS: dict[str, Callable[[Bench], None]] = {
    "peers": peers.run,
    "workers": shapes.workers,
    "overlap": shapes.overlap,
    "anomalies": shapes.anomalies,
    "sizes": shapes.sizes,
    "written": shapes.written,
    "sessions": sessions.run,
    "latency": latency.run,
    "backlog": shapes.backlog,
    "restore": sessions.restore,
}
INCLUDED = {"restore"}
"""What another part measures, too."""
BROKER = {
    "workers": {"group.initial.rebalance.delay.ms": "3000"},
    "written": {"log.cleaner.enable": "false"},
}
"""What a part needs of Apache Kafka: workers that start together share the partitions from the first event on, and what
was written is not compacted before it is weighed."""
ALIASES = {"throughput": "workers"}


def main() -> int:
    """Run what is asked for; 1 if a part failed."""
    arguments = _arguments()
    cpus = _keep_to(arguments.cpus)
    if arguments.prepare:
        return _prepare()
    scale = QUICK if arguments.quick else FULL
    folder = CACHE / "quick" if arguments.quick else CACHE
    file = folder / "results.json"
    everything = [name for name in PARTS if name not in INCLUDED]
    wanted = arguments.only or everything
    if (arguments.resume or arguments.report or arguments.only) and file.is_file():
        results = Results.load(file)
    else:
        results = Results.begin(file, scale=scale.name, cpus=cpus)
    if not arguments.report:
        if not arguments.resume:
            results.forget(wanted)
        _run(wanted, results, scale, arguments.broker)
    whole = not arguments.quick and all(results.done(name) for name in everything)
    written = report.write(results, ROOT / "docs" if whole else folder)
    _say(f"written: {', '.join(str(path) for path in written)}")
    failed = [name for name, part in results.content["parts"].items() if "error" in part]
    if failed:
        _say(f"FAILED: {', '.join(failed)}")
    return bool(failed)


def _run(wanted: list[str], results: Results, scale: Scale, kind: str) -> None:
    for number, name in enumerate(wanted, 1):
        if results.done(name):
            _say(f"[{number}/{len(wanted)}] {name}: kept from before")
            continue
        _say(f"[{number}/{len(wanted)}] {name}")
        began = time.monotonic()
        error = None
        # A broker of its own for each part, so that none works beside what another one has left to compact.
        with broker(kind, BROKER.get(name, {})) as (servers, log_bytes):
            bench = Bench(servers, scale, log_bytes=log_bytes)
            try:
                PARTS[name](bench)
            except Exception as failure:  # noqa: BLE001  # the other parts run all the same, and the exit code tells
                traceback.print_exc()
                error = f"{type(failure).__name__}: {failure}"
        results.keep(name, bench.figures, time.monotonic() - began, error)


def _prepare() -> int:
    missing = 0
    for peer in PEERS:
        try:
            peer.prepare()
            _say(f"{peer.name}: ready")
        except PeerUnavailable as why:
            missing += 1
            _say(f"{peer.name}: {why}")
    return missing


def _keep_to(cpus: int) -> int:
    """Let this process and all that it starts, the broker included, use so many cores; how many it got."""
    have = sorted(os.sched_getaffinity(0))[:cpus]
    os.sched_setaffinity(0, have)
    return len(have)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_parts, metavar="PART,…", help="measure these parts (again), keep the others")
    parser.add_argument("--resume", action="store_true", help="keep the parts that an interrupted run has finished")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the events, to try the machinery")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the report of what there is")
    parser.add_argument("--prepare", action="store_true", help="only build the peers and their environments")
    parser.add_argument("--broker", default="apache", help="apache (Maven's jars; default), embedded, or HOST:PORT")
    parser.add_argument("--cpus", type=int, default=2, help="cores for everything, the broker included (default: 2)")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = [ALIASES.get(name, name) for name in text.split(",")]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return names


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
