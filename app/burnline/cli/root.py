"""What every command shares: the Typer application, consoles, and settings that stop with all mistakes listed."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from burnline import __version__
from burnline.settings import ENV_PREFIX, Settings, SettingsError, load_settings

EXIT_MISTAKE = 2
"""Exit code for wrong settings or arguments, as Typer's own."""

console = Console(soft_wrap=True)
err_console = Console(stderr=True, soft_wrap=True)

cli = typer.Typer(
    name="burnline",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Watch what AI agents spend while they spend it.\n\nEvery setting is an environment variable "
    "[bold]BURNLINE_…[/bold] or a line of a TOML file; [bold]burnline check[/bold] lists and validates them.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"burnline {__version__}")
        raise typer.Exit


@cli.callback()
def root(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="TOML file with settings (or BURNLINE_CONFIG)."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before every command."""
    del version
    if config is not None:
        os.environ[ENV_PREFIX + "CONFIG"] = str(config)  # worker processes that a command starts read it too


def settings_or_exit(**overrides: object) -> Settings:
    """Load the settings, or print every mistake to stderr and leave with exit code 2."""
    try:
        return load_settings(**overrides)
    except SettingsError as error:
        for mistake in error.mistakes:
            err_console.print(mistake, style="red", highlight=False, markup=False)
        sys.exit(EXIT_MISTAKE)
