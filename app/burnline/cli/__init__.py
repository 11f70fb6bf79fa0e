"""The command line. Each module holds one command, or one group of them, as a thin function over the rooms."""

from burnline.cli import (  # noqa: F401  # importing a command module registers its commands
    anomalies,
    api,
    backtest,
    baselines,
    check,
    demo,
    explain,
    projector,
    publish,
    rates,
    sessions,
    tokens,
    topics,
    verify,
    worker,
)
from burnline.cli.root import cli


def main() -> None:
    """Run the command line (the `burnline` script)."""
    cli()
