"""What every test broker offers, whichever way it runs."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, get_args

KAFKA_VERSION = "4.4.0"
"""Apache Kafka in tests and in the compose file; `tests/apache-kafka/pom.xml` says the same."""

Capability = Literal[
    "log_append_time",
    "transactions",  # read_committed readers see a transaction's records after its commit, and all of them
    "aborted-transactions",  # ... and never those of an aborted one
    "fencing",  # a producer that another one with its transactional id has replaced is told so
    "transaction-timeout",  # the broker ends the transaction of a dead producer
    "compaction",
    "delete-records",
    "log-append-time",  # message.timestamp.type is kept to
    "size-limit",  # max.message.bytes is enforced
    "replication",  # more replicas than brokers are refused
    "static-members",  # they come back to what they had; and topics grow
    "restart",  # what was acknowledged is there after a kill -9 and a restart
]
CAPABILITIES: frozenset[Capability] = frozenset(get_args(Capability))


class BrokerUnavailable(RuntimeError):
    """This kind of broker cannot run here; the message says why."""


class Broker(ABC):
    """A running broker, and what it can do.

    Attributes:
        kind: `container`, `apache` or `embedded`.
        bootstrap_servers: `host:port`; stays the same over a restart.
        capabilities: What tests may ask of it with `@pytest.mark.needs(...)`.
    """

    kind: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]]
    bootstrap_servers: str

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str | None:
        """Why this kind cannot run here, as far as a quick look can tell; None when it looks well."""

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            BrokerUnavailable: It does not start.
        """

    @abstractmethod
    def stop(self) -> None:
        """End it and remove all it has left."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, as a power cut would."""

    def restart(self) -> None:
        """Start it again after `kill`, with the data and the address it had."""
        raise NotImplementedError(f"the {self.kind} broker keeps nothing to start again with")
