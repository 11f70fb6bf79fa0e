"""What a demo run works with: settings of its own, on the embedded servers or on those that were named."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from burnline.demo.child import Program
from burnline.demo.servers import Embedded, names_a_redis
from burnline.embedded.ports import LOOPBACK, free_ports
from burnline.settings import Settings, load_settings

FLUSH_INTERVAL_MS = 250
"""Four times as often as by default: a second of the demo is a minute of the trace."""
EMBEDDED_SESSION_TIMEOUT_MS = 6_000
"""The embedded broker lets a new group wait for half of it before the first worker may begin."""
_PORTS = ("metrics_port", "projector_metrics_port", "api_port")


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of one run.

    Attributes:
        settings: For everything in this process.
        overrides: What of them the children cannot find in their environment or file.
        has_redis: Whether there is a Redis, and so a projector and an API.
    """

    settings: Settings
    overrides: dict[str, Any]
    has_redis: bool

    @property
    def worker(self) -> Program:
        """The worker, and where its metrics are."""
        return Program("worker", "worker", _url(self.settings.metrics_host, self.settings.metrics_port))

    @property
    def projector(self) -> Program:
        """The projector, and where its metrics are."""
        url = _url(self.settings.metrics_host, self.settings.projector_metrics_port)
        return Program("projector", "projector", url)

    @property
    def api(self) -> Program:
        """The API."""
        return Program("api", "API", _url(self.settings.api_host, self.settings.api_port))


def set_up(settings: Settings, embedded: Embedded, folder: Path) -> Setup:
    """Settings for one run.

    On a broker that was named each run gets topics and a consumer group of its own (`burnline-demo-<time>-<pid>`), so
    that it counts nothing that an earlier one left, and no worker of the operator's takes part in it; and keys of its
    own in a Redis that was named. A topic prefix, a group or a prefix of keys that was named, too, is used as it is;
    such topics and keys must be empty still.

    Args:
        settings: As the operator gave them.
        embedded: The embedded servers, where none was named.
        folder: For the worker's files. It goes with the run, also when the worker had to be killed.
    """
    told = settings.model_fields_set
    overrides: dict[str, Any] = {}
    run = f"burnline-demo-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
    if embedded.bootstrap_servers is not None:
        overrides["kafka_bootstrap_servers"] = embedded.bootstrap_servers
        overrides["kafka_security_protocol"] = "PLAINTEXT"
        overrides["replication_factor"] = overrides["min_insync_replicas"] = 1
        _unless_told(overrides, told, session_timeout_ms=EMBEDDED_SESSION_TIMEOUT_MS)
    else:
        _unless_told(overrides, told, topic_prefix=f"{run}.", app_id=run)
    if embedded.redis_url is not None:
        overrides["redis_url"] = embedded.redis_url
    else:
        _unless_told(overrides, told, redis_prefix=f"{run}:")
    _unless_told(overrides, told, flush_interval_ms=FLUSH_INTERVAL_MS, worker_data_dir=folder)
    # The hour is replayed faster than it happened, and begins in the past: it is judged as it happened.
    _unless_told(overrides, told, judge_by="event_time")
    free = zip(_PORTS, free_ports(len(_PORTS)), strict=True)
    overrides |= {name: port for name, port in free if name not in told or getattr(settings, name) == 0}
    _unless_told(overrides, told, metrics_host=LOOPBACK)
    has_redis = embedded.redis_url is not None or names_a_redis(settings)
    return Setup(load_settings(**overrides), overrides, has_redis)


def _unless_told(overrides: dict[str, Any], told: set[str], **values: Any) -> None:
    overrides.update({name: value for name, value in values.items() if name not in told})


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
