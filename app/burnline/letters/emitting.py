"""The newest records of `usage`, by who sent them, out of the topic."""

from typing import cast

from confluent_kafka import Message

from burnline.charges.look_up import charged
from burnline.events.usage import Usage
from burnline.kafka import client_config
from burnline.letters.emitters import Emitters, Record
from burnline.pricing.book import RateBook
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.envelopes import event_of
from burnline.topics.reading import read_to_end


def read_emitters(settings: Settings, book: RateBook, *, newest: int, timeout_s: float) -> Emitters:
    """Read so many offsets at the end of each partition, and add them up.

    Raises:
        TopicError: The topic is missing, or the brokers are silent or refuse.
    """
    found = Emitters(
        lambda usage: _unpriced(book, usage),
        max_clock_skew_ms=settings.max_clock_skew_ms,
        late_after_ms=settings.window_retention_s * 1_000,
    )
    topic = topics_for(settings).usage
    config, partitions = client_config(settings), range(topic.partitions)
    for batch in read_to_end(config, topic.name, partitions, timeout_s=timeout_s, newest=newest):
        found.take([_record(message) for message in batch])
    return found


def _record(message: Message) -> Record:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Record(event_of(message), headers, message.timestamp()[1])


def _unpriced(book: RateBook, usage: Usage) -> int:
    tier, region = usage.service_tier or "", usage.region or ""
    card = book.resolve(
        usage.provider, usage.model, usage.occurred_at, org_id=usage.org_id, service_tier=tier, region=region
    )
    return charged(usage, card).unpriced_tokens
