"""What is taken out of OTLP, whatever its encoding: a span or a log record, with its attributes as plain values."""

from collections.abc import Mapping
from typing import NamedTuple

Scalar = str | int | float | bool
Attributes = Mapping[str, Scalar]
"""Arrays, maps and bytes are left out: nothing that is counted stands in one."""


class Span(NamedTuple):
    """One span.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_span_id: As `span_id`; empty for a root.
        name: Its name.
        start_ns: When it began, nanoseconds since 1970-01-01 UTC; 0 if not said.
        end_ns: When it ended, likewise.
        is_error: Whether its status says that it failed.
        attributes: Its own that are read, by today's names (`names`).
        resource: Those of what emitted it, likewise.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    start_ns: int
    end_ns: int
    is_error: bool
    attributes: Attributes
    resource: Attributes


class LogRecord(NamedTuple):
    """One log record.

    Attributes:
        name: Its event name, or its body where that is a text.
        time_ns: When it happened, or was seen if that is not said; nanoseconds since 1970-01-01 UTC.
        trace_id: 32 hexadecimal digits; empty if it belongs to no trace.
        attributes: Its own.
        resource: Those of what emitted it.
    """

    name: str
    time_ns: int
    trace_id: str
    attributes: Attributes
    resource: Attributes
