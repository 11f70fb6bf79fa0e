"""One worker over a backlog: events/s and CPU per event, everything on, sums checked.

python -m benchmarks.throughput --events 1000000 --runs 3 [--broker embedded|HOST:PORT]
"""

import argparse
import statistics
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from app.embedded.broker import EmbeddedBroker
from app.settings import Settings
from app.topics.catalogue import topics_for
from app.topics.ensure import ensure_topics
from benchmarks.load import Load, publish
from benchmarks.run import Run, measure


@contextmanager
def broker(kind: str) -> Iterator[str]:
    """Bootstrap servers of a broker of that kind."""
    if kind == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded.bootstrap_servers
    else:
        yield kind


def run_once(servers: str, load: Load) -> Run:
    """Publish the load to fresh topics, and measure a worker over it."""
    name = uuid.uuid4().hex[:8]
    settings = Settings(kafka_bootstrap_servers=servers, topic_prefix=f"bench-{name}.", app_id=f"bench-{name}")
    ensure_topics(settings)
    expected = publish(servers, topics_for(settings).usage.name, load)
    return measure(settings, expected)


def main() -> None:
    """Run and print a line per run, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--broker", default="embedded", help="embedded, or HOST:PORT of a running one")
    arguments = parser.parse_args()
    runs = []
    with broker(arguments.broker) as servers:
        for _ in range(arguments.runs):
            run = run_once(servers, Load(events=arguments.events, sessions=arguments.sessions, bad_every=100_000))
            runs.append(run)
            print(
                f"{run.events_per_s:>9,.0f} events/s  {run.cpu_us_per_event:5.2f} us CPU/event  "
                f"{run.peak_rss_mib:6.0f} MiB  sums right",
                flush=True,
            )
    print(
        f"median {statistics.median(run.events_per_s for run in runs):,.0f} events/s, "
        f"{statistics.median(run.cpu_us_per_event for run in runs):.2f} us CPU/event"
    )


if __name__ == "__main__":
    main()
