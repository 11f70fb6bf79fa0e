"""What the relay counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """Registered on a registry of the process's own."""

    def __init__(self, source: str, registry: CollectorRegistry) -> None:
        """Register all of it.

        Args:
            source: What is read, as metrics are called after it.
            registry: Where.
        """

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"burnline_{source}_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"burnline_{source}_{name}", text, registry=registry)

        self.records = counter("records", "Records read, by topic.", "topic")
        self.items = counter("items", "What stood in them, by what became of it: published, or why not.", "outcome")
        self.refused = counter("refused_records", "Records that could not be read, and are dead letters.")
        self.transactions = counter("transactions", "Transactions by how they ended.", "outcome")
        self.partitions = gauge("partitions", "Partitions that this process reads.")
        self.waiting = gauge("waiting_partitions", "Partitions that wait for what it takes to read their next record.")
