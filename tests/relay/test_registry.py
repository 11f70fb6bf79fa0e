"""`burnline registry` on a real broker, beside a registry that goes away and comes back."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from burnline.events.dead_letters import DeadLetterHeaders
from burnline.events.decode import decode_batch
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import framed_topic_for, topics_for
from burnline.topics.ensure import ensure_framed_topic, ensure_topics
from burnline.topics.reading import read_to_end
from tests.brokers import MakeSettings
from tests.ledger.examples import T0
from tests.registry.stub import registry
from tests.registry.test_readers import EVENT
from tests.registry.written import AVRO, PROTO_DESCRIPTOR, avro, framed, protobuf

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]
WITHIN_S = 120.0


def until(done: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while not (found := done()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


class Running:
    """The command in a process of its own."""

    def __init__(self, settings: Settings, url: str, log: Path) -> None:
        names = ("kafka_bootstrap_servers", "topic_prefix", "app_id", "framed_topic")
        told = {f"BURNLINE_{name.upper()}": str(getattr(settings, name)) for name in names}
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "burnline", "registry", "--metrics-port", "0"],
                env={**os.environ, **told, "BURNLINE_SCHEMA_REGISTRY_URL": url}, stdout=out, stderr=out,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def readiness(self) -> str:
        found = re.search(r"metrics on (http://\S+)/metrics", self.log)
        if found is None:
            return ""
        try:
            with urllib.request.urlopen(f"{found[1]}/readyz", timeout=5) as answer:  # noqa: S310  # ours
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:  # not there yet
            return ""


@contextmanager
def running(settings: Settings, url: str, log: Path) -> Iterator[Running]:
    found = Running(settings, url, log)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait(30)


def published(settings: Settings) -> list[bytes]:
    topic = topics_for(settings).usage
    batches = read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=30)
    return [message.value() or b"" for batch in batches for message in batch]


def letters(settings: Settings) -> list[DeadLetterHeaders]:
    topic = topics_for(settings).dead_letters
    batches = read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=30)
    return [DeadLetterHeaders.from_kafka(message.headers()) for batch in batches for message in batch]  # type: ignore[arg-type]  # lists of bytes


def event(number: int) -> dict[str, Any]:
    return EVENT | {"event_id": f"e{number}", "session_id": f"s{number % 3}", "input_tokens": number + 1000}


@pytest.mark.needs("transactions")
def test_a_registry_away_holds_its_partitions_and_nothing_is_lost(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(framed_topic=f"{make_settings().topic_prefix}usage-framed")
    ensure_topics(settings)
    ensure_framed_topic(settings)
    topic = framed_topic_for(settings)
    producer = Producer({**client_config(settings), "enable.idempotence": True})

    def write(partition: int, *values: bytes) -> None:
        for value in values:
            producer.produce(topic.name, value, b"k", partition=partition)
        assert producer.flush(60) == 0

    with registry() as stub:
        stub.has(1, AVRO)
        stub.has(2, PROTO_DESCRIPTOR, "PROTOBUF")
        write(0, *(framed(1, avro(event(number) | {"kind": "llm"})) for number in range(10)))
        with running(settings, stub.url, tmp_path / "log") as relay:
            until(lambda: len(published(settings)) == 10, "Avro was not read")
            stub.status = 503
            write(0, *(framed(2, protobuf(event(number))) for number in range(10, 20)), framed(3, b"?"))
            until(lambda: "waits for" in relay.readiness, "nothing waits")
            assert f"waits for {stub.url}: answers 503" in relay.readiness
            assert f"({topic.name}/0)" in relay.readiness
            write(1, b'{"event_id": "plain"}')  # of another partition, and it needs no registry
            until(lambda: len(published(settings)) == 11, "another partition waits as well")
            stub.status = None
            until(lambda: len(published(settings)) == 21, "what waited was not read")
            until(lambda: letters(settings), "a schema that nobody knows is no dead letter")
            until(lambda: "waits" not in relay.readiness, "it still waits")
            relay.process.terminate()
            assert relay.process.wait(60) == 0
    usages, refused = decode_batch(published(settings), now_ms=T0, max_clock_skew_ms=0)
    assert len(refused) == 1  # the plain one
    ids = Counter(usage.event_id for usage in usages if usage is not None)
    assert ids == {f"e{number}": 1 for number in range(20)}
    assert sum(usage.input_tokens for usage in usages if usage is not None) == sum(range(1000, 1020))
    [told] = letters(settings)
    assert (told.reason.value, told.partition, told.offset) == ("registry_schema", 0, 20)
    assert "goes on" in relay.log
