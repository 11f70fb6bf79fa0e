"""The command line. Each module holds one command, or one group of them, as a thin function over the rooms."""

import sys
from importlib import import_module
from typing import NoReturn

from burnline.cli.extras import missing_extra

EXIT_MISSING = 2
COMMANDS = (
    "acl",
    "adopt",
    "anomalies",
    "anomaly_notes",
    "api",
    "backtest",
    "backup",
    "baselines",
    "budgets",
    "capacity",
    "check",
    "controls",
    "dead_letters",
    "demo",
    "detect",
    "emitters",
    "explain",
    "import_",
    "mcp",
    "notify",
    "otel",
    "policies",
    "projector",
    "publish",
    "rates",
    "recount",
    "registry",
    "reprice",
    "restore",
    "sessions",
    "tokens",
    "topics",
    "up",
    "upgrade",
    "verify",
    "worker",
)
"""Modules of this room that register what they are called after, without the underscore that Python needs."""


def main() -> None:
    """Run the command line (the `burnline` script)."""
    try:
        if _without_any is not None:
            raise _without_any
        from burnline.cli.root import cli
        from burnline.cli.streams import guard_streams

        guard_streams()
        cli()
    except ModuleNotFoundError as error:
        _leave(error)


def _leave(error: ModuleNotFoundError) -> NoReturn:
    sentence = missing_extra(error)
    if sentence is None:
        raise error
    print(sentence, file=sys.stderr)
    sys.exit(EXIT_MISSING)


def _register() -> ModuleNotFoundError | None:
    """Import every command; one whose libraries are not installed says so when it is called.

    Returns:
        What is missing, if not even a command line can be read.
    """
    for name in COMMANDS:
        try:
            import_module(f"burnline.cli.{name}")
        except ModuleNotFoundError as error:
            if missing_extra(error) is None:
                raise
            if error.name in ("typer", "rich"):
                return error
            _stand_in(name, error)
    return None


def _stand_in(name: str, missing: ModuleNotFoundError) -> None:
    from burnline.cli.root import cli

    command_name = name.rstrip("_").replace("_", "-")
    sentence = missing_extra(missing, command_name)

    @cli.command(
        command_name,
        help=sentence,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        add_help_option=False,
    )
    def command() -> None:
        print(sentence, file=sys.stderr)
        sys.exit(EXIT_MISSING)


_without_any = _register()
