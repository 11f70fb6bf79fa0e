"""`burnline reprice`: what was charged in a time that is past, at the prices of now."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from burnline.cli.rates_group import in_topic
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, failure, print_whole
from burnline.cli.root import cli, console, err_console
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.pricing.dated import utc_text
from burnline.pricing.money import pico_from_text, usd_text
from burnline.repricing.adjustment import Adjustment
from burnline.repricing.rows import LeftOut, Range
from burnline.repricing.run import Repricing, publish, read_adjustments
from burnline.repricing.run import reprice as price_anew
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import TopicError

SHOWN = 40
reprice = typer.Typer(
    rich_markup_mode="rich",
    help="Price what was used in a time that is past anew, by the rates in force now, and publish the differences.\n\n"
    "For a rate with an effective date in the past, a catalogue that was put in force later, or models that had no "
    "rate. Ledgers, windows and reports stay as they were known; the differences stand on topic [bold]adjustments"
    "[/bold], each under what it adjusts, and [bold]burnline reprice list[/bold] shows them.\n\nWhole quarters of an "
    "hour are priced, from the usage topic, by the workers' own functions. What its retention has taken cannot be: "
    "that is said, and left as it is. To do it twice comes to the same, in one transaction each time.",
)
cli.add_typer(reprice, name="reprice")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help=f"Event time, from: {TIME_HELP}.")]
To = Annotated[str | None, typer.Option(metavar="TIME", help="Event time, up to and without it; now if not said.")]


@reprice.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    from_: From = None,
    to: To = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be published.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Publish without being asked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Price anew, show what differs, and publish it."""
    if context.invoked_subcommand is not None:
        if from_ or to or dry_run or yes or as_json:
            raise typer.BadParameter(f"options belong behind {context.invoked_subcommand}")
        return
    if from_ is None:
        raise typer.BadParameter("is needed: since when to price anew", param_hint="--from")
    now_ms = clock_ms()
    within = _range(from_, to, now_ms)
    settings = settings_with_brokers()
    rates = in_topic(settings).values()
    try:
        found = price_anew(settings, within, rates, now_ms=now_ms, say=_aside)
        _show(found, within, as_json=as_json)
        if not found.records:
            _aside("Nothing is written: the topic says so already." if found.adjustments else "Nothing is written.")
            return
        if dry_run:
            _aside(f"Nothing is written. Without --dry-run: {_written(found)}.")
            return
        question = f"Publish {_written(found)}?"
        if not (yes or as_json) and console.is_terminal and not typer.confirm(question):
            raise failure("Nothing is written.")
        ensure_topics(settings, [topics_for(settings).adjustments], timeout_s=TIMEOUT_S)
        publish(settings, found)
    except TopicError as error:
        raise failure(str(error)) from error
    except ValueError as error:
        raise failure(f"Nothing is written: {error}") from error
    _aside(f"Written: {_written(found)}. `burnline reprice list` shows all of them.")


@reprice.command("list")
def list_adjustments(
    from_: From = None,
    to: To = None,
    by: Annotated[
        str, typer.Option(metavar="FIELDS", help="What to add up by: org, agent, team, project, provider, model, kind.")
    ] = "org,model",
    as_json: AsJson = False,
) -> None:
    """List what adjustments come to: as charged, as corrected, and the difference.

    As JSON, every adjustment by itself, as it stands on the topic.
    """
    within = _range(from_ or "2001-09-10", to, clock_ms())
    fields = _fields(by)
    settings = settings_with_brokers()
    try:
        standing = read_adjustments(settings, _aside)
    except TopicError as error:
        raise failure(str(error)) from error
    rows = [each for each in standing.values() if within.holds(each.quarter_start_ms)]
    if as_json:
        for each in sorted(rows, key=lambda one: (one.quarter_start_ms, one.key())):
            typer.echo(each.model_dump_json())
        return
    if not rows:
        _aside("Nothing was adjusted. `burnline reprice --from TIME --dry-run` says what would be.")
        return
    print_whole(_table(rows, fields))
    versions = Counter(each.price_version for each in rows)
    told = ", ".join(f"{version} ({count:,} rows)" for version, count in versions.most_common())
    console.print(f"By prices {told}.", highlight=False, markup=False)


