"""The budget process' Prometheus metrics. Names are contracts."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from burnline.budgets.notice import BudgetNotice
from burnline.budgets.standing import Standing


class BudgetMetrics:
    """Everything that is counted and shown."""

    def __init__(self, registry: CollectorRegistry, *, label_limit: int) -> None:
        """Register all of it.

        Args:
            registry: Where.
            label_limit: So many budgets have series of their own, the fullest ones.
        """
        self._limit = label_limit
        labels = ["scope", "org_id", "name", "period"]
        self._saturation = Gauge(
            "burnline_budget_saturation_ratio", "Spent over amount, of the fullest budgets.", labels, registry=registry
        )
        self._remaining = Gauge(
            "burnline_budget_remaining_usd", "What is left of the fullest budgets; below 0 is over.", labels,
            registry=registry,
        )  # fmt: skip
        self.budgets = Gauge("burnline_budgets", "Budgets that are set.", registry=registry)
        self._notices = Counter(
            "burnline_budget_notices",
            "Notices written, by scope and severity.",
            ["scope", "severity"],
            registry=registry,
        )
        self.reference_errors = Counter(
            "burnline_budget_reference_errors", "Budgets that cannot be used.", ["topic"], registry=registry
        )
        self.unreadable = Counter(
            "burnline_budget_unreadable_records", "Usage rollups that cannot be read.", registry=registry
        )

    def written(self, notices: Iterable[BudgetNotice]) -> None:
        """Count notices that are written."""
        for notice in notices:
            self._notices.labels(notice.scope.value, notice.severity.value).inc()

    def show(self, standings: Iterable[Standing]) -> None:
        """Show how budgets stand, given the fullest first."""
        self._saturation.clear()
        self._remaining.clear()
        for _, one in zip(range(self._limit), standings, strict=False):
            labels = one.subject.scope.value, one.subject.org_id, one.subject.name, one.budget.period
            self._saturation.labels(*labels).set(float(one.saturation))
            self._remaining.labels(*labels).set(one.outlook.remaining_pico / 10**12)
