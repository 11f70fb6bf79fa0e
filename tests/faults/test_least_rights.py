"""Every component on Apache Kafka with SASL_SSL or mTLS, with the rights of the table and no other."""

import http.client
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AclOperation, ResourceType
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from burnline.kafka import client_config
from burnline.publisher import UsagePublisher
from burnline.publisher.controls import Controls
from burnline.settings import ENV_PREFIX, Settings, load_settings
from burnline.topics.admission import missing_grants, needed
from burnline.topics.catalogue import otel_topics_for, topics_for
from burnline.topics.grants import Component, Grant, grants_of
from tests.faults.workers import WorkerSlot
from tests.kafka.secured import SecuredBroker, until
from tests.notify.stub import Receiver, receiving
from tests.otel.emitted import Emitter

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

HOT_TOKENS = 1_000_000
UNAUTHORISED = r"is not allowed|not authori[sz]ed|authorization failed|Access denied"
BY_CERTIFICATE = {Component.PROJECTOR, Component.OTEL, Component.OPERATOR, Component.PUBLISHER}
"""They show a certificate; the others log in with SCRAM."""
COMMANDS: dict[Component, tuple[list[str], str]] = {
    Component.WORKER: (["worker"], "metrics_port"),
    Component.PROJECTOR: (["projector"], "projector_metrics_port"),
    Component.API: (["api"], "api_port"),
    Component.NOTIFY: (["notify", "run", "--sinks", "{sinks}", "--metrics-port", "{port}"], "metrics_port"),
    Component.BUDGETS: (["budgets", "run"], "budgets_metrics_port"),
    Component.DETECT: (["detect"], "detect_metrics_port"),
    Component.OTEL: (["otel", "--metrics-port", "{port}"], "metrics_port"),
}
"""What each is called with, and the setting of its port."""
SINKS = """[[sinks]]
name = "hook"
kind = "webhook"
url = "{url}"
secret = {{ env = "HOOK_SECRET" }}
allow_local = true
"""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """A broker with TLS, users and rights."""
    broker = SecuredBroker(tmp_path_factory.mktemp("certificates"))
    broker.start()
    yield broker
    broker.stop()


class House:
    """A deployment, each component of which is a user of its own, with the rights of the table."""

    def __init__(self, broker: SecuredBroker, folder: Path, redis_url: str) -> None:
        unique = f"h{uuid.uuid4().hex[:8]}"
        self.broker, self.folder, self.unique = broker, folder, unique
        self._own: dict[str, object] = {
            "topic_prefix": f"{unique}.",
            "app_id": unique,
            "partitions": 2,
            "session_timeout_ms": 6_000,
            "flush_interval_ms": 200,
            "otel_spans_topic": f"{unique}.spans",
            "otel_logs_topic": f"{unique}.logs",
            "redis_url": redis_url,
            "redis_prefix": f"{unique}:",
        }
        self._logins: dict[Component, dict[str, str]] = {}
        self.slots: dict[Component, WorkerSlot] = {}
        for component in Component:
            broker.allow(self.user(component), grants_of(component, self.settings(component)))
        self.run(Component.OPERATOR, "topics", "ensure", "--otel")

    def user(self, component: Component) -> str:
        return f"{self.unique}-{component.value}"

    def fields(self, component: Component) -> dict[str, object]:
        """Settings of a component, by field name."""
        if component not in self._logins:
            login = self.broker.by_certificate if component in BY_CERTIFICATE else self.broker.by_password
            self._logins[component] = login(self.user(component))
        return self._own | self._logins[component]

    def settings(self, component: Component) -> Settings:
        return load_settings(**self.fields(component))

    def needed(self, component: Component) -> list[Grant]:
        """What it asks about, by whole names."""
        names = [f"{self.unique}-notify-hook", f"{self.unique}-notify-hook-budgets", f"{self.unique}-otel-one"]
        return needed(component, self.settings(component), names)

    def run(self, component: Component, *arguments: str) -> str:
        """One command as an operator or reader calls it."""
        named = {ENV_PREFIX + key.upper(): str(value) for key, value in self.fields(component).items()}
        clean = {key: value for key, value in os.environ.items() if not key.startswith(ENV_PREFIX)}
        command = [sys.executable, "-P", "-m", "burnline", *arguments]
        done = subprocess.run(command, env=clean | named, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, component: Component, *arguments: str, port_setting: str = "metrics_port") -> WorkerSlot:
        slot = WorkerSlot(
            component.value, self.fields(component), self.folder, arguments=arguments, port_setting=port_setting
        )
        slot.environment["HOOK_SECRET"] = "whsec_" + "c2VjcmV0" * 4  # pragma: allowlist secret
        self.slots[component] = slot
        slot.start()
        return slot

    def start_only(self, component: Component, hook: Receiver) -> None:
        sinks = self.folder / "sinks.toml"
        sinks.write_text(SINKS.format(url=hook.url))
        arguments, port_setting = COMMANDS[component]
        self.start(component, *(each.replace("{sinks}", str(sinks)) for each in arguments), port_setting=port_setting)

    def start_all(self, hook: Receiver) -> None:
        for component in COMMANDS:
            self.start_only(component, hook)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        until(condition, lambda: f"{what}: " + "\n".join(f"{c}: {s.readiness()}" for c, s in self.slots.items()))

    def api(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers; None while it does not, or says that it is not ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.slots[Component.API].port, timeout=20)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"content-type": "application/json"} if sent else {})
            answer = connection.getresponse()
            said = json.loads(answer.read() or b"null")
        except OSError:
            return None
        finally:
            connection.close()
        return said if answer.status < 300 else None

    def ends(self, partition: int) -> int:
        """Where a partition of usage ends."""
        settings = self.settings(Component.READER)
        consumer = Consumer({**client_config(settings), "group.id": "unused: only asks for offsets"})
        try:
            place = TopicPartition(topics_for(settings).usage.name, partition)
            return consumer.get_watermark_offsets(place, 30)[1]
        finally:
            consumer.close()

    def accepted(self) -> float:
        """Events that the worker has counted."""
        return self.slots[Component.WORKER].metrics().get('burnline_events_total{outcome="accepted"}', 0.0)

    def sessions(self) -> set[str]:
        found = self.api("GET", "/api/v1/finops/sessions")
        return {one["session_id"] for one in found["rows"]} if found else set()

    def close(self) -> None:
        for slot in self.slots.values():
            slot.kill()


