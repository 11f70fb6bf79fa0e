"""`burnline projector`: the topics into Redis, for the API."""

import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from burnline.cli.root import cli, err_console, settings_or_exit
from burnline.cli.worker import configure_logging
from burnline.readmodel.projector import run_projector
from burnline.topics.errors import TopicError
from burnline.topics.reach import say_when_unreached

EXIT_FAILED = 1


@cli.command()
def projector(
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Fill the projection anew, then switch readers over; and go on as usual."),
    ] = False,
) -> None:
    """Keep the picture in Redis that the API reads: sessions, rollups, anomalies, baselines, rates, progress.

    Writes absolute values, and with each batch, in one step, the offsets
    that it speaks for: killed at any moment, it goes on as if nothing had
    been. Redis holds nothing that the topics do not (but API tokens). When
    it has lost its data, they are read anew by themselves, and readers get
    503 until all is there again. Whatever is away is waited for.

    [bold]Several[/bold] may run: one is at work, the others stand by and
    take over within 5 s; at once when it was stopped in order.

    [bold]--rebuild[/bold] reads all topics from their beginnings into keys of
    their own, beside those in use, gives them to readers in one step, and
    deletes the former ones: nothing else under the prefix, and nothing beside
    it. If another projector is at work, that one does it, and this one stands
    by.

    Serves /metrics, /healthz and /readyz on BURNLINE_PROJECTOR_METRICS_PORT.
    SIGTERM or Ctrl-C ends it with exit code 0; 1 means that it failed and
    says why, 2 that a setting is wrong.
    """
    settings = settings_or_exit()
    configure_logging(settings)
    say_when_unreached(settings)
    try:
        run_projector(settings, rebuild=rebuild)
    except (TopicError, OSError) as failure:
        err_console.print(f"projector failed: {failure}", style="red", highlight=False, markup=False)
        _end(EXIT_FAILED)
    _end(0)


def _end(exit_code: int) -> NoReturn:
    # At once: the interpreter's own way out waits for threads, and one may be waiting for brokers that are away.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
