"""The processes of a deployment: one table for everything that starts, watches or describes them."""

from typing import Final, Literal, NamedTuple

Redis = Literal["needed", "unused"]


class Component(NamedTuple):
    """One kind of process.

    Attributes:
        name: As in deployments, jobs of Prometheus and units.
        arguments: Of `burnline`.
        port: The setting with the port of its /metrics, /healthz and /readyz.
        host: The setting with their address.
        redis: Whether it works with Redis.
        alone: One at a time is at work: another one that begins shuts the former out, or stands by.
        purpose: A sentence for operators.
    """

    name: str
    arguments: tuple[str, ...]
    port: str
    host: str
    redis: Redis
    alone: bool
    purpose: str


COMPONENTS: Final = (
    Component("worker", ("worker",), "metrics_port", "metrics_host", "unused", alone=False,
              purpose="Counts and judges usage."),
    Component("projector", ("projector",), "projector_metrics_port", "metrics_host", "needed", alone=True,
              purpose="Brings the topics into Redis."),
    Component("api", ("api",), "api_port", "api_host", "needed", alone=False,
              purpose="Answers over HTTP, with the dashboard."),
    Component("detect", ("detect",), "detect_metrics_port", "metrics_host", "unused", alone=True,
              purpose="Learns what agents usually do."),
    Component("budgets", ("budgets", "run"), "budgets_metrics_port", "metrics_host", "unused", alone=True,
              purpose="Tells of thresholds of budgets."),
    Component("notify", ("notify", "run"), "notify_metrics_port", "metrics_host", "unused", alone=False,
              purpose="Brings notices to where people look."),
    Component("otel", ("otel",), "otel_metrics_port", "metrics_host", "unused", alone=False,
              purpose="Takes telemetry of OpenTelemetry for usage."),
)  # fmt: skip
"""All of them; the first is the only one that nothing can do without."""
