"""The projector's Prometheus metrics. Names are contracts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from burnline.readmodel.batch import Batch

APPLY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class ProjectorMetrics:
    """Everything a projector counts. Records grow only after the batch that held them was applied."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"burnline_projector_{name}", help_text, labels, registry=registry)

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(f"burnline_projector_{name}", help_text, labels, registry=registry)

        self.records = counter("records", "Records projected into Redis.", "topic")
        self.unreadable = counter("unreadable", "Records that could not be read, and were passed over.", "topic")
        self.lost = counter("batches_lost", "Batches that Redis did not take: another projector was first.")
        self.built = counter("generations_built", "Generations filled and given to readers.")
        self.behind = gauge("behind_records", "Offsets between what was read and the topic's end.", "topic")
        self.leading = gauge("leading", "1 while this projector is the one at work, 0 while it stands by.")
        self.building = gauge("building", "1 while a generation is being filled.")
        self.whole = gauge("whole", "1 while there is a generation for readers, 0 while they get 503.")
        self.redis_away = gauge("redis_away_seconds", "How long Redis has not been reached, or has refused.")
        self.brokers_away = gauge("brokers_away_seconds", "How long no broker has answered.")
        self.apply_seconds = Histogram(
            "burnline_projector_apply_seconds",
            "Time that Redis takes for a batch.",
            buckets=APPLY_BUCKETS_S,
            registry=registry,
        )

    def applied(self, batch: Batch, seconds: float) -> None:
        """Count a batch that Redis took."""
        for role, count in batch.records.items():
            self.records.labels(role).inc(count)
        for record, _ in batch.unreadable:
            self.unreadable.labels(record.role).inc()
        self.apply_seconds.observe(seconds)
