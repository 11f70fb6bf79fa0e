"""`burnline explain`: one event, to the last digit."""

import json
from contextlib import suppress
from typing import Annotated, cast

import typer
from pydantic import ValidationError

from app.cli.explain_view import Explanation, Priced, Refusal, as_json, show
from app.cli.reference import TIMEOUT_S, entries, failure
from app.cli.root import cli, settings_or_exit
from app.cli.sessions import read_sessions
from app.cli.times import clock_ms
from app.events.dead_letters import DeadLetterHeaders, Headers
from app.events.decode import decode_batch
from app.events.usage import Usage
from app.kafka import client_config
from app.ledger.progress import Progress
from app.ledger.view import SessionView
from app.pricing.book import RateBook
from app.pricing.card import charge
from app.pricing.explain import explain_charge
from app.pricing.valuation import ValuationRate
from app.settings import Settings
from app.topics.catalogue import topics_for
from app.topics.compacted import read_newest
from app.topics.errors import TopicError
from app.topics.fetching import fetch
from app.topics.reading import read_to_end


@cli.command()
def explain(
    partition: Annotated[int, typer.Argument(min=0, help="Partition of the usage topic.")],
    offset: Annotated[int, typer.Argument(min=0, help="Offset in it, as ledgers and notices name it.")],
    json_wanted: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain one event: what arrived, its disjoint token parts, the rate used and why, and the arithmetic.

    The rate is the one that holds for the event's time now: the catalogue, and valuation-rates over it. An event that
    was counted before such a rate was set keeps what it was charged. Exit code 1 if there is no such record.
    """
    settings = settings_or_exit()
    try:
        found = _explanation(settings, partition, offset)
    except (TopicError, ValueError) as error:
        raise failure(str(error)) from error
    if json_wanted:
        typer.echo(json.dumps(as_json(found), ensure_ascii=False))
    else:
        show(found)


def _explanation(settings: Settings, partition: int, offset: int) -> Explanation:
    topic = topics_for(settings).usage.name
    record = fetch(client_config(settings), topic, partition, offset, timeout_s=TIMEOUT_S)
    now_ms = clock_ms()
    (event,), rejections = decode_batch([record.value()], now_ms=now_ms, max_clock_skew_ms=settings.max_clock_skew_ms)
    applied = _applied(settings, partition, offset)
    # Whether an event lay in the future was decided when it was read: what the worker wrote then goes first.
    refusal = _dead_letter(settings, partition, offset) if applied else None
    if refusal is None and rejections:
        refusal = Refusal(rejections[0].reason, rejections[0].field, rejections[0].detail, recorded=False)
    return Explanation(
        topic=topic,
        partition=partition,
        offset=offset,
        key=record.key(),
        value=record.value(),
        now_ms=now_ms,
        refusal=refusal,
        event=event,
        priced=_priced(settings, event) if event is not None else None,
        applied=applied,
        session=_session(settings, event) if event is not None else None,
    )


def _applied(settings: Settings, partition: int, offset: int) -> bool:
    records = read_newest(client_config(settings), topics_for(settings).progress, timeout_s=TIMEOUT_S)
    progress = map(Progress.decode, records.values())
    return any(one.source_partition == partition and offset < one.next_offset for one in progress)


def _dead_letter(settings: Settings, partition: int, offset: int) -> Refusal | None:
    """Why the worker refused the record, if it did; dead letters stand on their source's partition."""
    topics = topics_for(settings)
    letters = read_to_end(client_config(settings), topics.dead_letters.name, [partition], timeout_s=TIMEOUT_S)
    for letter in (one for batch in letters for one in batch):
        with suppress(ValidationError):  # somebody else's record
            headers = DeadLetterHeaders.from_kafka(cast("Headers | None", letter.headers()))
            if (headers.topic, headers.partition, headers.offset) == (topics.usage.name, partition, offset):
                return Refusal(headers.reason, headers.field, headers.detail, recorded=True)
    return None


def _priced(settings: Settings, event: Usage) -> Priced:
    overrides = entries(settings, topics_for(settings).valuation_rates, ValuationRate.parse)
    book = RateBook.bundled().with_overrides(overrides.values())
    card = book.resolve(event.provider, event.model, event.occurred_at)
    counts = (
        event.input_tokens,
        event.output_tokens,
        event.cached_input_tokens,
        event.cache_write_tokens,
        event.reasoning_tokens,
    )
    return Priced(card, explain_charge(card, *counts), charge(card, *counts))


def _session(settings: Settings, event: Usage) -> SessionView | None:
    views, _ = read_sessions(settings)
    return next((view for view in views if view.session_id == event.session_id), None)
