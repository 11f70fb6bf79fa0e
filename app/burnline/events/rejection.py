"""Why an event was not accepted."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """What is wrong with an event. The values are labels of metrics and headers: they stay as they are."""

    NULL_VALUE = "null_value"
    EMPTY_VALUE = "empty_value"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    CONFLUENT_FRAME = "confluent_frame"
    """Written by a serializer of Confluent's schema registry, which puts five bytes before the value."""
    REGISTRY_SCHEMA = "registry_schema"
    """A framed value whose schema the registry does not know, or that is not what its schema says."""
    NOT_OTLP = "not_otlp"
    """A record of the OpenTelemetry Collector that is no export of spans or log records."""
    CLOUDEVENT = "cloudevent"
    """A CloudEvent whose envelope is wrong, or whose data is not JSON."""
    CLOUDEVENTS_BATCH = "cloudevents_batch"
    """Several CloudEvents in one record, which Kafka's binding does not have."""
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    LONE_SURROGATE = "lone_surrogate"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    CONTROL_CHARACTER = "control_character"
    UNKNOWN_KIND = "unknown_kind"
    SUBSET_EXCEEDS_TOTAL = "subset_exceeds_total"
    TIME_UNIT = "time_unit"
    IN_THE_FUTURE = "in_the_future"
    UNREADABLE = "unreadable"
    """The decoder refused what no rule above explains. Not known to happen; a property test looks for it."""


class Fault(NamedTuple):
    """What is wrong with one event, before it is known which place in a batch it has."""

    reason: Reason
    field: str
    """Field at fault; empty when none can be named."""
    detail: str
    """One sentence for people, with the value at fault (shortened)."""


class Rejection(NamedTuple):
    """One value of a batch that was not accepted, and why."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    """Place in the batch."""
    reason: Reason
    field: str
    """Field at fault; empty when none can be named."""
    detail: str
    """One sentence for people, with the value at fault (shortened)."""
