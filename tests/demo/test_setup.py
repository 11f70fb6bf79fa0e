"""What a run works with: whose broker, whose topics, and what the worker is told."""

from pathlib import Path

import pytest

from app.demo.setup import names_a_broker, set_up
from app.settings import load_settings

EMBEDDED = "127.0.0.1:40001"
FOLDER = Path("/nowhere")


@pytest.mark.parametrize(
    ("how", "named"), [("environment", True), ("file", True), ("nothing", False)], ids=lambda value: str(value)
)
def test_a_broker_is_named_by_environment_or_file(
    *, how: str, named: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if how == "environment":
        monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    elif how == "file":
        config = tmp_path / "burnline.toml"
        config.write_text('kafka_bootstrap_servers = "127.0.0.1:9092"\n')
        monkeypatch.setenv("BURNLINE_CONFIG", str(config))
    assert names_a_broker(load_settings()) is named


def test_on_the_embedded_broker_topics_are_as_everywhere_and_the_run_is_alone() -> None:
    setup = set_up(load_settings(), EMBEDDED, FOLDER)
    assert setup.settings.kafka_bootstrap_servers == EMBEDDED
    assert setup.settings.topic_prefix == "finops."
    assert setup.settings.app_id == "burnline"
    assert setup.settings.metrics_port > 0
    assert setup.status_url == f"http://127.0.0.1:{setup.settings.metrics_port}"


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
    setup = set_up(load_settings(), None, FOLDER)
    assert setup.settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert setup.settings.topic_prefix.startswith("burnline-demo-")
    assert setup.settings.topic_prefix == f"{setup.settings.app_id}."


def test_a_named_prefix_and_a_named_group_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", "team.")
    setup = set_up(load_settings(), None, FOLDER)
    assert setup.settings.topic_prefix == "team."
    assert setup.settings.app_id.startswith("burnline-demo-")
    monkeypatch.setenv("BURNLINE_APP_ID", "team")
    assert set_up(load_settings(), None, FOLDER).settings.app_id == "team"


def test_the_worker_is_told_every_setting_that_is_not_in_its_environment() -> None:
    setup = set_up(load_settings(), EMBEDDED, FOLDER)
    assert load_settings(**{name: str(value) for name, value in setup.overrides.items()}) == setup.settings


def test_what_the_operator_says_of_speed_and_ports_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_FLUSH_INTERVAL_MS", "2000")
    monkeypatch.setenv("BURNLINE_METRICS_PORT", "9464")
    monkeypatch.setenv("BURNLINE_SESSION_TIMEOUT_MS", "20000")
    setup = set_up(load_settings(), EMBEDDED, FOLDER)
    own = setup.settings
    assert (own.flush_interval_ms, own.metrics_port, own.session_timeout_ms) == (2_000, 9_464, 20_000)
    assert {"flush_interval_ms", "metrics_port", "session_timeout_ms"}.isdisjoint(setup.overrides)


def test_port_zero_is_a_free_one_that_this_process_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_METRICS_PORT", "0")
    assert set_up(load_settings(), EMBEDDED, FOLDER).settings.metrics_port > 0
