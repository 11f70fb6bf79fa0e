"""What the demo's processes stand on: a broker and a Redis, each out of a wheel unless one was named."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from typing import NamedTuple

from redis.exceptions import RedisError

from burnline.demo.stopping import started
from burnline.embedded.apache import TemporaryKafka
from burnline.embedded.broker import EmbeddedBroker
from burnline.embedded.valkey import EmbeddedValkey, EmbeddedValkeyUnavailable, valkey_program
from burnline.readmodel.connection import connect
from burnline.readmodel.keys import Control
from burnline.settings import Settings


class BrokerKind(StrEnum):
    """Which broker the demo brings along."""

    TANSU = "tansu"
    APACHE = "apache"


class BrokerContradiction(ValueError):
    """A kind of broker was asked for, and a running one was named."""


class RedisUnusable(RuntimeError):
    """The Redis that was named does not answer, or holds a projection under the run's prefix."""


class Embedded(NamedTuple):
    """Addresses of the embedded servers; None where one was named, or (`no_redis` says why) there is none."""

    bootstrap_servers: str | None = None
    redis_url: str | None = None
    no_redis: str | None = None


def names_a_broker(settings: Settings) -> bool:
    """Whether a broker was named, in the environment or in the settings file."""
    return "kafka_bootstrap_servers" in settings.model_fields_set


def names_a_redis(settings: Settings) -> bool:
    """Whether a Redis was named likewise: by its address, or by how to log in at the usual one."""
    return not settings.model_fields_set.isdisjoint({"redis_url", "redis_username", "redis_password"})


def start_servers(
    stack: ExitStack, settings: Settings, kind: BrokerKind | None, note: Callable[[str], None]
) -> Embedded:
    """Start what was not named; the stack ends it.

    Args:
        stack: Ends what is started.
        settings: As the operator gave them.
        kind: Which broker, if one was asked for; Tansu else.
        note: Is told before Apache Kafka is fetched.

    Raises:
        BrokerContradiction: A broker was named, and a kind asked for.
        EmbeddedBrokerUnavailable: There is no broker for this machine, or it does not start.
        ApacheKafkaUnavailable, JarsUnavailable, JavaUnavailable: Nor is there Apache Kafka.
        EmbeddedValkeyUnavailable: Valkey does not start.
    """
    servers = Embedded()
    if names_a_broker(settings):
        if kind is not None:
            raise BrokerContradiction(
                f"--broker {kind} starts a broker, and BURNLINE_KAFKA_BOOTSTRAP_SERVERS="
                f"{settings.kafka_bootstrap_servers} names one: leave one of them out"
            )
    elif kind is BrokerKind.APACHE:
        kafka = started(stack, lambda: _start_kafka(settings, note), TemporaryKafka.stop)
        servers = servers._replace(bootstrap_servers=kafka.bootstrap_servers)
    else:
        broker = started(stack, _start_broker, EmbeddedBroker.stop)
        servers = servers._replace(bootstrap_servers=broker.bootstrap_servers)
    if names_a_redis(settings):
        return servers
    try:
        valkey_program()
    except EmbeddedValkeyUnavailable as error:
        return servers._replace(no_redis=str(error))
    return servers._replace(redis_url=started(stack, _start_valkey, EmbeddedValkey.stop).url)


def check_redis(settings: Settings) -> None:
    """See whether the run may use its Redis; may block for seconds.

    Raises:
        RedisUnusable: It does not answer, or its prefix is in use: the run's rows would get among those of others.
    """
    try:
        in_use = asyncio.run(_holds_a_projection(settings))
    except (RedisError, OSError) as error:
        raise RedisUnusable(f"Redis at {settings.redis_url} cannot be used: {error}") from error
    if in_use:
        raise RedisUnusable(
            f"Redis at {settings.redis_url} holds a projection under {settings.redis_prefix} already. "
            "Set BURNLINE_REDIS_PREFIX to a new prefix, or not at all."
        )


async def _holds_a_projection(settings: Settings) -> bool:
    control = Control(settings.redis_prefix)
    async with connect(settings) as client:
        return bool(await client.exists(control.generation, control.building))


def _start_broker() -> EmbeddedBroker:
    broker = EmbeddedBroker()
    broker.start()
    return broker


def _start_kafka(settings: Settings, note: Callable[[str], None]) -> TemporaryKafka:
    kafka = TemporaryKafka(note, repository=settings.maven_repository)
    kafka.start()
    return kafka


def _start_valkey() -> EmbeddedValkey:
    valkey = EmbeddedValkey()
    valkey.start()
    return valkey
