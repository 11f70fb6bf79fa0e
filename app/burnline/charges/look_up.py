"""Find out about one offset of the usage topic, from the topics themselves."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import cast

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME
from pydantic import ValidationError

from burnline.charges.explanation import Explanation, Looked, Priced, Refusal, SessionCost
from burnline.charges.repeats import look_back
from burnline.events.dead_letters import DeadLetterHeaders, Headers
from burnline.events.decode import decode_batch
from burnline.events.usage import Usage, meters_of
from burnline.kafka import client_config
from burnline.ledger.metered import counted_rare
from burnline.ledger.progress import Progress, charged_by
from burnline.pricing.book import RateBook
from burnline.pricing.card import Charge, RateCard, charge_fields
from burnline.pricing.explain import Step, explain_charge
from burnline.pricing.money import usd_text
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from burnline.topics.envelopes import event_of
from burnline.topics.fetching import fetch
from burnline.topics.reading import read_to_end
from burnline.topics.shelf import read_shelf

REPEATS_SOUGHT = 100_000
"""So many records before it are looked through for the same event: about a quarter of a second."""


class Withheld(Exception):
    """There is such a record, and whoever asks may not know of it."""


def look_up(
    settings: Settings,
    partition: int,
    offset: int,
    *,
    now_ms: int,
    timeout_s: float,
    rates: Callable[[], Iterable[ValuationRate]],
    session: Callable[[Usage], SessionCost | None] = lambda _: None,
    may_see: Callable[[Usage | None], bool] = lambda _: True,
) -> Explanation:
    """Explain one record of the usage topic.

    Args:
        settings: How to reach the brokers.
        partition: Partition of the usage topic.
        offset: Offset there.
        now_ms: The clock, epoch milliseconds.
        timeout_s: How long the brokers may stay silent, each time they are asked.
        rates: Gives the rates that were set; asked once the event is known.
        session: Gives the cost of the event's session; asked once the event is known. Whoever finds it out afterwards
            replaces it in the answer.
        may_see: Whether whoever asks may know of this event (None: it cannot be read).

    Raises:
        Withheld: `may_see` says no.
        NoSuchRecord: There is no such record; it knows what offsets there are.
        TopicMissing: There is no such partition, or a topic is missing.
        TopicError: The brokers are silent, or refuse.
        ValueError: A record of the topics `progress`, `sessions` or `catalogues` cannot be read.
    """
    topic = topics_for(settings).usage.name
    record = fetch(client_config(settings), topic, partition, offset, timeout_s=timeout_s)
    stamped, at_ms = record.timestamp()
    (event,), rejections = decode_batch(
        [event_of(record)],
        now_ms=at_ms if stamped == TIMESTAMP_LOG_APPEND_TIME else now_ms,
        max_clock_skew_ms=settings.max_clock_skew_ms,
    )
    if not may_see(event):
        raise Withheld(f"Offset {offset} of partition {partition} is not for whoever asks")
    progress = _progress(settings, partition, timeout_s)
    applied = progress is not None and offset < progress.next_offset
    # Whether an event lay in the future was decided when it was read: what the worker wrote then goes first.
    refusal = _dead_letter(settings, partition, offset, timeout_s) if applied else None
    if refusal is None and rejections:
        refusal = Refusal(rejections[0].reason, rejections[0].field, rejections[0].detail, recorded=False)
    version = charged_by(progress.catalogues, offset) if progress is not None and applied else None
    book = None if event is None else _book(settings, version, timeout_s).with_overrides(rates())
    return Explanation(
        topic=topic,
        partition=partition,
        offset=offset,
        key=record.key(),
        value=record.value(),
        now_ms=now_ms,
        refusal=refusal,
        event=event,
        priced=None if event is None or book is None else _priced(event, book),
        applied=applied,
        looked=_looked(settings, partition, offset, event, timeout_s) if applied and refusal is None else None,
        session=None if event is None else session(event),
        charged_by=version,
    )


def _book(settings: Settings, version: str | None, timeout_s: float) -> RateBook:
    """Prices of the catalogue of a version if it is kept, else of the one in force."""
    installed = RateBook.from_settings(settings)
    if version == installed.catalogue_version:
        return installed
    shelf = read_shelf(client_config(settings), topics_for(settings), timeout_s=timeout_s)
    if version is not None and shelf.holds(version):
        return installed.with_catalogue(shelf.catalogue(version))
    return installed.with_catalogue(shelf.current())


def _progress(settings: Settings, partition: int, timeout_s: float) -> Progress | None:
    records = read_newest(client_config(settings), topics_for(settings).progress, timeout_s=timeout_s)
    found = map(Progress.decode, records.values())
    return next((one for one in found if one.source_partition == partition), None)


def _dead_letter(settings: Settings, partition: int, offset: int, timeout_s: float) -> Refusal | None:
    """Why the worker refused the record, if it did; dead letters stand on their source's partition."""
    topics = topics_for(settings)
    letters = read_to_end(client_config(settings), topics.dead_letters.name, [partition], timeout_s=timeout_s)
    for letter in (one for batch in letters for one in batch):
        with suppress(ValidationError):  # somebody else's record
            headers = DeadLetterHeaders.from_kafka(cast("Headers | None", letter.headers()))
            if (headers.topic, headers.partition, headers.offset) == (topics.usage.name, partition, offset):
                return Refusal(headers.reason, headers.field, headers.detail, recorded=True)
    return None


def _looked(settings: Settings, partition: int, offset: int, event: Usage | None, timeout_s: float) -> Looked | None:
    # A repeat is known for certain only so far back; what stands earlier may have been forgotten, and counted twice.
    records = min(settings.duplicate_ids_per_partition, REPEATS_SOUGHT)
    if event is None or not records:
        return None
    topic = topics_for(settings).usage.name
    return look_back(
        client_config(settings),
        topic,
        partition,
        offset,
        event,
        ids_per_org=settings.event_id_scope == "org",
        records=records,
        timeout_s=timeout_s,
    )


def _priced(event: Usage, book: RateBook) -> Priced:
    card = book.resolve(
        event.provider,
        event.model,
        event.occurred_at,
        service_tier=event.service_tier or "",
        region=event.region or "",
        org_id=event.org_id,
    )
    counted = counted_rare(event, card, charge_fields(card, *_counts(event)[:5]))
    steps = explain_charge(card, *_counts(counted.event))
    if reported := counted.sums.get("reported_pico_usd"):
        usd, source = usd_text(reported), event.reported_cost_source
        steps.append(Step(f"reported{f' by {source}' if source else ''}", 1, usd, "event", usd, reported))
    return Priced(card, steps, Charge(*counted.charged), book.catalogue_version)


def charged(event: Usage, card: RateCard) -> Charge:
    """What an event costs by a card."""
    return Charge(*counted_rare(event, card, charge_fields(card, *_counts(event)[:5])).charged)


def _counts(event: Usage) -> tuple[int, int, int, int, int, tuple[int, ...]]:
    return (
        event.input_tokens,
        event.output_tokens,
        event.cached_input_tokens,
        event.cache_write_tokens,
        event.reasoning_tokens,
        meters_of(event),
    )