@pytest.fixture
def house(secured: SecuredBroker, tmp_path: Path, redis_url: str) -> Iterator[House]:
    built = House(secured, tmp_path, redis_url)
    yield built
    built.close()


def event(number: int, session: str, tokens: int = HOT_TOKENS) -> dict[str, object]:
    return {
        "event_id": f"e-{session}-{number}",
        "occurred_at": time.time_ns() // 1_000_000,
        "org_id": "acme",
        "agent_id": "agent-1",
        "session_id": session,
        "model": "gpt-4o",
        "input_tokens": tokens,
        "output_tokens": tokens,
    }


def collect(settings: Settings) -> None:
    """As the Collector's exporter writes."""
    emitter = Emitter(service__name="from-otel")
    emitter.span(
        "chat gpt-4o",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.conversation.id": "from-otel",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 10,
        },
    )
    producer = Producer(client_config(settings))
    producer.produce(otel_topics_for(settings).spans.name, encode_spans(emitter.finished()).SerializeToString())
    assert producer.flush(30) == 0


@pytest.mark.long
def test_every_component_works_with_the_rights_of_the_table_and_no_other(house: House) -> None:
    with receiving() as hook:
        house.run(Component.OPERATOR, "budgets", "set", "org", "acme", "1", "--action", "stop", "--enforce")
        house.start_all(hook)
        collect(house.settings(Component.COLLECTOR))
        with UsagePublisher.from_settings(house.settings(Component.PUBLISHER)) as publisher:
            for number in range(4):
                publisher.publish(event(number, "from-sdk"))
        house.until(lambda: house.api("POST", "/api/v1/events", event(0, "from-http", 10)) is not None, "the API")
        house.until(lambda: house.accepted() == 6, "events of every way in")  # the span is an old one
        house.until(lambda: house.sessions() >= {"from-sdk", "from-http"}, "sessions in the API")
        house.until(lambda: len(hook.taken) >= 2, "notices of an anomaly and of a budget")
        with Controls.from_settings(house.settings(Component.CONTROLS), fail="open") as controls:
            house.until(lambda: not controls.allowed(org="acme", session="from-sdk").allowed, "the budget stops it")
        assert house.api("PUT", "/api/v1/finops/baselines/acme/agent-1", {"usd_per_hour": "4.5"}) is not None
        house.until(lambda: all(slot.readiness()[0] for slot in house.slots.values()), "all are ready")
        for slot in house.slots.values():
            slot.check()
            assert slot.logged(UNAUTHORISED) == 0, slot.tail()
        assert "from-sdk" in house.run(Component.READER, "sessions")
        house.run(Component.READER, "verify")
        with_events = [one for one in (0, 1) if house.ends(one)]
        house.run(Component.READER, "explain", str(with_events[0]), "0")
        house.run(Component.READER, "anomalies")
        house.run(Component.OPERATOR, "baselines", "set", "acme", "agent-1", "2")


