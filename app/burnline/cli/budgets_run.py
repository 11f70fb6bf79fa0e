"""`burnline budgets run`: tells of thresholds as they are reached."""

from prometheus_client import CollectorRegistry

from burnline.budgeting.metrics import BudgetMetrics
from burnline.budgeting.runner import BudgetWatch
from burnline.cli.budgets_group import budgets
from burnline.cli.root import settings_or_exit
from burnline.cli.serving import run_alone
from burnline.cli.worker import configure_logging
from burnline.topics.grants import Component
from burnline.topics.reach import say_when_unreached


@budgets.command("run")
def run_budgets() -> None:
    """Tell of each threshold once in its period, as it is reached, until Ctrl-C or SIGTERM.

    Reads the sums that workers write to usage-rollups, and writes to the topic budget-notices, from where
    [bold]burnline notify[/bold] takes them. One such process at a time: another one that begins takes over, and the
    first ends. Killed at any moment, the next one goes on and tells nothing twice.

    Serves /metrics, /healthz and /readyz on BURNLINE_BUDGETS_METRICS_PORT. Exit code 1 means that it failed and says
    why, 2 that a setting is wrong.
    """
    settings = settings_or_exit()
    configure_logging(settings)
    say_when_unreached(settings)
    registry = CollectorRegistry()
    metrics = BudgetMetrics(registry, label_limit=settings.metrics_label_limit)
    run_alone(
        lambda: BudgetWatch(settings, metrics), "budgets run", settings, Component.BUDGETS,
        settings.budgets_metrics_port, registry,
    )  # fmt: skip
