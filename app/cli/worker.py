"""`burnline worker`: read usage, keep ledgers, publish anomalies."""

import logging
import sys

from confluent_kafka import KafkaException

from app.cli.root import cli, err_console, settings_or_exit
from app.composition import WorkerFailed, run_worker
from app.stream.writer import Fenced
from app.topics.errors import TopicError

EXIT_FAILED = 1


def configure_logging(level: str) -> None:
    """One line an event on stderr; Faust speaks up from warnings on, unless everything is wanted."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        force=True,
    )
    for name in ("faust", "mode", "aiokafka"):
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


@cli.command()
def worker() -> None:
    """Run a worker: usage events in, session ledgers and anomalies out.

    Start as many as you like with the same BURNLINE_APP_ID: they share the partitions. SIGTERM or Ctrl-C writes what is
    not yet written, hands the partitions over, and ends with exit code 0; 1 means that it failed and says why, 2 that a
    setting is wrong.
    """
    settings = settings_or_exit()
    configure_logging(settings.log_level)
    try:
        run_worker(settings)
    except (WorkerFailed, Fenced, TopicError, KafkaException, OSError) as failure:
        err_console.print(f"worker failed: {failure}", style="red", highlight=False, markup=False)
        sys.exit(EXIT_FAILED)
