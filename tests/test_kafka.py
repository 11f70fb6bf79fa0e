"""The settings as librdkafka wants them; the library itself says whether it can use them."""

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from burnline.kafka import Config, client_config
from burnline.settings import load_settings

SASL = {"kafka_sasl_username": "burnline", "kafka_sasl_password": "hunter2", "kafka_sasl_mechanism": "SCRAM-SHA-512"}
FILES = {"kafka_ssl_certificate_location": "cert.pem", "kafka_ssl_key_location": "key.pem"}
PLAIN: Config = {"bootstrap.servers": "127.0.0.1:9092", "security.protocol": "PLAINTEXT"}

CASES: list[Any] = [
    pytest.param({}, PLAIN, id="defaults"),
    pytest.param(
        {"kafka_bootstrap_servers": "a:9092,b:9093"}, {**PLAIN, "bootstrap.servers": "a:9092,b:9093"}, id="brokers"
    ),
    pytest.param(
        {"kafka_security_protocol": "SSL", "kafka_ssl_ca_location": "ca.pem"},
        {**PLAIN, "security.protocol": "SSL", "ssl.ca.location": "ca.pem"},
        id="TLS",
    ),
    pytest.param(
        {"kafka_security_protocol": "SSL", **FILES, "kafka_ssl_key_password": "s3cret"},
        {
            **PLAIN,
            "security.protocol": "SSL",
            "ssl.certificate.location": "cert.pem",
            "ssl.key.location": "key.pem",
            "ssl.key.password": "s3cret",
        },
        id="TLS with a client certificate",
    ),
    *(
        pytest.param(
            {"kafka_security_protocol": protocol, **SASL},
            {
                **PLAIN,
                "security.protocol": protocol,
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "burnline",
                "sasl.password": "hunter2",
            },
            id=protocol,
        )
        for protocol in ("SASL_PLAINTEXT", "SASL_SSL")
    ),
    pytest.param(
        {"kafka_security_protocol": "SASL_SSL", **SASL, "kafka_sasl_mechanism": "PLAIN", **FILES},
        {
            **PLAIN,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "burnline",
            "sasl.password": "hunter2",
            "ssl.certificate.location": "cert.pem",
            "ssl.key.location": "key.pem",
        },
        id="SASL and a client certificate",
    ),
    pytest.param(SASL, PLAIN, id="SASL not wanted"),
]


@pytest.mark.parametrize(("settings", "config"), CASES)
def test_client_config(settings: dict[str, Any], config: Config) -> None:
    assert client_config(load_settings(**settings)) == config


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_librdkafka_takes_it(protocol: str, mechanism: str) -> None:
    """Every protocol and mechanism that can be set is built into the library; no broker is needed to know."""
    settings = load_settings(**{**SASL, "kafka_security_protocol": protocol, "kafka_sasl_mechanism": mechanism})
    Producer(client_config(settings))


def test_a_copy_each_time() -> None:
    """Clients add settings of their own."""
    settings = load_settings()
    client_config(settings)["client.id"] = "x"
    assert client_config(settings) == PLAIN


def test_paths_are_text(tmp_path: Path) -> None:
    config = client_config(load_settings(kafka_ssl_ca_location=tmp_path / "ca.pem"))
    assert config["ssl.ca.location"] == str(tmp_path / "ca.pem")
