"""Whether the brokers that are named belong to one cluster: of two, a client takes now the one, now the other."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from burnline.kafka import Config
from burnline.topics.client_log import client_log
from burnline.topics.refusal import Cause, Refusal

_MOST_AT_ONCE = 8


def cluster_obstacles(config: Config, timeout_s: float) -> list[Refusal]:
    """That brokers of several clusters are named. Blocks, for `timeout_s` where one of several does not answer.

    Args:
        config: librdkafka configuration that reaches the brokers.
        timeout_s: How long to wait for each, all at once; who does not answer in time is left out.
    """
    servers = [server.strip() for server in str(config["bootstrap.servers"]).split(",")]
    if len(servers) == 1:
        return []
    refusal = of_clusters(_cluster_ids(config, servers, timeout_s))
    return [] if refusal is None else [refusal]


def of_clusters(found: Mapping[str, str]) -> Refusal | None:
    """What is wrong with brokers of these clusters.

    Args:
        found: Cluster's id by broker's address.
    """
    clusters: dict[str, list[str]] = {}
    for server, cluster_id in found.items():
        clusters.setdefault(cluster_id, []).append(server)
    if len(clusters) < 2:
        return None
    told = "; ".join(f"{', '.join(servers)} of cluster {cluster_id}" for cluster_id, servers in clusters.items())
    return Refusal(
        Cause.DOES_NOT_FIT,
        "BURNLINE_KAFKA_BOOTSTRAP_SERVERS",
        f"BURNLINE_KAFKA_BOOTSTRAP_SERVERS names brokers of {len(clusters)} clusters: {told}",
        "name those of one cluster; each one's events need a deployment of their own",
        heals=False,
    )


def _cluster_ids(config: Config, servers: Sequence[str], timeout_s: float) -> dict[str, str]:
    def cluster_id(server: str) -> str | None:
        admin = AdminClient({**config, "bootstrap.servers": server}, logger=client_log)
        try:
            return admin.list_topics(timeout=timeout_s).cluster_id
        except KafkaException:  # it is away, or refuses: who needs it says so
            return None

    with ThreadPoolExecutor(min(len(servers), _MOST_AT_ONCE)) as threads:
        found = dict(zip(servers, threads.map(cluster_id, servers), strict=True))
    return {server: each for server, each in found.items() if each}