_FIELDS = {
    "org": "org_id", "agent": "agent_id", "team": "team_id", "project": "project_code", "provider": "provider",
    "model": "model", "kind": "kind",
}  # fmt: skip


def _fields(by: str) -> list[str]:
    names = [name.strip() for name in by.split(",")]
    unknown = [name for name in names if name not in _FIELDS and name not in _FIELDS.values()]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(_FIELDS)}", param_hint="--by")
    return [_FIELDS.get(name, name) for name in dict.fromkeys(names)]


def _range(from_: str, to: str | None, now_ms: int) -> Range:
    from_ms, to_ms = epoch_ms(from_), now_ms if to is None else epoch_ms(to)
    if from_ms >= to_ms:
        raise typer.BadParameter("must lie after --from", param_hint="--to")
    return Range.around(from_ms, to_ms)


def _show(found: Repricing, within: Range, *, as_json: bool) -> None:
    if as_json:
        for each in found.adjustments:
            typer.echo(each.model_dump_json())
        for row in found.left_out:
            typer.echo(json.dumps({"left_out": list(row.key), "why": row.why}))
        return
    if found.adjustments:
        print_whole(_table(found.adjustments, ["org_id", "model"]))
    span = f"{utc_text(within.from_ms)} to {utc_text(within.to_ms)}"
    told = f"{found.rows:,} rows of quarters {span}: {len(found.adjustments):,} differ by prices {found.price_version}."
    console.print(told, highlight=False, markup=False)
    _tell_left_out(found.left_out)


def _tell_left_out(left_out: list[LeftOut]) -> None:
    if not left_out:
        return
    first = left_out[0]
    start_ms, org_id, agent_id, *_, model, _ = first.key
    example = f"{org_id}/{agent_id}, {model}, {utc_text(start_ms)}: {first.why}"
    told = f"{len(left_out):,} rows are left as they are, such as {example}."
    err_console.print(told, style="yellow", highlight=False, markup=False)


def _table(rows: Iterable[Adjustment], fields: list[str]) -> Table:
    sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in rows:
        mine = sums[tuple(str(getattr(each, field) or "") for field in fields)]
        mine[0] += each.events
        mine[1] += pico_from_text(each.charged_usd)
        mine[2] += each.difference_pico_usd
    table = Table(*fields, box=None, header_style="bold")
    for name in ("events", "charged USD", "corrected USD", "difference USD"):
        table.add_column(name, justify="right")
    ordered = sorted(sums.items(), key=lambda item: (-abs(item[1][2]), item[0]))
    for names, (events, charged, difference) in ordered[:SHOWN]:
        amounts = (usd_text(charged), usd_text(charged + difference), _signed(difference))
        table.add_row(*map(Text, names), f"{events:,}", *amounts)
    if len(ordered) > SHOWN:
        table.caption = f"and {len(ordered) - SHOWN:,} more"
    total = [sum(column) for column in zip(*sums.values(), strict=True)]
    amounts = (usd_text(total[1]), usd_text(total[1] + total[2]), _signed(total[2]))
    table.add_row("total", *[""] * (len(fields) - 1), f"{total[0]:,}", *amounts, style="bold")
    return table


def _signed(pico_usd: int) -> str:
    return f"+{usd_text(pico_usd)}" if pico_usd > 0 else usd_text(pico_usd)


def _written(found: Repricing) -> str:
    gone = sum(value is None for value in found.records.values())
    told = f"{len(found.records) - gone:,} adjustments"
    return f"{told}, and {gone:,} taken back" if gone else told


def _aside(line: str) -> None:
    err_console.print(line, style="dim", highlight=False, markup=False)
