"""`burnline check`: are the settings right, and what do they come to?"""

import json
import os
import sys
from typing import Annotated

import typer
from rich.markup import escape

from burnline.cli.connect import Finding, findings
from burnline.cli.reference import EXIT_FAILED
from burnline.cli.root import cli, console, settings_or_exit
from burnline.ledger.partition import Retention
from burnline.native.ledger import KernelChoice
from burnline.pricing.catalogue import Catalogue
from burnline.settings import ENV_PREFIX, Settings, service_links


@cli.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the settings as one JSON object.")] = False,
    ask: Annotated[
        bool, typer.Option("--connect", help="Ask brokers, topics, rights, Redis and files whether they are there.")
    ] = False,
) -> None:
    """Validate all settings and print what is in force; secrets stay hidden.

    Exit code 0 when everything is right, 2 with every mistake listed otherwise. With --connect, 1 when something that
    the settings name is not there, or may not be used: topics, the group, transactional ids. Asking disturbs no worker.
    """
    settings = settings_or_exit()
    values = settings.model_dump(mode="json")
    found = list(findings(settings)) if ask else []
    if as_json:
        asked = {"connect": [finding._asdict() for finding in found]} if ask else {}
        typer.echo(json.dumps(values | asked, indent=2))
    else:
        _print(settings, values, found)
    if not all(finding.well for finding in found):
        sys.exit(EXIT_FAILED)


def _print(settings: Settings, values: dict[str, object], found: list[Finding]) -> None:
    width = max(map(len, values))
    for name, value in values.items():
        shown = "[dim]not set[/dim]" if value is None else escape(str(value))
        console.print(f"[bold]{name:<{width}}[/bold]  {shown}")
    for name in service_links(os.environ):
        if name.removeprefix(ENV_PREFIX).lower() in values:
            console.print(f"\n{name} is left out: it is where Kubernetes says a service is.", markup=False)
    console.print(f"\nLedgers are counted by {kernel_text(settings)}.", highlight=False, markup=False)
    bundled = Catalogue.bundled()
    told = (
        f"Installed is catalogue {bundled.version} ({bundled.source}); burnline rates catalogue says which is in force."
    )
    console.print(told, highlight=False, markup=False)
    console.print("Settings are valid.", style="green")
    for finding in found:
        told = f"{'there' if finding.well else 'WRONG'}  {finding.what}: {finding.detail}"
        console.print(told, style=None if finding.well else "red", highlight=False, markup=False)


def kernel_text(settings: Settings) -> str:
    """What a worker with these settings would count with: the kernel, or Python and why."""
    try:
        why_not = KernelChoice.of(settings.kernel, Retention.from_settings(settings)).why_not_native
    except ValueError as error:
        return f"nothing: {error}"
    return "the C kernel" if why_not is None else f"Python, to the same sums and slower: {why_not}"
