"""`burnline detect`: the learned rules over what is published."""

from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry

from burnline.backtest.files import FileError, read_planned
from burnline.backtest.policy import read_policies
from burnline.cli.root import EXIT_MISTAKE, cli, err_console, settings_or_exit
from burnline.cli.serving import run_alone
from burnline.cli.worker import configure_logging
from burnline.detector.metrics import DetectorMetrics
from burnline.detector.runner import Detector
from burnline.topics.grants import Component
from burnline.topics.reach import say_when_unreached

_FILE = {"exists": True, "dir_okay": False, "readable": True}


@cli.command()
def detect(
    planned_file: Annotated[
        Path | None,
        typer.Option(
            "--planned-file", metavar="CALENDAR.jsonl", help="Announced spikes: org, agent, from_ms, to_ms.", **_FILE
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="TOML file of policies, instead of those that were published.",
            **_FILE,
        ),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget what was learned, and begin with what `usage` still holds.")
    ] = False,
) -> None:
    """Learn what each agent usually does, and publish what is out of its range, with its cause.

    Reads the topic `usage` beside the workers, and writes to `anomalies`, where the dashboard and
    [bold]burnline notify[/bold] find it. With BURNLINE_LEARNED=suggest (the default) notices are shown, and sent to
    nobody; with auto they are sent, and workers raise no line for agents without a baseline of their own: set it for
    all of them. An agent is told of from its third day on.

    One detector at a time: another one that begins takes over, and the first ends. Killed at any moment, the next one
    goes on from what is on the topic `detection`, and writes no notice twice.

    Serves /metrics, /healthz and /readyz on BURNLINE_DETECT_METRICS_PORT. SIGTERM or Ctrl-C ends it with exit code 0;
    1 means that it failed and says why, 2 that a setting or a file is wrong.
    """
    settings = settings_or_exit()
    configure_logging(settings)
    if settings.learned == "off":
        raise _mistaken("BURNLINE_LEARNED=off: there is nothing to do; set it to suggest or auto.")
    try:
        planned = read_planned(planned_file) if planned_file else []
        knobs = read_policies(policy) if policy else None
    except FileError as error:
        raise _mistaken(str(error)) from error
    say_when_unreached(settings)
    registry = CollectorRegistry()
    metrics, begun = DetectorMetrics(registry), list[Detector]()

    def build() -> Detector:
        learned = bool(begun) and not begun[0].ready  # what was learned since is not forgotten again
        begun[:] = [Detector(settings, metrics, planned=planned, policies=knobs, anew=anew and not learned)]
        return begun[0]

    run_alone(build, "detector", settings, Component.DETECT, settings.detect_metrics_port, registry)


def _mistaken(sentence: str) -> typer.Exit:
    err_console.print(sentence, style="red", highlight=False, markup=False)
    return typer.Exit(EXIT_MISTAKE)
