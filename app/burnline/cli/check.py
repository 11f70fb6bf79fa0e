"""`burnline check`: are the settings right, and what do they come to?"""

import json
from typing import Annotated

import typer

from burnline.cli.root import cli, console, settings_or_exit


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
    console.print("\nSettings are valid.", style="green")
