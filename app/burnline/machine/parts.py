"""The parts of a machine: Kafka, Valkey, and Burnline's own programs as an operator would start them."""

import http.client
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from burnline.components import COMPONENTS, Component
from burnline.embedded.apache import ApacheKafka
from burnline.embedded.asking import ask
from burnline.embedded.jars import Note
from burnline.embedded.valkey import answers, lasting_command
from burnline.machine.addresses import Address
from burnline.machine.folder import log_file
from burnline.machine.supervisor import Part
from burnline.settings import ENV_PREFIX, Settings

PROGRAM_GRACE_S: Final = 15.0
VALKEY_GRACE_S: Final = 15.0
KAFKA_GRACE_S: Final = 60.0
INSTANCE: Final = "up-worker"
"""The one worker's place in its consumer group: after a kill it has its partitions back at once."""
_PROBE_S: Final = 2.0


def kafka_part(folder: Path, at: Address, note: Note, repository: str | None) -> Part:
    """Apache Kafka, its data below `folder`."""
    kafka = ApacheKafka(folder / "kafka", at.host, at.port)
    return Part(
        "kafka",
        lambda: kafka.prepare(note, repository=repository),
        os.environ,
        log_file(folder, "kafka"),
        lambda: kafka.wait(lambda: True, timeout_s=_PROBE_S),
        KAFKA_GRACE_S,
        server=True,
    )


def valkey_part(folder: Path, at: Address) -> Part:
    """Valkey with persistence, its data below `folder`."""
    return Part(
        "valkey",
        lambda: lasting_command(folder / "valkey", at.host, at.port),
        os.environ,
        log_file(folder, "valkey"),
        lambda: answers(at.host, at.port),
        VALKEY_GRACE_S,
        server=True,
    )


def wanted_components(settings: Settings, *, sinks: bool, otel: bool) -> list[Component]:
    """What runs: all but what there is nothing to do for.

    Args:
        settings: `learned=off` leaves the detector out.
        sinks: There is a file of sinks for notices.
        otel: Telemetry is to be taken for usage.
    """
    without = {
        name
        for name, wanted in (("detect", settings.learned != "off"), ("notify", sinks), ("otel", otel))
        if not wanted
    }
    return [component for component in COMPONENTS if component.name not in without]


def program_part(component: Component, folder: Path, at: Address, overrides: Mapping[str, Any], *options: str) -> Part:
    """One of Burnline's own programs.

    Args:
        component: Which.
        folder: Of the machine's data.
        at: Where it listens.
        overrides: Settings, by field name, that go before those of this process' environment and file.
        options: Further arguments.
    """
    env = {ENV_PREFIX + name.upper(): str(value) for name, value in {**overrides, component.port: at.port}.items()}
    # -P: a folder `burnline` where this is started from is not ours.
    command = [sys.executable, "-P", "-m", "burnline", *component.arguments, *options]
    return Part(
        component.name,
        lambda: command,
        {**os.environ, **env},
        log_file(folder, component.name),
        _probe(f"{at.url}/readyz"),
        PROGRAM_GRACE_S,
    )


def _probe(url: str) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            ask(url, timeout_s=_PROBE_S)
        except (OSError, http.client.HTTPException):
            return False
        return True

    return ready


def worker_overrides(settings: Settings, folder: Path) -> dict[str, Any]:
    """What one machine has otherwise than a cluster: one broker, and one worker with its own place and folder."""
    overrides: dict[str, Any] = {"replication_factor": 1, "min_insync_replicas": 1}
    if settings.group_instance_id is None:
        overrides["group_instance_id"] = INSTANCE
    if settings.worker_data_dir is None:
        overrides["worker_data_dir"] = folder / "worker"
    return overrides
