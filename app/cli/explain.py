"""`burnline explain`: one event, to the last digit."""

import json
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from confluent_kafka import Message

from app.cli.rate_view import card_view
from app.cli.reference import TIMEOUT_S, entries, failure, print_whole
from app.cli.root import cli, console, settings_or_exit
from app.cli.sessions import read_sessions
from app.cli.times import clock_ms
from app.events.decode import decode_batch
from app.events.rejection import Rejection
from app.events.usage import Usage
from app.kafka import client_config
from app.ledger.progress import Progress
from app.ledger.view import SessionView
from app.pricing.book import RateBook
from app.pricing.card import RateCard
from app.pricing.explain import Step, describe, explain_charge, step_text
from app.pricing.money import usd_text
from app.pricing.valuation import ValuationRate
from app.settings import Settings
from app.topics.catalogue import topics_for
from app.topics.compacted import read_newest
from app.topics.errors import TopicError
from app.topics.fetching import fetch


class _Explanation(NamedTuple):
    """What there is to say of one offset."""

    record: Message
    refused: Rejection | None
    event: Usage | None
    card: RateCard | None
    steps: list[Step]
    applied: bool
    session: SessionView | None


@cli.command()
def explain(
    partition: Annotated[int, typer.Argument(min=0, help="Partition of the usage topic.")],
    offset: Annotated[int, typer.Argument(min=0, help="Offset in it, as ledgers and notices name it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain one event: what arrived, its disjoint token parts, the rate used and why, and the arithmetic.

    The rate is the one that holds for the event's time now: the catalogue, and valuation-rates over it. An event that
    was counted before such a rate was set keeps what it was charged. Exit code 1 if there is no such record.
    """
    settings = settings_or_exit()
    try:
        found = _explain(settings, partition, offset)
    except (TopicError, ValueError) as error:
        raise failure(str(error)) from error
    if as_json:
        typer.echo(json.dumps(_as_json(settings, found, partition, offset), ensure_ascii=False))
    else:
        _print(settings, found, partition, offset)


def _explain(settings: Settings, partition: int, offset: int) -> _Explanation:
    topics = topics_for(settings)
    config = client_config(settings)
    record = fetch(config, topics.usage.name, partition, offset, timeout_s=TIMEOUT_S)
    # As far in the future as it may be: whether it was refused for its time was decided when it was read.
    (event,), refusals = decode_batch([record.value()], now_ms=clock_ms(), max_clock_skew_ms=settings.max_clock_skew_ms)
    progress = [Progress.decode(value) for value in read_newest(config, topics.progress, timeout_s=TIMEOUT_S).values()]
    applied = any(one.source_partition == partition and offset < one.next_offset for one in progress)
    if event is None:
        return _Explanation(record, refusals[0], None, None, [], applied, None)
    overrides = entries(settings, topics.valuation_rates, ValuationRate.parse)
    card = RateBook.bundled().with_overrides(overrides.values()).resolve(event.provider, event.model, event.occurred_at)
    steps = explain_charge(
        card,
        event.input_tokens,
        event.output_tokens,
        event.cached_input_tokens,
        event.cache_write_tokens,
        event.reasoning_tokens,
    )
    views, _ = read_sessions(settings)
    session = next((view for view in views if view.session_id == event.session_id), None)
    return _Explanation(record, None, event, card, steps, applied, session)


def _cost(found: _Explanation) -> str:
    return usd_text(sum(step.amount_pico_usd for step in found.steps))


def _print(settings: Settings, found: _Explanation, partition: int, offset: int) -> None:
    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False)

    say(f"{topics_for(settings).usage.name}, partition {partition}, offset {offset}", "bold")
    say((found.record.value() or b"").decode(errors="replace"))
    say("")
    if found.refused is not None:
        say(f"A dead letter: {found.refused.reason}. {found.refused.detail}", "red")
        say(_standing(found, "is on dead-letters", "goes to dead-letters when it is read"))
        return
    if found.card is not None:
        print_whole(card_view(found.card))
        say("")
    for step in found.steps:
        say(f"  {step_text(step)}")
    if found.card is not None and not found.card.priced:
        say("  unpriced: its tokens are counted, its cost is not known", "yellow")
    say(f"  = {_cost(found)} USD", "bold")
    say("")
    say(_standing(found, "is in its session's ledger", "is not in a ledger yet"))
    if found.session is not None:
        total = usd_text(found.session.cost_pico_usd)
        say(f"Session {found.session.session_id} has spent {total} USD in all.")


def _standing(found: _Explanation, applied: str, not_yet: str) -> str:
    return f"The worker is past this offset: the event {applied}." if found.applied else f"The event {not_yet}."


def _as_json(settings: Settings, found: _Explanation, partition: int, offset: int) -> dict[str, Any]:
    return {
        "topic": topics_for(settings).usage.name,
        "partition": partition,
        "offset": offset,
        "key": _text(found.record.key()),
        "value": _text(found.record.value()),
        "dead_letter": None if found.refused is None else found.refused._asdict(),
        "event": None if found.event is None else msgspec.to_builtins(found.event),
        "card": None if found.card is None else describe(found.card),
        "steps": [
            {name: value for name, value in step._asdict().items() if "pico" not in name} for step in found.steps
        ],
        "cost_usd": _cost(found),
        "applied": found.applied,
        "session_cost_usd": None if found.session is None else usd_text(found.session.cost_pico_usd),
    }


def _text(data: bytes | str | None) -> str | None:
    return data.decode(errors="replace") if isinstance(data, bytes) else data
