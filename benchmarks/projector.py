"""How fast the projector takes ledgers, and what they cost in Redis: `python -m benchmarks.projector`.

Fills the topic `sessions` of the embedded broker with ledgers as the worker writes them (many records per session, or
each its own: `--sessions`), starts a projector, and waits until readers have the picture. Then it measures what Redis
holds for a session and for a row of rollups, by its own word (`used_memory`).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import redis
from confluent_kafka import Producer

from burnline.embedded.broker import EmbeddedBroker
from burnline.embedded.ports import free_ports
from burnline.embedded.valkey import EmbeddedValkey
from burnline.kafka import client_config
from burnline.settings import Settings, load_settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.readmodel import examples
from tests.readmodel.examples import T0

SLICES = 30
"""Of 10 s: a session that has been busy for the long window."""
ROLLUP_ROWS = 50_000


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--sessions", type=int, default=10_000)
    given = parser.parse_args()
    with EmbeddedBroker() as broker, EmbeddedValkey() as valkey:
        settings = load_settings(kafka_bootstrap_servers=broker.bootstrap_servers, redis_url=valkey.url)
        ensure_topics(settings)
        size = write_ledgers(settings, given.records, given.sessions)
        with redis.Redis.from_url(valkey.url) as client:
            empty = used(client)
            seconds, cpu_s = project(settings, client)
            ledgers = used(client)
            write_rollups(settings, ROLLUP_ROWS)
            project(settings, client, until=f"{settings.topic_prefix}usage-rollups")
            result = {
                "records": given.records,
                "sessions": given.sessions,
                "bytes_per_record": size,
                "seconds": round(seconds, 2),
                "records_per_s": round(given.records / seconds),
                "projector_cpu_us_per_record": round(cpu_s / given.records * 1e6, 1),
                "redis_bytes_per_session": round((ledgers - empty) / given.sessions),
                "redis_bytes_per_rollup_row": round((used(client) - ledgers) / ROLLUP_ROWS),
            }
    print(json.dumps(result, indent=2))


def write_ledgers(settings: Settings, records: int, sessions: int) -> int:
    """Ledgers of sessions in turn; the size of one."""
    topic = topics_for(settings).sessions
    producer = Producer(client_config(settings) | {"linger.ms": 20, "compression.type": "lz4"})
    size = 0
    for number in range(records):
        name, partition = f"session-{number % sessions:08d}", number % sessions % topic.partitions
        at_ms = T0 + number
        value = examples.ledger(
            name,
            partition,
            org_id=f"org-{number % 7}",
            last_offset=number,
            last_event_at=at_ms,
            slices=[(at_ms // 10_000 - age, 41_000_000_000) for age in range(SLICES)],
            recent_event_ids="A" * 512,
        )
        size = len(value)
        while True:
            try:
                producer.produce(topic.name, value, name, partition)
            except BufferError:
                producer.poll(0.05)
            else:
                break
    producer.flush(60)
    return size


def write_rollups(settings: Settings, rows: int) -> None:
    """Rows of one day, each with its own key."""
    topic = topics_for(settings).usage_rollups
    producer = Producer(client_config(settings) | {"linger.ms": 20, "compression.type": "lz4"})
    for number in range(rows):
        quarter_ms = T0 // 86_400_000 * 86_400_000 + number % 96 * 900_000
        changes = {"since_offset": number, "last_offset": number + 9, "quarter_start_ms": quarter_ms}
        key, value = examples.rollup(**changes, agent_id=f"agent-{number % 50}", team_id="platform")
        producer.produce(topic.name, value, key, number % topic.partitions)
        producer.poll(0)
    producer.flush(60)


def project(settings: Settings, client: Any, *, until: str | None = None) -> tuple[float, float]:
    """Run a projector until it is done; wall seconds from its first word in Redis on, and its CPU seconds.

    Args:
        settings: Brokers and Redis.
        client: Reads what it does.
        until: Wait for all records of this topic; else for the generation's switch.
    """
    (port,) = free_ports(1)
    environment = os.environ | {
        "BURNLINE_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "BURNLINE_REDIS_URL": settings.redis_url,
        "BURNLINE_PROJECTOR_METRICS_PORT": str(port),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([sys.executable, "-m", "burnline", "projector"], env=environment)
    while not client.exists("burnline:projector"):
        time.sleep(0.005)
    started_s = time.monotonic()
    while not (client.exists("burnline:gen") and (until is None or done(client, until))):
        time.sleep(0.02)
    seconds = time.monotonic() - started_s
    process.terminate()
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def done(client: Any, topic: str) -> bool:
    """Whether all rows are there."""
    offsets = client.hgetall(f"burnline:{client.get('burnline:gen').decode()}:offsets")
    return sum(int(end) for field, end in offsets.items() if field.decode().startswith(f"{topic}/")) >= ROLLUP_ROWS


def used(client: Any) -> int:
    """Bytes that Redis has given out."""
    return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()
