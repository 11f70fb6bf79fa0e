"""Every way in which people write where brokers are: each is read, or refused with what is wrong."""

from typing import Any

import pytest
from aiokafka.conn import collect_hosts
from confluent_kafka import Producer
from faust.transport.drivers.aiokafka import server_list
from faust.utils import urls
from hypothesis import given
from hypothesis import strategies as st

from burnline.bootstrap import canonical_brokers
from burnline.settings import SettingsError, load_settings

READ = [
    ("h:9092", "h:9092"),
    ("h", "h:9092"),
    ("a:1,b:2", "a:1,b:2"),
    ("a:1, b:2 ,", "a:1,b:2"),
    ("a:1;b:2", "a:1,b:2"),
    ("a:1\n  b:2\n", "a:1,b:2"),
    ("a:1,a:1", "a:1"),
    ("A:1,a:1", "a:1"),
    ("PLAINTEXT://h:1", "h:1"),
    ("plaintext://a:1,PLAINTEXT://b:2", "a:1,b:2"),
    ("kafka://h:1", "h:1"),
    ("kafka://h:1/", "h:1"),
    ('"h:1"', "h:1"),
    ("'a:1','b:2'", "a:1,b:2"),
    ("[::1]:9092", "[::1]:9092"),
    ("[fe80::1]", "[fe80::1]:9092"),
    ("broker-0.kafka.svc.cluster.local.:9092", "broker-0.kafka.svc.cluster.local.:9092"),
    ("10.0.0.1:09092", "10.0.0.1:9092"),
]


@pytest.mark.parametrize(("text", "brokers"), READ, ids=[repr(text) for text, _ in READ])
def test_read(text: str, brokers: str) -> None:
    assert canonical_brokers(text, "PLAINTEXT") == brokers
    assert load_settings(kafka_bootstrap_servers=text).kafka_bootstrap_servers == brokers


@pytest.mark.parametrize("brokers", sorted({brokers for _, brokers in READ}))
def test_every_client_understands_what_comes_out(brokers: str) -> None:
    Producer({"bootstrap.servers": brokers})
    servers = brokers.split(",")
    of_faust = server_list(urls.urllist([f"kafka://{server}" for server in servers]), 9092)
    assert of_faust == servers
    found = {(host, port) for host, port, _ in collect_hosts(of_faust)}
    assert found == {(host.strip("[]"), int(port)) for host, _, port in (server.rpartition(":") for server in servers)}


REFUSED = [
    ("", "at least 1 character"),
    (" , ;", "no broker is named"),
    ("::1:9092", "IPv6 addresses stand in brackets, as in [::1]:9092"),
    ("fe80::1", "IPv6 addresses stand in brackets"),
    ("[::g]:1", "'::g' is no IPv6 address"),
    ("http://h:1", "http:// is no protocol of Kafka"),
    ("SSL://h:1", "asks for SSL, and BURNLINE_KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
    ("h:0", "the port '0' is none from 1 to 65535"),
    ("h:65536", "the port '65536'"),
    ("h:", "the port ''"),
    ("h:http", "the port 'http'"),
    ("h:１", "the port '１'"),
    ("[::1", "brackets stand around an IPv6 address"),
    ("[::1]9092", "brackets stand around an IPv6 address"),
    ("a:1|b:2", "the port '1|b:2'"),
    ("a..b:1", "'a..b' is no name of a host"),
    ("_kafka._tcp.example.com", "is no name of a host"),
    ("h" * 254, "is no name of a host"),
    ("h/path:1", "'h/path' is no name of a host"),
    (":9092", "'' is no name of a host"),
    ("a:1,-b:2", "'-b' is no name of a host"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[repr(text) for text, _ in REFUSED])
def test_refused_by_the_settings_name(text: str, why: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(kafka_bootstrap_servers=text)
    (mistake,) = wrong.value.mistakes
    assert mistake.startswith(f"BURNLINE_KAFKA_BOOTSTRAP_SERVERS={text}: ")
    assert why in mistake


@pytest.mark.parametrize("text", ["user:secret@h:1", "kafka://user:secret@h:1", "a:1,user:secret@h"])
def test_a_password_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(kafka_bootstrap_servers=text)
    assert "secret" not in str(wrong.value)
    assert str(wrong.value).startswith("BURNLINE_KAFKA_BOOTSTRAP_SERVERS: ")
    assert "belong in BURNLINE_KAFKA_SASL_USERNAME" in str(wrong.value)


def test_the_protocol_may_stand_in_both_places() -> None:
    sasl: dict[str, Any] = {"kafka_sasl_username": "u", "kafka_sasl_password": "p"}
    settings = load_settings(kafka_bootstrap_servers="SASL_SSL://h:1", kafka_security_protocol="SASL_SSL", **sasl)
    assert settings.kafka_bootstrap_servers == "h:1"


@given(st.text(max_size=20))
def test_what_comes_out_goes_in_again_unchanged(text: str) -> None:
    try:
        brokers = canonical_brokers(text, "PLAINTEXT")
    except ValueError:
        return
    assert canonical_brokers(brokers, "PLAINTEXT") == brokers
