"""`burnline budgets show`: how budgets stand now."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from burnline.budgets.budget import Budget, Budgets, Scope
from burnline.budgets.outlook import Outlook
from burnline.budgets.spending import Spending
from burnline.budgets.standing import Standing, first_needed_ms, ratio_text, standings
from burnline.cli.budgets_group import AsJson, budgets, say, subject_of
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, entries, failure, print_whole
from burnline.cli.root import err_console
from burnline.cli.times import clock_ms
from burnline.kafka import client_config
from burnline.ledger.usage_record import next_offset_of
from burnline.pricing.dated import utc_text
from burnline.pricing.money import usd_text
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError
from burnline.topics.reading import read_to_end

HEADS = (
    "subject",
    "period",
    "used",
    "spent USD",
    "of USD",
    "left USD",
    "USD/h now",
    "at its end USD",
    "used up",
    "budget",
)


@budgets.command("show")
def show_budgets(
    scope: Annotated[Scope | None, typer.Argument(help="Only those of this scope.")] = None,
    who: Annotated[str | None, typer.Argument(metavar="WHO", help="Only those of this ORG, or ORG/NAME.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how budgets stand now: what is spent, what is left, where it is heading; the fullest first.

    Reads the sums that workers wrote to the topic usage-rollups, and says up to which offset of
    each partition of usage they hold all events: there they equal the ledgers.
    """
    settings = settings_with_brokers()
    held = Budgets(entries(settings, topics_for(settings).budgets, Budget.parse).values())
    wanted = None if scope is None or who is None else subject_of(scope, who)
    if not held.entries:
        raise failure("There are no budgets. burnline budgets set org ORG 500 sets one.")
    at_ms = clock_ms()
    with err_console.status("Reading what was spent"):
        spending = _spending(settings, first_needed_ms(held, at_ms))
    found = [
        one
        for one in standings(held, spending.subjects(), spending.spent_pico, at_ms)
        if scope in (None, one.subject.scope) and wanted in (None, one.subject)
    ]
    offsets = {str(partition): offset for partition, offset in sorted(spending.offsets.items())}
    if as_json:
        for one in found:
            typer.echo(json.dumps({**_as_json(one), "at": at_ms, "offsets": offsets}))
        return
    if not found:
        say("None of the budgets counts for that.")
        return
    print_whole(_table(found))
    say(
        "All events up to "
        + ", ".join(f"{number}/{offset}" for number, offset in offsets.items())
        + " (partition/offset) are in."
    )


def _spending(settings: Settings, from_ms: int) -> Spending:
    topic = topics_for(settings).usage_rollups
    spending = Spending()
    spending.forget_before(from_ms)
    try:
        for batch in read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=TIMEOUT_S):
            for message in batch:
                spending.take(message.key() or b"", message.value(), next_offset_of(message.headers()))
    except (TopicError, ValueError) as error:
        raise failure(str(error)) from None
    for partition in set(range(topic.partitions)) - spending.offsets.keys():
        spending.end(partition)  # of workers that did not mark their flushes
    return spending


def _table(found: list[Standing]) -> Table:
    table = Table(*HEADS, box=None)
    for one in found:
        ahead, style = one.outlook, "red" if one.saturation >= 1 else None
        table.add_row(
            Text(one.subject.text()),
            one.budget.period,
            f"{float(100 * one.saturation):.1f} %",
            _cents(ahead.spent_pico),
            one.budget.amount_usd,
            _cents(ahead.remaining_pico),
            _cents(ahead.burn_pico_per_hour),
            "" if ahead.projected_pico is None else _cents(ahead.projected_pico),
            _used_up(ahead),
            Text(one.budget.key()),
            style=style,
        )
    return table


def _used_up(ahead: Outlook) -> str:
    if ahead.remaining_pico <= 0:
        return "now"
    return "" if ahead.exhausted_at_ms is None else utc_text(ahead.exhausted_at_ms)


def _cents(pico: int) -> str:
    return f"{pico / 10**12:,.2f}"


def _as_json(one: Standing) -> dict[str, Any]:
    ahead = one.outlook
    return {
        **one.subject._asdict(),
        "budget": one.budget.key(),
        "amount_usd": one.budget.amount_usd,
        "period": one.budget.period,
        "time_zone": one.budget.time_zone,
        "period_start": one.span.start_ms,
        "period_end": one.span.end_ms,
        "spent_usd": usd_text(ahead.spent_pico),
        "remaining_usd": usd_text(ahead.remaining_pico),
        "saturation": ratio_text(one.saturation),
        "reached_percent": one.reached_percent,
        "burn_usd_per_hour": usd_text(ahead.burn_pico_per_hour),
        "projected_usd": None if ahead.projected_pico is None else usd_text(ahead.projected_pico),
        "projected_at_burn_usd": None
        if ahead.projected_at_burn_pico is None
        else usd_text(ahead.projected_at_burn_pico),
        "exhausted_at": ahead.exhausted_at_ms,
    }
