"""Servers of this machine listen where the settings have them, and nowhere else."""

import socket

import pytest

from burnline.components import COMPONENTS
from burnline.machine.addresses import Address, AddressMistake, address_of, servers, taken
from burnline.settings import load_settings


def test_everything_is_where_commands_look_for_it_by_default() -> None:
    found = servers(load_settings())
    assert [(each.host, each.port) for each in found] == [("127.0.0.1", 9092), ("127.0.0.1", 6379)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(
            {"kafka_bootstrap_servers": "kafka:9092"}, "KAFKA_BOOTSTRAP_SERVERS=kafka:9092", id="Kafka elsewhere"
        ),
        pytest.param(
            {"kafka_bootstrap_servers": "127.0.0.1:1,127.0.0.1:2"}, "KAFKA_BOOTSTRAP_SERVERS=127", id="two brokers"
        ),
        pytest.param({"kafka_security_protocol": "SSL"}, "KAFKA_SECURITY_PROTOCOL=SSL", id="TLS"),
        pytest.param({"redis_url": "redis://cache:6379/0"}, "REDIS_URL=redis://cache:6379/0", id="Redis elsewhere"),
        pytest.param({"redis_url": "rediss://127.0.0.1:6379/0"}, "REDIS_URL=rediss://", id="Redis with TLS"),
        pytest.param({"redis_password": "x"}, "REDIS_PASSWORD", id="Redis with a login"),
    ],
)
def test_what_is_not_ours_is_refused_by_name(given: dict[str, str], said: str) -> None:
    with pytest.raises(AddressMistake, match=f"BURNLINE_.*{said}"):
        servers(load_settings(**given))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(AddressMistake) as caught:
        servers(load_settings(kafka_bootstrap_servers="a:1", redis_url="redis://b:2/0"))
    assert len(caught.value.mistakes) == 2


def test_a_taken_port_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (said,) = taken([Address("api_port", "127.0.0.1", port)], patience_s=0)
        assert said.startswith(f"127.0.0.1:{port} (BURNLINE_API_PORT) is in use")
    assert taken([Address("api_port", "127.0.0.1", port)], patience_s=30) == []


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda each: each.name)
def test_a_port_that_is_left_open_is_a_free_one(component: object) -> None:
    one = next(each for each in COMPONENTS if each is component)
    assert address_of(one, load_settings(**{one.port: 0})).port > 0
    assert address_of(one, load_settings(**{one.port: 12_345})).port == 12_345


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],  # noqa: S104
)
def test_an_address_as_a_browser_takes_it(host: str, url: str) -> None:
    assert Address("api_port", host, 1).url == url
