"""The broker that `burnline demo` starts, as a test broker."""

from burnline.embedded.broker import EmbeddedBroker, EmbeddedBrokerUnavailable, broker_program
from tests.kafka.base import Broker, BrokerUnavailable


class EmbeddedTestBroker(Broker):
    """Tansu, in memory. What it lacks was found by asking it; the tests that need it say so."""

    kind = "embedded"
    capabilities = frozenset({"transactions"})

    def __init__(self) -> None:
        self._broker = EmbeddedBroker()

    @classmethod
    def unavailable(cls) -> str | None:
        try:
            broker_program()
        except EmbeddedBrokerUnavailable as error:
            return str(error)
        return None

    def start(self) -> None:
        try:
            self._broker.start()
        except EmbeddedBrokerUnavailable as error:
            raise BrokerUnavailable(str(error)) from error
        self.bootstrap_servers = self._broker.bootstrap_servers

    def stop(self) -> None:
        self._broker.stop()

    def kill(self) -> None:
        self._broker.stop()
