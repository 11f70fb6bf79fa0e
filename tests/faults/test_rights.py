"""One right missing at a time, on brokers that ask for each: it is named, others go on, and granting it cures it."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AclOperation, ResourceType
from typer.testing import CliRunner

import burnline.cli  # noqa: F401  # registers every command
from burnline.cli.root import cli
from burnline.kafka import client_config
from burnline.settings import Settings, load_settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.faults.workers import WorkerSlot
from tests.kafka.guarded import GuardedBroker, Right, rights_of_a_worker

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

WITHIN_S = 90.0
EVENTS = 40
HOT_TOKENS = 1_000_000
TOPIC, GROUP, ID = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedBroker]:
    """A broker with users and rights."""
    broker = GuardedBroker()
    broker.start()
    yield broker
    broker.stop()


class Deployment:
    """Topics, a worker that logs in, and somebody who may do everything beside it."""

    def __init__(self, broker: GuardedBroker, name: str, folder: Path, **settings: object) -> None:
        own: dict[str, object] = {
            "topic_prefix": f"{name}.",
            "app_id": name,
            "partitions": 2,
            "session_timeout_ms": 6_000,
            "flush_interval_ms": 200,
            **settings,
        }
        self.broker = broker
        self.admin: Settings = load_settings(**own, kafka_bootstrap_servers=broker.bootstrap_servers)
        ensure_topics(self.admin)
        self.worker = WorkerSlot(name, own | broker.login(), folder)
        self.rights = rights_of_a_worker(self.admin)
        broker.grant(self.rights)

    def publish(self) -> None:
        """To both partitions: good events, one that opens an anomaly, and one that cannot be used."""
        producer = Producer(client_config(self.admin))
        topic = topics_for(self.admin).usage.name
        for number in range(EVENTS):
            tokens = HOT_TOKENS if number < 2 else 10
            value = b"no event" if number in {2, 3} else json.dumps(event(number, tokens)).encode()
            producer.produce(topic, value, b"%d" % number, number % 2)
        assert producer.flush(20) == 0

    def accepted(self) -> float:
        """Events that the worker has counted."""
        return self.worker.metrics().get('burnline_events_total{outcome="accepted"}', 0.0)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition; no timing is asserted."""
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            self.worker.check()
            assert time.monotonic() < deadline, f"{what}: {self.worker.readiness()}\n{self.worker.tail()}"
            time.sleep(0.2)

    def refused(self) -> str:
        """Why it is not ready."""
        ready, detail = self.worker.readiness()
        return "" if ready else detail


def event(number: int, tokens: int) -> dict[str, object]:
    """One of a session of its own partition, ending now."""
    return {
        "event_id": f"e-{number}",
        "occurred_at": time.time_ns() // 1_000_000,
        "org_id": "acme",
        "agent_id": "agent-1",
        "session_id": f"s-{number % 2}",
        "model": "gpt-4o",
        "input_tokens": tokens,
        "output_tokens": tokens,
    }


Deploy = Callable[..., Deployment]


