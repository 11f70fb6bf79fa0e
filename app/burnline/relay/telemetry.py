"""One record of the OpenTelemetry Collector into records of ours. Pure: what it is, is in its bytes."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from burnline.events.rejection import Fault, Reason
from burnline.otel.logs import usage_of_logs
from burnline.otel.mapping import Event, Rules, Skipped
from burnline.otel.spans import usage_of_spans
from burnline.otel.wire import NotOtlp, read_logs, read_spans
from burnline.relay.records import PUBLISHED, Record, Transformed, Usage, refused, source_of

_encode = msgspec.json.Encoder().encode


def transform(record: Record, *, logs: bool, rules: Rules) -> Transformed:
    """Read one record.

    Args:
        record: An export of spans, or of log records.
        logs: Which of the two.
        rules: What the operator decides.
    """
    try:
        events = read_events(record.value or b"", logs=logs, rules=rules)
    except NotOtlp as error:
        return refused(record, Fault(Reason.NOT_OTLP, "", str(error)[:300]))
    headers = [source_of(record.place)]
    usage = [_usage(event, headers) for event in events if not isinstance(event, Skipped)]
    outcomes = Counter(event.value if isinstance(event, Skipped) else PUBLISHED for event in events)
    return Transformed(usage, None, outcomes)


def read_events(value: bytes, *, logs: bool, rules: Rules) -> Sequence[Event | Skipped]:
    """What each span or log record of an export comes to.

    Raises:
        NotOtlp: It is no such export.
    """
    return usage_of_logs(read_logs(value), rules) if logs else usage_of_spans(read_spans(value), rules)


def _usage(event: Event, headers: list[tuple[str, bytes | None]]) -> Usage:
    # A session that is no text is refused by the worker; until then any key is as good.
    return Usage(str(event.get("session_id", "")).encode("utf-8", "replace"), _encode(event), headers)