QUICK = {Component.NOTIFY, Component.OTEL}
"""For each run; all of them for `make long`."""
SERVING = [Component.WORKER, Component.PROJECTOR, Component.NOTIFY, Component.BUDGETS, Component.DETECT, Component.OTEL]


@pytest.mark.parametrize(
    "component",
    [pytest.param(each, id=each.value, marks=() if each in QUICK else pytest.mark.long) for each in SERVING],
)
def test_all_that_is_missing_is_named_and_nothing_else(house: House, component: Component) -> None:
    settings, grants = house.settings(component), house.needed(component)
    assert missing_grants(settings, grants, thorough=True) == []
    whole = grants_of(component, settings)
    house.broker.forbid(house.user(component), whole)
    until(
        lambda: (
            {one.resource for one in missing_grants(settings, grants, thorough=True)}
            == {grant.resource for grant in grants}
        ),
        lambda: f"{missing_grants(settings, grants, thorough=True)}",
    )
    house.broker.allow(house.user(component), whole)
    until(lambda: not missing_grants(settings, grants, thorough=True), lambda: "granted, and still missing")


TOPIC, GROUP, ID = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
LONG = pytest.mark.long
ONE_MISSING = [
    pytest.param(Component.NOTIFY, GROUP, "-notify-", AclOperation.READ, id="notify group", marks=LONG),
    pytest.param(Component.NOTIFY, TOPIC, ".anomaly-notes", AclOperation.READ, id="notify notes", marks=LONG),
    pytest.param(Component.PROJECTOR, TOPIC, ".sessions", AclOperation.READ, id="projector sessions", marks=LONG),
    pytest.param(Component.PROJECTOR, TOPIC, ".usage", AclOperation.DESCRIBE, id="projector usage", marks=LONG),
    pytest.param(Component.BUDGETS, ID, "-budgets", AclOperation.WRITE, id="budgets id", marks=LONG),
    pytest.param(Component.BUDGETS, TOPIC, ".usage-rollups", AclOperation.READ, id="budgets rollups", marks=LONG),
    pytest.param(Component.DETECT, TOPIC, ".detection", AclOperation.WRITE, id="detect detection", marks=LONG),
    pytest.param(Component.DETECT, ID, "-detect", AclOperation.WRITE, id="detect id", marks=LONG),
    pytest.param(Component.OTEL, TOPIC, ".spans", AclOperation.READ, id="otel spans", marks=LONG),
    pytest.param(Component.OTEL, GROUP, "-otel", AclOperation.READ, id="otel group", marks=LONG),
    pytest.param(Component.OTEL, ID, "-otel-", AclOperation.WRITE, id="otel id", marks=LONG),
]


@pytest.mark.parametrize(("component", "kind", "name", "operation"), ONE_MISSING)
def test_one_right_that_is_missing_is_named_and_cured_without_a_restart(
    house: House, component: Component, kind: ResourceType, name: str, operation: AclOperation
) -> None:
    grants = grants_of(component, house.settings(component))
    (whole,) = [one for one in grants if one.kind is kind and one.name == house.unique + name]
    lacking = [whole._replace(operations=frozenset([operation]))]
    if operation is AclOperation.DESCRIBE:
        lacking = [whole]
    house.broker.forbid(house.user(component), lacking)
    with receiving() as hook:
        house.start_only(component, hook)
        slot = house.slots[component]
        told = f"{operation.name} on {whole.resource}"
        house.until(lambda: told in slot.readiness()[1], told)
        assert not slot.readiness()[0]
        if component is not Component.PROJECTOR:
            named = [key for key in slot.metrics() if key.startswith("burnline_refused{")]
            assert any(whole.name in key for key in named), slot.metrics()
        house.broker.allow(house.user(component), lacking)
        house.until(lambda: slot.readiness()[0], "goes on")
        assert slot.logged(f"{operation.name} on {whole.resource}.*is not allowed; grant") <= 2  # a sink has two groups
        slot.check()
