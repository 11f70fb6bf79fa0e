"""`burnline worker`: read usage, keep ledgers, publish anomalies."""

import logging
import os
import signal
import sys
import time
from typing import Annotated, NoReturn

import typer

from burnline.cli.log_lines import formatter
from burnline.cli.root import cli, err_console, settings_or_exit
from burnline.cli.sparing import Sparing
from burnline.composition import ENDING, WorkerFailed, run_worker
from burnline.settings import Settings
from burnline.topics.client_log import Dampen
from burnline.topics.errors import BrokerSilent, TopicError
from burnline.topics.reach import say_when_unreached

EXIT_FAILED = 1
PAUSE_S = 1.0
"""Between a failure and the next start."""

_log = logging.getLogger(__name__)


def configure_logging(settings: Settings) -> None:
    """One line an event on stderr; Faust speaks up from warnings on, unless everything is wanted."""
    level = settings.log_level
    logging.basicConfig(stream=sys.stderr, level=level.upper(), force=True)
    chatty = logging.DEBUG if level == "debug" else logging.WARNING
    for name in (
        "faust",
        "mode",
        "aiokafka",
        "burnline.stream.stores",
        "burnline.stream.transport",
        "burnline.stream.application",
    ):
        logging.getLogger(name).setLevel(chatty)  # services of ours log their start and stop under our names
    # That a commit took longer than the time between two of them is no news: only monitoring reads what is committed.
    logging.getLogger("mode.timers").setLevel(logging.DEBUG if level == "debug" else logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(formatter(settings.log_format))
        handler.addFilter(_DampenGroupClient())
        if level != "debug":
            handler.addFilter(Sparing())


class _DampenGroupClient(Dampen):
    # Without brokers it logs a hundred lines a second, under the names of many modules.
    def filter(self, record: logging.LogRecord) -> bool:
        return not record.name.startswith("aiokafka") or super().filter(record)


@cli.command()
def worker(
    restart: Annotated[
        bool,
        typer.Option(help="After a failure that a new start can cure (brokers away, partitions lost), start anew."),
    ] = True,
) -> None:
    """Run a worker: usage events in, session ledgers and anomalies out.

    Start as many as you like with the same BURNLINE_APP_ID: they share the partitions. SIGTERM or Ctrl-C writes what is
    not yet written, hands the partitions over, and ends with exit code 0; 1 means that it failed and says why, 2 that a
    setting is wrong.
    """
    settings = settings_or_exit()
    configure_logging(settings)
    say_when_unreached(settings, but_refused=False)
    for number in ENDING:
        signal.signal(number, lambda *_: _end(0))  # while no event loop runs that would end the worker in order
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        run_worker(settings)
    except (WorkerFailed, OSError) as failure:
        if restart and _curable(failure):
            _log.error("worker failed and starts anew: %s", failure)
            time.sleep(PAUSE_S)
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # the new program hears them once it can answer
            # A new program image: no thread, socket or half-applied batch of the failed one is left.
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # our own arguments
        err_console.print(f"worker failed: {failure}", style="red", highlight=False, markup=False)
        _end(EXIT_FAILED)
    _end(0)


def _end(exit_code: int) -> NoReturn:
    # At once: the interpreter's own way out waits for threads, and one may be waiting for brokers that are away.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _curable(failure: BaseException) -> bool:
    """Whether a new start may help: not against a record that cannot be read, a wrong topic or a taken port."""
    if not isinstance(failure, WorkerFailed):
        return False
    cause = failure.__cause__
    return isinstance(cause, BrokerSilent) or not isinstance(cause, (ValueError, TopicError))
