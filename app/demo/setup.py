"""What a demo run works with: settings of its own, on the embedded broker or on the one that was named."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.embedded.ports import LOOPBACK, free_ports
from app.settings import Settings, load_settings

FLUSH_INTERVAL_MS = 250
"""Four times as often as by default: a second of the demo is a minute of the trace."""
EMBEDDED_SESSION_TIMEOUT_MS = 6_000
"""The embedded broker lets a new group wait for half of it before the first worker may begin."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of one run.

    Attributes:
        settings: For everything in this process.
        overrides: What of them the worker cannot find in its environment or file.
    """

    settings: Settings
    overrides: dict[str, Any]

    @property
    def status_url(self) -> str:
        """Where the worker answers over HTTP."""
        return f"http://{self.settings.metrics_host}:{self.settings.metrics_port}"


def names_a_broker(settings: Settings) -> bool:
    """Whether a broker was named, in the environment or in the settings file."""
    return "kafka_bootstrap_servers" in settings.model_fields_set


def set_up(settings: Settings, embedded_bootstrap_servers: str | None, folder: Path) -> Setup:
    """Settings for one run.

    On a broker that was named each run gets topics and a consumer group of its own (`burnline-demo-<time>-<pid>`), so
    that it counts nothing that an earlier one left, and no worker of the operator's takes part in it. A topic prefix or
    a group that was named, too, is used as it is; such topics must be empty still.

    Args:
        settings: As the operator gave them.
        embedded_bootstrap_servers: The embedded broker's address; None to use the one that was named.
        folder: For the worker's files. It goes with the run, also when the worker had to be killed.
    """
    told = settings.model_fields_set
    overrides: dict[str, Any] = {}
    run = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
    if embedded_bootstrap_servers is not None:
        overrides["kafka_bootstrap_servers"] = embedded_bootstrap_servers
        overrides["kafka_security_protocol"] = "PLAINTEXT"
        overrides["replication_factor"] = overrides["min_insync_replicas"] = 1
        _unless_told(overrides, told, session_timeout_ms=EMBEDDED_SESSION_TIMEOUT_MS)
    else:
        _unless_told(overrides, told, topic_prefix=f"burnline-demo-{run}.", app_id=f"burnline-demo-{run}")
    _unless_told(overrides, told, flush_interval_ms=FLUSH_INTERVAL_MS, worker_data_dir=folder)
    if "metrics_port" not in told or settings.metrics_port == 0:
        overrides["metrics_port"] = free_ports(1)[0]
    _unless_told(overrides, told, metrics_host=LOOPBACK)
    return Setup(load_settings(**overrides), overrides)


def _unless_told(overrides: dict[str, Any], told: set[str], **values: Any) -> None:
    overrides.update({name: value for name, value in values.items() if name not in told})