@pytest.fixture
def deploy(guarded: GuardedBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Makes a deployment; keyword arguments are settings."""
    made: list[Deployment] = []
    unique = uuid.uuid4().hex[:10]

    def make(name: str = "", **settings: object) -> Deployment:
        made.append(Deployment(guarded, f"g{unique}{name}", tmp_path, **settings))
        return made[-1]

    yield make
    for deployment in made:
        deployment.worker.kill()


def without(deployment: Deployment, kind: ResourceType, name: str, operations: set[AclOperation]) -> list[Right]:
    """Take these rights away, and all that imply them; says what to give back."""
    lacking = [right for right in deployment.rights if right[:2] == (kind, name) and right[2] in operations]
    if DESCRIBE in operations:  # READ and WRITE include it
        lacking = [right for right in deployment.rights if right[:2] == (kind, name)]
    assert lacking
    deployment.broker.revoke(lacking)
    return lacking


STARTING = [
    pytest.param(GROUP, "", READ, id="group READ"),
    pytest.param(TOPIC, "usage", DESCRIBE, id="usage DESCRIBE"),
    pytest.param(TOPIC, "usage", READ, id="usage READ"),
    pytest.param(TOPIC, "baselines", READ, id="baselines READ"),
    pytest.param(TOPIC, "valuation-rates", READ, id="valuation-rates READ"),
    pytest.param(TOPIC, "catalogues", READ, id="catalogues READ"),
]
TAKING_OVER = [
    pytest.param(TOPIC, role, right, id=f"{role} {right.name}")
    for role in ("sessions", "progress", "rollups", "event-ids")
    for right in (READ, DESCRIBE)
]
WRITING = [
    pytest.param(TOPIC, role, right, id=f"{role} {right.name}")
    for role, rights in {
        "sessions": [WRITE],
        "progress": [WRITE],
        "event-ids": [WRITE],
        "usage-rollups": [WRITE, DESCRIBE],
        "anomalies": [WRITE, DESCRIBE],
        "dead-letters": [WRITE, DESCRIBE],
    }.items()
    for right in rights
]
QUICK = {"group READ", "usage DESCRIBE", "sessions READ", "progress DESCRIBE", "anomalies WRITE"}


def quick_and_long(params: list[object]) -> Iterator[object]:
    """A few of them for each run, all of them for `make long`."""
    for param in params:
        assert isinstance(param, type(pytest.param()))
        yield param if param.id in QUICK else pytest.param(*param.values, id=param.id, marks=pytest.mark.long)


@pytest.mark.parametrize(("kind", "role", "right"), [*quick_and_long([*STARTING, *TAKING_OVER, *WRITING])])
def test_one_right_that_is_missing_is_named_and_cured_without_a_restart(
    deploy: Deploy, kind: ResourceType, role: str, right: AclOperation
) -> None:
    deployment = deploy()
    prefix, group = deployment.admin.topic_prefix, deployment.admin.app_id
    name, resource = (group, f"group {group}") if kind is GROUP else (prefix + role, f"topic {prefix}{role}")
    lacking = without(deployment, kind, name, {right})
    deployment.worker.start()
    deployment.publish()
    deployment.until(lambda: f"on {resource}" in deployment.refused(), f"{right.name} on {resource}")
    assert right.name in deployment.refused()
    assert deployment.worker.metrics()[f'burnline_refused{{cause="not_authorised",resource="{resource}"}}']
    deployment.broker.grant(lacking)
    deployment.until(lambda: deployment.worker.readiness()[0], "goes on")
    deployment.until(lambda: deployment.accepted() == EVENTS - 2, "counts every event once")
    assert deployment.worker.logged(f"{right.name}.* {resource}") <= 2 * deployment.admin.partitions
    assert deployment.worker.logged("starts anew") == 0
    assert deployment.worker.terminate().exit_code == 0


def test_a_transactional_id_that_is_not_allowed_stops_its_partition_alone(deploy: Deploy) -> None:
    deployment = deploy()
    name = f"{deployment.admin.app_id}-1"
    lacking = without(deployment, ID, name, {WRITE})
    deployment.worker.start()
    deployment.publish()
    deployment.until(lambda: f"grant WRITE on transactional id {name}" in deployment.refused(), "the refusal")
    deployment.until(lambda: deployment.accepted() == EVENTS / 2 - 1, "the other partition")
    deployment.broker.grant(lacking)
    deployment.until(lambda: deployment.worker.readiness()[0], "goes on")
    deployment.until(lambda: deployment.accepted() == EVENTS - 2, "counts every event once")
    assert deployment.worker.logged("partition 1 is not read any further") == 1
    assert deployment.worker.logged("partition 1 goes on after") == 1


def test_check_asks_about_the_group_and_transactional_ids_and_disturbs_nobody(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy()
    group = deployment.admin.app_id
    for name, value in (deployment.broker.login() | {"app_id": group, "partitions": 2}).items():
        monkeypatch.setenv(f"BURNLINE_{name.upper()}", str(value))
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", deployment.admin.topic_prefix)

    def asked() -> dict[str, tuple[bool, str]]:
        found = json.loads(CliRunner().invoke(cli, ["check", "--connect", "--json"]).stdout)["connect"]
        return {each["what"]: (each["well"], each["detail"]) for each in found}

    ids = f"transactional ids {group}-0 to {group}-1"
    deployment.worker.start()
    deployment.worker.wait_ready()
    found = asked()
    assert (found[f"group {group}"], found[ids]) == ((True, "can be joined"), (True, "can be used"))
    deployment.publish()
    deployment.until(lambda: deployment.accepted() == EVENTS - 2, "counts every event once")
    assert deployment.worker.logged("fenced|starts anew|is not read any further") == 0
    deployment.worker.terminate()
    without(deployment, ID, f"{group}-1", {WRITE})
    without(deployment, GROUP, group, {READ})
    monkeypatch.setenv("BURNLINE_CATALOGUE_REFRESH", "prices.json")
    found = asked()
    refresh = f"transactional id {group}-catalogue"
    assert found[refresh] == (False, f"WRITE on {refresh} is not allowed; grant WRITE on it")
    missing = f"WRITE on transactional id {group}-1 is not allowed; grant WRITE on it"
    assert found[ids] == (False, missing)
    assert found[f"group {group}"] == (False, f"READ on group {group} is not allowed; grant READ on it")


def test_a_right_that_is_taken_away_from_a_worker_at_work(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.worker.start()
    deployment.worker.wait_ready()
    resource = f"{deployment.admin.topic_prefix}sessions"
    lacking = without(deployment, TOPIC, resource, {WRITE})
    deployment.publish()
    deployment.until(lambda: f"WRITE on topic {resource} is not allowed" in deployment.refused(), "the refusal")
    deployment.broker.grant(lacking)
    deployment.until(lambda: deployment.accepted() == EVENTS - 2, "counts every event once")
    assert deployment.worker.readiness()[0]
    assert deployment.worker.logged("starts anew") == 0


def test_a_wrong_password_is_named_with_the_settings_to_change(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.worker.environment |= {"BURNLINE_KAFKA_SASL_PASSWORD": "wrong"}
    deployment.worker.start()
    deployment.until(lambda: "BURNLINE_KAFKA_SASL_PASSWORD" in deployment.refused(), "the refusal")
    assert "to log in as 'worker' by PLAIN" in deployment.refused()
    time.sleep(3)  # it looks again once or twice
    assert deployment.worker.logged("Invalid username or password") == 1


def test_a_second_deployment_with_the_same_application_id_waits_and_says_so(deploy: Deploy) -> None:
    first = deploy()
    first.worker.start()
    first.worker.wait_ready()
    second = deploy("b", app_id=first.admin.app_id)
    second.worker.start()
    second.until(lambda: "BURNLINE_APP_ID" in second.refused(), "the refusal")
    assert f"group {first.admin.app_id} is at work on topics of somebody else's: " in second.refused()
    assert first.admin.topic_prefix + "usage" in second.refused()
    first.publish()
    first.until(lambda: first.accepted() == EVENTS - 2, "the first one goes on")
    first.worker.terminate()
    second.publish()
    second.until(lambda: second.accepted() == EVENTS - 2, "the second one begins when the first has gone")
