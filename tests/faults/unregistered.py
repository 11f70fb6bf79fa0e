"""An adversary that makes a transaction of which the coordinator knows nothing, and which therefore never ends.

It answers AddPartitionsToTxn itself and tells nobody. What the producer then writes is accepted, if the brokers do not
ask the coordinator about it. To them it is what a coordinator leaves behind that has lost the markers of a transaction:
the producer's records, no end, and no transaction to be ended.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from burnline.topics.client_log import client_log
from tests.faults.cluster import Cluster
from tests.faults.connection import Connection

ADD_PARTITIONS_TO_TXN = 24
TIMEOUT_S = 20.0
POLL_S = 0.02
_VERIFICATION = "transaction.partition.verification.enable"


class Unregistered:
    """Set it as a proxy's `intercept`."""

    async def forward(self, request: bytes, connection: Connection) -> None:
        """As `Interceptor` has it."""
        if int.from_bytes(request[4:6]) == ADD_PARTITIONS_TO_TXN:
            await connection.answer(_all_well(request))
        else:
            await connection.send(request)


@contextmanager
def unverified(cluster: Cluster) -> Iterator[None]:
    """Brokers that do not ask the coordinator whether it knows of a transaction, as those before Kafka 3.6."""
    _configure(cluster, "false")
    cluster.proxies[0].intercept = Unregistered()
    try:
        yield
    finally:
        cluster.proxies[0].intercept = None
        _configure(cluster, "true")


def leave_open(cluster: Cluster, transactional_id: str, partition: int, records: dict[str, bytes]) -> None:
    """Write a value to each topic, in a transaction that never ends."""
    config = {"bootstrap.servers": cluster.proxied_servers, "transactional.id": transactional_id}
    outcomes: list[KafkaError | None] = []
    with unverified(cluster):
        producer = Producer(config, logger=client_log)
        producer.init_transactions(TIMEOUT_S)
        producer.begin_transaction()
        for topic, value in records.items():
            producer.produce(topic, value, b"left open", partition, on_delivery=lambda error, _: outcomes.append(error))
        assert producer.flush(TIMEOUT_S) == 0
    assert outcomes == [None] * len(records)


def _configure(cluster: Cluster, value: str) -> None:
    entry = ConfigEntry(_VERIFICATION, value, incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers}, logger=client_log)
    admin.incremental_alter_configs([change])[change].result(TIMEOUT_S)
    broker = ConfigResource(ResourceType.BROKER, "1")
    deadline = time.monotonic() + TIMEOUT_S
    while admin.describe_configs([broker])[broker].result(TIMEOUT_S)[_VERIFICATION].value != value:
        assert time.monotonic() < deadline, f"{_VERIFICATION} does not become {value}"
        time.sleep(POLL_S)


def _all_well(request: bytes) -> bytes:
    # Version 0: ids of transaction and producer, its epoch, topics with their partitions. The answer repeats the topics
    # and has an error code (none) behind each partition.
    correlation_id = request[8:12]
    at = 14 + max(0, int.from_bytes(request[12:14], signed=True))
    at += 2 + int.from_bytes(request[at : at + 2]) + 8 + 2
    topics = int.from_bytes(request[at : at + 4])
    body = request[at : at + 4]
    at += 4
    for _ in range(topics):
        end = at + 2 + int.from_bytes(request[at : at + 2]) + 4
        body += request[at:end]
        partitions = int.from_bytes(request[end - 4 : end])
        for index in range(partitions):
            body += request[end + 4 * index : end + 4 * index + 4] + b"\0\0"
        at = end + 4 * partitions
    answer = correlation_id + b"\0\0\0\0" + body
    return len(answer).to_bytes(4) + answer
