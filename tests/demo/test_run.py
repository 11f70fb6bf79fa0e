"""Whole runs of the demo: sums to the last digit, one anomaly and no other, on both brokers and both Redis."""

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from burnline.demo.scenario import RUNAWAY_SESSION
from burnline.embedded.jars import KAFKA_VERSION
from burnline.kafka import client_config
from burnline.settings import Settings, load_settings
from burnline.topics.catalogue import topics_for
from burnline.topics.reading import read_to_end
from tests.demo.processes import demo
from tests.demo.published_rates import cost_usd
from tests.embedded.test_jars import cached_jars
from tests.kafka.base import Broker

SPEED = "3000"
END_WITHIN_S = 100


def events_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def sums_of(events: list[dict[str, Any]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        sums[event["session_id"]] += cost_usd(event)
    return sums


def ledgers_of(settings: Settings) -> dict[str, dict[str, Any]]:
    spec = topics_for(settings).sessions
    newest: dict[str, dict[str, Any]] = {}
    for batch in read_to_end(client_config(settings), spec.name, range(spec.partitions), timeout_s=20):
        for message in batch:
            value = json.loads(message.value() or b"")
            newest[value["session_id"]] = value
    return newest


def summary_in(output: str) -> dict[str, Any]:
    summary = json.loads(output[output.index("\n{") :])
    assert isinstance(summary, dict)
    return summary


def assert_ledgers(broker: Broker, prefix: str, events: list[dict[str, Any]]) -> None:
    """The public topic has each session's sum, to the last digit."""
    settings = load_settings(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix)
    found = {session_id: Decimal(ledger["cost_usd"]) for session_id, ledger in ledgers_of(settings).items()}
    assert found == sums_of(events)


def assert_whole(summary: dict[str, Any], events: list[dict[str, Any]]) -> None:
    assert summary["missing"] == []
    assert summary["complete"] is True
    assert summary["published"] == summary["acknowledged"] == summary["counted"] == len(events)
    assert summary["dead_letters"] == 0
    assert Decimal(summary["cost_usd"]) == sum(sums_of(events).values())
    assert summary["usd_over_http"] == summary["cost_usd"]
    assert summary["events_over_http"] == len(events)
    assert summary["sessions"] == len(sums_of(events))
    for field in ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens"):
        assert summary["totals"][field] == sum(event.get(field, 0) for event in events), field
    (anomaly,) = summary["anomalies"]
    assert anomaly["session_id"] == RUNAWAY_SESSION
    assert anomaly["states"] == ["opened", "escalated", "resolved"]
    assert anomaly["severities"] == ["warning", "critical", "critical"]


def test_on_the_embedded_broker_every_digit_is_right_and_only_the_runaway_is_an_anomaly(tmp_path: Path) -> None:
    dump = tmp_path / "events.jsonl"
    with demo("--once", "--json", "--speed", SPEED, "--dump", str(dump), folder=tmp_path) as run:
        assert run.end(END_WITHIN_S) == 0, run.output
        assert run.family() == {}
    assert_whole(summary_in(run.output), events_of(dump))
    assert [path.name for path in tmp_path.iterdir()] == [dump.name]


def test_on_named_servers_every_run_has_topics_and_keys_of_its_own(
    broker: Broker, redis_url: str, tmp_path: Path
) -> None:
    env = {"BURNLINE_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "BURNLINE_REDIS_URL": redis_url}
    prefixes = set()
    for number in range(2):
        dump = tmp_path / f"events-{number}.jsonl"
        with demo("--once", "--json", "--speed", SPEED, "--dump", str(dump), folder=tmp_path, env=env) as run:
            assert run.end(END_WITHIN_S) == 0, run.output
        summary = summary_in(run.output)
        assert_whole(summary, events_of(dump))
        assert_ledgers(broker, summary["topic_prefix"], events_of(dump))
        prefixes.add(summary["topic_prefix"].removesuffix("."))
    assert len(prefixes) == 2
    with redis.Redis.from_url(redis_url) as client:
        assert {key.decode().partition(":")[0] for key in client.scan_iter()} == prefixes


def test_topics_that_were_named_are_used_once(broker: Broker, tmp_path: Path) -> None:
    prefix = f"demo-{tmp_path.name}."
    env = {"BURNLINE_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "BURNLINE_TOPIC_PREFIX": prefix}
    dump = tmp_path / "events.jsonl"
    with demo("--once", "--json", "--speed", SPEED, "--dump", str(dump), folder=tmp_path, env=env) as run:
        assert run.end(END_WITHIN_S) == 0, run.output
    assert_ledgers(broker, prefix, events_of(dump))
    with demo("--once", "--speed", SPEED, folder=tmp_path, env=env) as run:
        assert run.end(END_WITHIN_S) == 1
        assert f"demo failed: Topic {prefix}usage holds events already" in run.output


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.needs_tool("mvn")
def test_on_apache_kafka_the_sums_are_the_same(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.mktemp("cache")
    cached_jars(cache / "burnline" / f"apache-kafka-{KAFKA_VERSION}")
    dump, env = tmp_path / "events.jsonl", {"XDG_CACHE_HOME": str(cache)}
    arguments = ("--broker", "apache", "--once", "--json", "--speed", SPEED, "--dump", str(dump))
    with demo(*arguments, folder=tmp_path, env=env) as run:
        assert run.end(250) == 0, run.output
        assert run.family() == {}
    assert "\nApache Kafka 127.0.0.1:" in f"\n{run.output}"
    assert_whole(summary_in(run.output), events_of(dump))
    assert [path.name for path in tmp_path.iterdir()] == [dump.name]
