"""The detector's Prometheus metrics. Names are contracts."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from burnline.detection.anomaly import Anomaly
from burnline.detector.admission import Counts


class DetectorMetrics:
    """Everything a detector counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all of it."""
        self._events = Counter(
            "burnline_detect_events", "Records of usage, by what became of them.", ["outcome"], registry=registry
        )
        self._notices = Counter(
            "burnline_detect_notices", "Notices written, by cause and state.", ["cause", "state"], registry=registry
        )
        self.reference_errors = Counter(
            "burnline_detect_reference_errors", "Baselines and rates that cannot be used.", ["topic"], registry=registry
        )
        self.open_incidents = Gauge("burnline_detect_open_incidents", "Incidents that are open.", registry=registry)
        self.behind = Gauge(
            "burnline_detect_behind_records", "Offsets between what was read and the end of usage.", registry=registry
        )
        self.state_bytes = Gauge("burnline_detect_state_bytes", "Size of the newest state.", registry=registry)
        self.state_seconds = Gauge(
            "burnline_detect_state_seconds", "How long it took to write the newest state.", registry=registry
        )

    def applied(self, counts: Counts) -> None:
        """Count records."""
        for outcome, number in counts._asdict().items():
            if number:
                self._events.labels(outcome).inc(number)

    def written(self, notices: Iterable[Anomaly]) -> None:
        """Count notices that are written."""
        for notice in notices:
            cause = notice.learned.cause.value if notice.learned else "burn_rule"
            self._notices.labels(cause, notice.state.value).inc()
