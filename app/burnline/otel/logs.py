"""Log events into usage events: those in which Claude Code tells of its requests.

`claude_code.api_request` has token counts beside each other, as Anthropic's API does: `input_tokens` are those that
were neither read from the cache nor written to it. Numbers may be written as text. Other log records are none of ours.
"""

import re

from burnline.otel.mapping import (
    MS_NS,
    Event,
    Rules,
    Skipped,
    as_count,
    as_id,
    belongs,
    bounded,
    reported_cost,
    session_of,
)
from burnline.otel.names import by_todays_names
from burnline.otel.shapes import Attributes, LogRecord

API_REQUEST = "claude_code.api_request"
CLAUDE_CODE = "claude-code"
_SHORT = "api_request"
_FAST = "fast"
_ANTHROPICS = "claude-"
"""How models begin at Anthropic's API, and on Vertex AI, which puts `@` and a version behind the name."""
_SAYS_WHO = re.compile("[.:/]")


def usage_of_logs(records: list[LogRecord], rules: Rules) -> list[Event | Skipped]:
    """What each log record comes to: the fields of a usage event, or why it is none."""
    return [_event(record, rules) if _is_request(record) else Skipped.NOT_A_MODEL_CALL for record in records]


def _is_request(record: LogRecord) -> bool:
    """By its name; the attribute alone is not enough, for `api_request` may be anybody's."""
    told = record.attributes.get("event.name")
    service = record.resource.get("service.name")
    return record.name == API_REQUEST or told == API_REQUEST or (told == _SHORT and service == CLAUDE_CODE)


def _event(record: LogRecord, rules: Rules) -> Event:
    own, resource = record.attributes, record.resource
    event: Event = {"occurred_at": record.time_ns // MS_NS}
    told, emitter = by_todays_names(own.items()), by_todays_names(resource.items())
    belongs(event, (told,), emitter, rules)
    event["session_id"] = session_of(event, (told,), emitter, record.trace_id, rules)
    event["event_id"] = as_id(own.get("request_id")) or as_id(own.get("client_request_id")) or _made_up_id(record)
    event["model"] = as_id(own.get("model"))
    event["provider"] = _provider(event["model"])
    event["run_id"] = as_id(own.get("prompt.id"))
    _count(event, own)
    if own.get("speed") == _FAST:
        event["service_tier"] = _FAST
    if (cost := reported_cost(own.get("cost_usd"))) is not None:
        event["reported_cost_usd"] = cost
        event["reported_cost_source"] = CLAUDE_CODE
    return bounded(event)


def _provider(model: object) -> str | None:
    """Who served it, by the model as Claude Code names it; None where the name says it itself, as Bedrock's ids do."""
    name = model if isinstance(model, str) else ""
    if name and not name.startswith(_ANTHROPICS) and _SAYS_WHO.search(name):
        return None
    return "google" if "@" in name else "anthropic"


def _count(event: Event, own: Attributes) -> None:
    uncached, read, written = (
        as_count(own.get(name)) or 0 for name in ("input_tokens", "cache_read_tokens", "cache_creation_tokens")
    )
    whole = all(type(count) is int for count in (uncached, read, written))
    event["input_tokens"] = uncached + read + written if whole else uncached
    event["output_tokens"] = as_count(own.get("output_tokens")) or 0
    if read:
        event["cached_input_tokens"] = read
    if written:
        event["cache_write_tokens"] = written


def _made_up_id(record: LogRecord) -> str:
    """Of versions that name no request: the same record gets the same id whenever it is sent."""
    return f"{record.time_ns}:{record.attributes.get('event.sequence', '')}"
