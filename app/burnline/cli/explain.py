"""`burnline explain`: one event, to the last digit."""

import json
from typing import Annotated

import typer

from burnline.charges.explanation import Explanation, SessionCost, as_json
from burnline.charges.look_up import look_up
from burnline.cli.explain_view import show
from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import TIMEOUT_S, entries, failure
from burnline.cli.root import cli
from burnline.cli.sessions import read_sessions
from burnline.cli.times import clock_ms
from burnline.events.usage import Usage
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError


@cli.command()
def explain(
    partition: Annotated[int, typer.Argument(min=0, help="Partition of the usage topic.")],
    offset: Annotated[int, typer.Argument(min=0, help="Offset in it, as ledgers and notices name it.")],
    json_wanted: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain one event: what arrived, its disjoint token parts, the rate used and why, and the arithmetic.

    The rate is that of the catalogue by which the event was charged, as far as that is kept, and the rates over it that
    are set now. An event that was counted before such a rate was set keeps what it was charged. Exit code 1 if there is
    no such record.
    """
    settings = settings_with_brokers()
    try:
        found = _explanation(settings, partition, offset)
    except (TopicError, ValueError) as error:
        raise failure(str(error)) from error
    if json_wanted:
        typer.echo(json.dumps(as_json(found), ensure_ascii=False))
    else:
        show(found)


def _explanation(settings: Settings, partition: int, offset: int) -> Explanation:
    return look_up(
        settings,
        partition,
        offset,
        now_ms=clock_ms(),
        timeout_s=TIMEOUT_S,
        rates=lambda: entries(settings, topics_for(settings).valuation_rates, ValuationRate.parse).values(),
        session=lambda event: _session(settings, event),
    )


def _session(settings: Settings, event: Usage) -> SessionCost | None:
    views, _ = read_sessions(settings)
    wanted = event.org_id, event.session_id
    found = next((view for view in views if (view.org_id, view.session_id) == wanted), None)
    return found and SessionCost(found.session_id, found.org_id, found.cost_pico_usd)
