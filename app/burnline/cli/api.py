"""`burnline api`: answer over HTTP."""

import logging
import sys
from functools import partial

import typer

from burnline.cli.root import EXIT_MISTAKE, cli, console, err_console, settings_or_exit
from burnline.cli.worker import configure_logging
from burnline.settings import Settings
from burnline.topics.reach import say_when_unreached

EXIT_FAILED = 1


@cli.command()
def api() -> None:
    """Serve the REST API: who spends what, since when, compared with what, and how sure that is.

    It reads what `burnline projector` keeps in Redis. SIGTERM or Ctrl-C lets answers under way finish and ends with
    exit code 0; 1 means that it cannot listen, 2 that a setting is wrong, or that anyone could call it: it listens to
    more than this machine only when there is a token ([bold]burnline tokens create[/bold]) or an OIDC issuer.
    """
    settings = settings_or_exit()
    configure_logging(settings)
    logging.getLogger("uvicorn").setLevel(logging.WARNING if settings.log_level == "info" else logging.NOTSET)
    from burnline.api.access.setup import why_not_listen
    from burnline.api.server import run_api  # FastAPI takes half a second that other commands do not owe

    if (why := why_not_listen(settings)) is not None:
        err_console.print(why, style="red", highlight=False, markup=False)
        sys.exit(EXIT_MISTAKE)
    try:
        run_api(settings, partial(_announce, settings))
    except OSError as error:
        err_console.print(
            f"cannot listen on {settings.api_host}:{settings.api_port}: {error}",
            style="red",
            highlight=False,
            markup=False,
        )
        sys.exit(EXIT_FAILED)
    typer.echo("stopped")


def _announce(settings: Settings, address: str) -> None:
    say_when_unreached(settings)
    console.print(f"Burnline answers at {address}, and explains itself at {address}/docs", highlight=False)
