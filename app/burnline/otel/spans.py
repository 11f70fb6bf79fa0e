"""GenAI spans into usage events, by today's and earlier names of the conventions.

A span counts if it is a model's call and has token counts. What stands around calls does not: `invoke_agent` and its
like repeat their children's tokens. So does an instrumented client around another one: of two calls in one export, of
which one is the other's ancestor, the inner one counts. An event's id is the response's, so that two instrumentations
which do not know of each other count a response once; a span without one is known by trace and span id.

Who acts in which conversation often stands on the agent's span alone: a call takes both from its ancestors in the same
export, the nearest first.
"""

from collections.abc import Iterator, Mapping, Sequence

from burnline.otel import names
from burnline.otel.mapping import (
    MS_NS,
    Event,
    Rules,
    Skipped,
    as_count,
    as_id,
    belongs,
    bounded,
    inclusive,
    reported_cost,
    session_of,
)
from burnline.otel.shapes import Attributes, Span

MOST_ANCESTORS = 64
CLAUDE_CODE = "claude_code."
_OF_A_MODEL = frozenset({names.MODEL, names.PROVIDER})
_TIERS = {"default": "standard"}
"""OpenAI's name of its usual tier."""


def usage_of_spans(spans: Sequence[Span], rules: Rules) -> list[Event | Skipped]:
    """What each span of one export comes to: the fields of a usage event, or why it is none."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    above = [list(_ancestors(span, by_id)) for span in spans]
    reasons = [_why_not(span) for span in spans]
    around = {
        (one.trace_id, one.span_id)
        for ancestors, reason in zip(above, reasons, strict=True)
        if reason is None
        for one in ancestors
    }
    return [
        reason
        or (
            Skipped.CONTAINER
            if (span.trace_id, span.span_id) in around
            else _event(span, [one.attributes for one in ancestors], rules)
        )
        for span, ancestors, reason in zip(spans, above, reasons, strict=True)
    ]


def _why_not(span: Span) -> Skipped | None:
    attributes = span.attributes
    if span.name.startswith(CLAUDE_CODE):
        return Skipped.COUNTED_BY_LOGS
    operation = attributes.get(names.OPERATION)
    kind = attributes.get(names.SPAN_KIND)
    if operation is None and kind is None and not attributes.keys() & _OF_A_MODEL:
        return Skipped.NOT_A_MODEL_CALL
    if operation is not None:
        if operation not in names.CALLS:
            return Skipped.CONTAINER
    elif kind is not None and str(kind).lower() not in names.CALLING_KINDS:
        return Skipped.CONTAINER
    return None if names.INPUT in attributes or names.OUTPUT in attributes else Skipped.NO_USAGE


def _ancestors(span: Span, by_id: Mapping[tuple[str, str], Span]) -> Iterator[Span]:
    """Nearest first; bounded, for a circle of parents is easily sent."""
    for _ in range(MOST_ANCESTORS):
        above = by_id.get((span.trace_id, span.parent_span_id))
        if above is None or above is span:
            return
        yield above
        span = above


def _event(span: Span, above: Sequence[Attributes], rules: Rules) -> Event:
    own, resource = span.attributes, span.resource
    places = (own, *above)
    event: Event = {"occurred_at": (span.end_ns or span.start_ns) // MS_NS}
    belongs(event, places, resource, rules)
    event["session_id"] = session_of(event, places, resource, span.trace_id, rules)
    response = as_id(own.get(names.RESPONSE_ID))
    event["event_id"] = response or f"{span.trace_id}:{span.span_id}"
    event["model"] = as_id(own.get(names.MODEL))
    event["kind"] = names.CALLS.get(str(_operation(own)), "llm")
    event["run_id"] = span.trace_id or None
    event["provider"] = as_id(own.get(names.PROVIDER))
    if span.is_error:
        event["error"] = True
    _count(event, own)
    tier = own.get(names.SERVICE_TIER)
    if tier is not None and tier != "auto":
        event["service_tier"] = _TIERS.get(str(tier), tier)
    if (cost := reported_cost(own.get(names.REPORTED_COST))) is not None:
        event["reported_cost_usd"] = cost
        event["reported_cost_source"] = "otel"
    return bounded(event)


def _operation(own: Attributes) -> object:
    return own.get(names.OPERATION) or str(own.get(names.SPAN_KIND)).lower()


def _count(event: Event, own: Attributes) -> None:
    event["input_tokens"] = as_count(own.get(names.INPUT)) or 0
    event["output_tokens"] = as_count(own.get(names.OUTPUT)) or 0
    for field, name in names.PARTS.items():
        if name in own and (count := as_count(own[name])):
            event[field] = count
    inclusive(event)
