"""What made-up model names cost a worker: the same load under four known models, and under 100,000 names of nobody's.

python -m benchmarks.names [--events 1000000] [--names 100000] [--runs 3]

No broker: records in, ledgers counted, what a flush has to write taken out, by the kernel and by Python in turns. A
name costs the most when it comes for the first time; with as many events as names, each does.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

from benchmarks.load import PICO_PER_TOKEN
from burnline.detection.baseline import Baselines, EffectiveBaseline
from burnline.detection.rule import BurnRule
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.native.ledger import NativePartitionLedger
from burnline.pricing.book import RateBook
from burnline.pricing.catalogue import Catalogue
from burnline.settings import Settings

SESSIONS = 2_000
BATCH = 2_000
EVENTS_PER_FLUSH = 200_000
FIRST_AT_MS = 1_790_000_000_000
KNOWN = tuple(PICO_PER_TOKEN)
HOSTS = ("", '"provider":"openai",', '"provider":"bedrock",', '"provider":"inference.acme",')
LEDGERS = {"kernel": NativePartitionLedger, "Python": PartitionLedger}
SKEW_MS = 3_600_000
_QUIET_PICO_USD = 10**18


def names_of(count: int, *, known: bool) -> list[str]:
    """`"provider":…,"model":…` of each name, as they stand in an event."""
    if known:
        return [f'"model":"{name}"' for name in KNOWN]
    return [f'{HOSTS[n % len(HOSTS)]}"model":"acme-{n * 2_654_435_761 % 2**32:08x}-chat"' for n in range(count)]


def records(events: int, names: list[str]) -> Iterator[list[bytes]]:
    """Batches of usage events, the names one after the other."""
    for start in range(0, events, BATCH):
        yield [
            (
                f'{{"event_id":"{n:032x}","occurred_at":{FIRST_AT_MS + n // 100},"org_id":"org-{n % 10}",'
                f'"agent_id":"agent-{n % 10}","session_id":"sess-{n % SESSIONS}",{names[n * 7_919 % len(names)]},'
                '"input_tokens":4808,"output_tokens":310,"cached_input_tokens":4096}'
            ).encode()
            for n in range(start, min(start + BATCH, events))
        ]


def micros_per_event(make: type[PartitionLedger], events: int, names: list[str]) -> float:
    """CPU µs for each event, over counting and what a flush takes; the load's making is not in it."""
    settings = Settings()
    catalogue = Catalogue(Catalogue.bundled().contents.providers)  # its own memory: each run meets every name anew
    baselines = Baselines(EffectiveBaseline(_QUIET_PICO_USD, Decimal(5), "default"), {})
    policy = Policy(BurnRule.from_settings(settings), RateBook(catalogue), baselines)
    ledger = make("usage", 0, policy, Retention.from_settings(settings))
    spent, offset = 0.0, 0
    for values in records(events, names):
        logged_ms = [FIRST_AT_MS + n // 100 for n in range(offset, offset + len(values))]
        began = time.process_time()
        refused = ledger.apply_records(
            range(offset, offset + len(values)), values, logged_ms=logged_ms, now_ms=0, max_clock_skew_ms=SKEW_MS
        )
        offset += len(values)
        if offset % EVENTS_PER_FLUSH == 0 or offset >= events:
            ledger.take_changes(0)
        spent += time.process_time() - began
        if refused:
            raise AssertionError(f"{refused[0]}")
    return spent / events * 1e6


def table(events: int, names: int, runs: int, say: Callable[[str], None]) -> list[str]:
    """Lines of a Markdown table: medians over runs that take turns, and their ratios."""
    loads = {"known": names_of(names, known=True), "made up": names_of(names, known=False)}
    found: dict[tuple[str, str], list[float]] = {}
    for run in range(runs):
        for path, make in LEDGERS.items():
            for load, named in loads.items():
                found.setdefault((path, load), []).append(micros_per_event(make, events, named))
                say(f"run {run + 1} of {runs}, {path}, {load}: {found[path, load][-1]:.2f} µs per event")
    medians = {key: statistics.median(values) for key, values in found.items()}
    lines = [f"| path | {len(KNOWN)} known models | {names:,} made-up names | ratio |", "|---|---|---|---|"]
    for path in LEDGERS:
        plain, made_up = medians[path, "known"], medians[path, "made up"]
        lines.append(f"| {path} | {plain:.2f} µs | {made_up:.2f} µs | {made_up / plain:.1f} |")
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    gc.disable()  # as in the worker
    lines = table(
        arguments.events, arguments.names, arguments.runs, lambda text: print(text, file=sys.stderr, flush=True)
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
