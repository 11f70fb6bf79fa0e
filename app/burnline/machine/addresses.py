"""Where everything listens: at the addresses of the settings, so that every other command finds it there."""

import socket
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from burnline.components import Component
from burnline.embedded.ports import LOOPBACK, free_ports
from burnline.settings import ENV_PREFIX, Settings

_LOOPBACKS = (LOOPBACK, "localhost")
_REDIS_PORT = 6379


class AddressMistake(ValueError):
    """Settings name addresses where nothing of ours can listen; a sentence for each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class Address(NamedTuple):
    """Where a part listens, and the setting that says so."""

    setting: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """For somebody on this machine."""
        host = LOOPBACK if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  # asked, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Servers(NamedTuple):
    """Where Kafka and Valkey listen."""

    kafka: Address
    valkey: Address


def servers(settings: Settings) -> Servers:
    """Where the settings have Kafka and Redis.

    Raises:
        AddressMistake: Not on the loopback of this machine, or with a login or TLS: neither server here has one.
    """
    mistakes = []
    if settings.kafka_security_protocol != "PLAINTEXT":
        mistakes.append(_sentence("kafka_security_protocol", settings.kafka_security_protocol, "is PLAINTEXT here"))
    if settings.redis_username or settings.redis_password:
        mistakes.append(f"{ENV_PREFIX}REDIS_USERNAME and _REDIS_PASSWORD: the Valkey here has no login")
    host, _, port = settings.kafka_bootstrap_servers.rpartition(":")
    if host not in _LOOPBACKS:
        mistakes.append(
            _sentence("kafka_bootstrap_servers", settings.kafka_bootstrap_servers, f"is {LOOPBACK}:PORT here")
        )
    parts = urlsplit(settings.redis_url)
    if parts.scheme != "redis" or parts.hostname not in _LOOPBACKS:
        mistakes.append(_sentence("redis_url", settings.redis_url, f"is redis://{LOOPBACK}:PORT/0 here"))
    if mistakes:
        raise AddressMistake(mistakes)
    return Servers(
        Address("kafka_bootstrap_servers", host, int(port)),
        Address("redis_url", parts.hostname or LOOPBACK, parts.port or _REDIS_PORT),
    )


def _sentence(setting: str, value: str, instead: str) -> str:
    return (
        f"{ENV_PREFIX}{setting.upper()}={value}: `burnline up` starts servers of its own on this machine; it {instead}"
    )


def address_of(component: Component, settings: Settings) -> Address:
    """Where a component listens; a free port if the setting leaves it open."""
    port = getattr(settings, component.port) or free_ports(1)[0]
    return Address(component.port, getattr(settings, component.host), port)


def taken(addresses: list[Address], *, patience_s: float) -> list[str]:
    """A sentence for each address that is in use, still after `patience_s`: one that was killed needs a moment."""
    deadline = time.monotonic() + patience_s
    while (found := [each for each in addresses if not _free(each)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [
        f"{each.host}:{each.port} ({ENV_PREFIX}{each.setting.upper()}) is in use by another program: end it, or set "
        "another port"
        for each in found
    ]


def _free(address: Address) -> bool:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended are in nobody's way
        try:
            one.bind((address.host, address.port))
        except OSError:
            return False
    return True
