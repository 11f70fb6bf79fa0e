"""From the first start to the last end of a machine."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from burnline.components import Component
from burnline.machine.addresses import Address, Servers, address_of, servers, taken
from burnline.machine.folder import held
from burnline.machine.parts import kafka_part, program_part, valkey_part, wanted_components, worker_overrides
from burnline.machine.supervisor import Change, Supervisor
from burnline.settings import Settings, load_settings
from burnline.topics.ensure import ensure_topics

READY_WITHIN_S: Final = 180.0
PORT_PATIENCE_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.1


class MachineFailed(RuntimeError):
    """It did not come to be at work; says why."""


class Screen(Protocol):
    """Who is told what happens."""

    def begins(self, dashboard: str, folder: Path) -> None:
        """First of all: where the dashboard will be, and where the data are."""

    def note(self, text: str) -> None:
        """Something that takes a while, in words."""

    def changed(self, change: Change) -> None:
        """A part has become something else."""

    def at_work(self, settings: Settings) -> None:
        """All parts do their work for the first time."""


@dataclass(slots=True)
class Machine:
    """All parts together; `run` blocks until `stop` is set.

    Attributes:
        settings: As the operator gave them.
        folder: Holds the data, and survives.
        sinks: File with the sinks for notices, if any are wanted.
        otel: Whether telemetry is taken for usage.
        screen: Is told what happens.
    """

    settings: Settings
    folder: Path
    sinks: Path | None
    otel: bool
    screen: Screen
    clock: Callable[[], float] = time.monotonic
    _supervisor: Supervisor = field(init=False)

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self._supervisor = Supervisor(self.screen.changed, self.clock)

    def run(self, stop: threading.Event) -> None:
        """Start everything in order, keep it running, end it in order.

        Raises:
            AddressMistake: The settings name other machines, or ports that others use.
            FolderInUse: Another one runs there.
            PartFailed, MachineFailed: A part did not come to be at work.
            TopicError, JavaUnavailable, JarsUnavailable, ApacheKafkaUnavailable, EmbeddedValkeyUnavailable, OSError:
                Nor can it be started.
        """
        at = servers(self.settings)
        with held(self.folder):
            components = wanted_components(self.settings, sinks=self.sinks is not None, otel=self.otel)
            places = [(component, address_of(component, self.settings)) for component in components]
            if mistakes := taken([*at, *(place for _, place in places)], patience_s=PORT_PATIENCE_S):
                raise MachineFailed("\n".join(mistakes))
            dashboard = next(place for component, place in places if component.name == "api")
            self.screen.begins(f"{dashboard.url}/", self.folder)
            try:
                if self._starts(at, places, stop):
                    self.screen.at_work(self.settings)
                while not stop.wait(_LOOK_EVERY_S):
                    self._supervisor.step()
            finally:
                self._supervisor.stop()

    def _starts(self, at: Servers, places: list[tuple[Component, Address]], stop: threading.Event) -> bool:
        """Start all parts; whether they came to be at work before `stop` was set."""
        self._supervisor.start(valkey_part(self.folder, at.valkey))
        self._supervisor.start(kafka_part(self.folder, at.kafka, self.screen.note, self.settings.maven_repository))
        if not self._ready(stop):
            return False
        overrides = worker_overrides(self.settings, self.folder)
        ensure_topics(load_settings(**overrides))
        for component, place in places:
            options = ("--sinks", str(self.sinks)) if component.name == "notify" else ()
            self._supervisor.start(program_part(component, self.folder, place, overrides, *options))
        return self._ready(stop)

    def _ready(self, stop: threading.Event) -> bool:
        """Wait until every part that was started is at work; False if it is to stop before that."""
        deadline = self.clock() + READY_WITHIN_S
        while waiting := self._supervisor.waiting():
            if stop.wait(_LOOK_EVERY_S):
                return False
            self._supervisor.check()
            self._supervisor.step()
            if self.clock() > deadline:
                raise MachineFailed(
                    "\n".join(
                        self._supervisor.told(name, f"is not at work after {READY_WITHIN_S:g} s") for name in waiting
                    )
                )
        return True
