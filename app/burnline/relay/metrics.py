"""What the relay counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """Registered on a registry of the process's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all of it."""
        self.records = Counter("burnline_otel_records", "Records read, by topic.", ["topic"], registry=registry)
        self.items = Counter(
            "burnline_otel_items",
            "Spans and log records by what became of them: published, or why not.",
            ["outcome"],
            registry=registry,
        )
        self.refused = Counter("burnline_otel_refused_records", "Records that were no OTLP.", registry=registry)
        self.transactions = Counter(
            "burnline_otel_transactions", "Transactions by how they ended.", ["outcome"], registry=registry
        )
        self.partitions = Gauge("burnline_otel_partitions", "Partitions that this process reads.", registry=registry)
