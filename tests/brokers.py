"""Which broker the tests run against: chosen by `BURNLINE_TEST_BROKER`, started when the first test asks for it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from burnline.settings import Settings
from burnline.topics.client_log import client_log
from tests.kafka.apache import ApacheBroker
from tests.kafka.base import Broker, BrokerUnavailable
from tests.kafka.container import ContainerBroker
from tests.kafka.embedded import EmbeddedTestBroker

KINDS: tuple[type[Broker], ...] = (ContainerBroker, ApacheBroker, EmbeddedTestBroker)
"""In order of preference."""
VARIABLE = "BURNLINE_TEST_BROKER"
_REMOVAL_S = 10.0
_PROBE = "probe"
_PROBE_S = 30.0


class MakeSettings(Protocol):
    """Builds settings for the test's own topics and group; keyword arguments replace single ones."""

    def __call__(self, **overrides: object) -> Settings: ...


class BrokerChoice:
    """The broker of a test run.

    `auto` takes the first kind that looks well; should it then not start, the next one, and `reasons` says why.
    """

    def __init__(self, wanted: str, kinds: Sequence[type[Broker]] = KINDS) -> None:
        """Look which kinds can run here.

        Raises:
            ValueError: `wanted` is no kind of broker.
            BrokerUnavailable: `wanted` is a kind that cannot run here.
        """
        names = ["auto", *(kind.kind for kind in kinds)]
        if wanted not in names:
            raise ValueError(f"{VARIABLE}={wanted}: one of {', '.join(names)}")
        self._wanted = wanted
        self.reasons: dict[str, str] = {}
        self._left = self._possible([kind for kind in kinds if wanted in {"auto", kind.kind}])
        self._running: Broker | None = None

    def _possible(self, kinds: Sequence[type[Broker]]) -> list[type[Broker]]:
        for index, kind in enumerate(kinds):
            reason = kind.unavailable()
            if reason is None:
                return list(kinds[index:])
            self.reasons[kind.kind] = reason
        raise BrokerUnavailable(f"{VARIABLE}={self._wanted}: no broker can run here: {_listed(self.reasons)}")

    def __str__(self) -> str:
        chosen = self._running.kind if self._running else self._left[0].kind
        others = f"; not {_listed(self.reasons)}" if self.reasons else ""
        return f"{chosen} ({VARIABLE}={self._wanted}{others})"

    def running(self) -> Broker:
        """The broker, started.

        Raises:
            BrokerUnavailable: None of the possible kinds starts.
        """
        while self._running is None:
            broker = self._left[0]()
            try:
                broker.start()
            except BrokerUnavailable as error:
                self.reasons[broker.kind] = str(error)
                self._left = self._possible(self._left[1:])
            else:
                self._running = broker
        return self._running

    def stop(self) -> None:
        """Stop the broker, if a test has started it."""
        if self._running is not None:
            self._running.stop()


def works(broker: Broker) -> bool:
    """Whether it still creates a topic: one that only answers what it knows is of no use to the tests that follow."""
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers}, logger=client_log)
    try:
        client.create_topics([NewTopic(_PROBE, 1, 1)], request_timeout=_PROBE_S)[_PROBE].result(_PROBE_S)
    except KafkaException as failure:
        return bool(failure.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS)
    except TimeoutError:
        return False
    return True


def remove_topics(broker: Broker, prefix: str) -> None:
    """Delete the topics whose names begin so: those of hundreds of tests would slow a broker down."""
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers}, logger=client_log)
    with suppress(KafkaException):  # whoever has stopped the broker has removed enough
        names = [name for name in client.list_topics(timeout=_REMOVAL_S).topics if name.startswith(prefix)]
        for removal in client.delete_topics(names).values() if names else ():
            removal.result(_REMOVAL_S)


def _listed(reasons: Mapping[str, str]) -> str:
    return ", ".join(f"{kind} ({reason})" for kind, reason in reasons.items())
