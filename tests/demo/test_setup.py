"""What a run works with: whose servers, whose topics and keys, and what its processes are told."""

from pathlib import Path

import pytest

from burnline.demo.servers import Embedded
from burnline.demo.setup import set_up
from burnline.settings import load_settings

BROKER, REDIS = "127.0.0.1:40001", "redis://127.0.0.1:40002/0"
EMBEDDED = Embedded(BROKER, REDIS)
FOLDER = Path("/nowhere")
PORTS = {"metrics_port": 9464, "projector_metrics_port": 9465, "api_port": 8080}


def test_on_the_embedded_broker_topics_are_as_everywhere_and_the_run_is_alone() -> None:
    setup = set_up(load_settings(), EMBEDDED, FOLDER)
    assert setup.settings.kafka_bootstrap_servers == BROKER
    assert setup.settings.topic_prefix == "finops."
    assert setup.settings.app_id == "burnline"
    assert setup.settings.redis_url == REDIS
    assert setup.settings.redis_prefix == "burnline:"
    assert setup.has_redis


def test_each_process_has_a_free_port_of_its_own() -> None:
    setup = set_up(load_settings(), EMBEDDED, FOLDER)
    own = setup.settings
    ports = (own.metrics_port, own.projector_metrics_port, own.api_port)
    assert len(set(ports)) == 3
    assert 0 not in ports
    urls = [program.url for program in (setup.worker, setup.projector, setup.api)]
    assert urls == [f"http://127.0.0.1:{port}" for port in ports]


def test_the_embedded_broker_needs_no_security_and_no_replicas() -> None:
    settings = load_settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="somebody",
        kafka_sasl_password="something",  # noqa: S106  # nobody's
        replication_factor=3,
        min_insync_replicas=2,
    )
    own = set_up(settings, EMBEDDED, FOLDER).settings
    assert (own.kafka_security_protocol, own.replication_factor, own.min_insync_replicas) == ("PLAINTEXT", 1, 1)


def test_on_a_named_broker_topics_and_group_are_the_runs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    setup = set_up(load_settings(), Embedded(redis_url=REDIS), FOLDER)
    assert setup.settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert setup.settings.topic_prefix.startswith("burnline-demo-")
    assert setup.settings.topic_prefix == f"{setup.settings.app_id}."


def test_a_named_prefix_and_a_named_group_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", "team.")
    setup = set_up(load_settings(), Embedded(redis_url=REDIS), FOLDER)
    assert setup.settings.topic_prefix == "team."
    assert setup.settings.app_id.startswith("burnline-demo-")
    monkeypatch.setenv("BURNLINE_APP_ID", "team")
    assert set_up(load_settings(), Embedded(redis_url=REDIS), FOLDER).settings.app_id == "team"


def test_in_a_named_redis_the_keys_are_the_runs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_REDIS_URL", "redis://127.0.0.1:6379/3")
    setup = set_up(load_settings(), Embedded(BROKER), FOLDER)
    assert setup.has_redis
    assert setup.settings.redis_url == "redis://127.0.0.1:6379/3"
    assert setup.settings.redis_prefix.startswith("burnline-demo-")
    assert setup.settings.topic_prefix == "finops."
    monkeypatch.setenv("BURNLINE_REDIS_PREFIX", "team:")
    assert set_up(load_settings(), Embedded(BROKER), FOLDER).settings.redis_prefix == "team:"


def test_without_a_redis_there_is_no_api() -> None:
    assert not set_up(load_settings(), Embedded(BROKER, no_redis="There is none."), FOLDER).has_redis


def test_an_address_of_ipv6_is_bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_API_HOST", "::1")
    monkeypatch.setenv("BURNLINE_API_PORT", "8080")
    assert set_up(load_settings(), EMBEDDED, FOLDER).api.url == "http://[::1]:8080"


def test_the_children_are_told_every_setting_that_is_not_in_its_environment() -> None:
    setup = set_up(load_settings(), EMBEDDED, FOLDER)
    assert load_settings(**{name: str(value) for name, value in setup.overrides.items()}) == setup.settings


def test_what_the_operator_says_of_speed_and_ports_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_FLUSH_INTERVAL_MS", "2000")
    for name, port in PORTS.items():
        monkeypatch.setenv(f"BURNLINE_{name.upper()}", str(port))
    monkeypatch.setenv("BURNLINE_SESSION_TIMEOUT_MS", "20000")
    setup = set_up(load_settings(), EMBEDDED, FOLDER)
    own = setup.settings
    assert (own.flush_interval_ms, own.session_timeout_ms) == (2_000, 20_000)
    assert {name: getattr(own, name) for name in PORTS} == PORTS
    assert {"flush_interval_ms", "session_timeout_ms", *PORTS}.isdisjoint(setup.overrides)


def test_port_zero_is_a_free_one_that_this_process_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PORTS:
        monkeypatch.setenv(f"BURNLINE_{name.upper()}", "0")
    own = set_up(load_settings(), EMBEDDED, FOLDER).settings
    assert all(getattr(own, name) > 0 for name in PORTS)
