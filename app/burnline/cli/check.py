"""`burnline check`: are the settings right, and what do they come to?"""

import json
from typing import Annotated

import typer

from burnline.cli.root import cli, console, settings_or_exit
from burnline.ledger.partition import Retention
from burnline.native.ledger import KernelChoice
from burnline.settings import Settings


@cli.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the settings as one JSON object.")] = False,
) -> None:
    """Validate all settings and print what is in force; secrets stay hidden.

    Exit code 0 when everything is right, 2 with every mistake listed otherwise.
    """
    settings = settings_or_exit()
    values = settings.model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(values, indent=2))
        return
    width = max(map(len, values))
    for name, value in values.items():
        shown = "[dim]not set[/dim]" if value is None else str(value)
        console.print(f"[bold]{name:<{width}}[/bold]  {shown}")
    console.print(f"\nLedgers are counted by {kernel_text(settings)}.", highlight=False, markup=False)
    console.print("Settings are valid.", style="green")


def kernel_text(settings: Settings) -> str:
    """What a worker with these settings would count with: the kernel, or Python and why."""
    try:
        why_not = KernelChoice.of(settings.kernel, Retention.from_settings(settings)).why_not_native
    except ValueError as error:
        return f"nothing: {error}"
    return "the C kernel" if why_not is None else f"Python, to the same sums and slower: {why_not}"
