"""What is brought to `usage`: which topics, and how their records are read."""

from collections.abc import Callable
from typing import NamedTuple

from burnline.otel.mapping import Rules
from burnline.relay.records import Record, Transformed
from burnline.relay.telemetry import transform
from burnline.settings import Settings
from burnline.topics.catalogue import otel_topics_for


class Source(NamedTuple):
    """Something to read.

    Attributes:
        name: Part of the consumer group, and of transactional ids.
        topics: Full names.
        dead_letters: Where records go that cannot be read; full name.
        read: What a record comes to; raises `NotYet`.
    """

    name: str
    topics: tuple[str, ...]
    dead_letters: str
    read: Callable[[Record], Transformed]


def telemetry(settings: Settings) -> Source:
    """What the OpenTelemetry Collector writes."""
    topics, rules = otel_topics_for(settings), rules_of(settings)

    def read(record: Record) -> Transformed:
        return transform(record, logs=record.place.topic == topics.logs.name, rules=rules)

    return Source("otel", (topics.spans.name, topics.logs.name), topics.dead_letters.name, read)


def rules_of(settings: Settings) -> Rules:
    """What the operator decides."""
    return Rules(settings.otel_default_org, settings.otel_session_fallback)
