"""Anthropic's way of counting: `input_tokens` are only those that no cache has to do with."""

from collections.abc import Mapping
from typing import Any

from burnline.usage.reading import Reading, count, filled, part, text, usage_of

_HINT = "A message, or the events of its stream from message_start on, says it."
_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_KEPT = (
    *_COUNTS, "cache_creation", "output_tokens_details", "service_tier", "inference_geo", "speed", "iterations",
    "server_tool_use",
)  # fmt: skip


def collect(kept: dict[str, Any], event: Any) -> None:
    """Take one event in. message_start counts the input, each message_delta everything so far; a later count stands."""
    message = part(event, "message")
    if text(event, "type") == "message_start":
        kept |= {name: part(message, name) for name in ("id", "model", "_request_id")}
    usage = part(message, "usage") if message is not None else part(event, "usage")
    if usage is not None:
        known: dict[str, Any] = kept.setdefault("usage", {})
        known |= {name: found for name in _KEPT if (found := part(usage, name)) is not None}


def read(response: Any) -> Reading:
    """The usage of a message.

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    usage = usage_of(response, "usage", hint=_HINT)
    # What a compaction used is not in the totals; the other iterations are.
    iterations = part(usage, "iterations")
    compactions = [each for each in iterations or () if text(each, "type") == "compaction"]
    billed = [usage, *compactions]
    fresh, answered, cached, written = (sum(count(each, name) for each in billed) for name in _COUNTS)
    kept = [part(each, "cache_creation") for each in billed]
    an_hour = sum(count(each, "ephemeral_1h_input_tokens") for each in kept)
    return filled(
        event_id=text(response, "id", "_request_id"),
        model=text(response, "model"),
        input_tokens=fresh + cached + written,
        output_tokens=answered,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=an_hour,
        reasoning_tokens=count(part(usage, "output_tokens_details"), "thinking_tokens"),
        web_searches=count(part(usage, "server_tool_use"), "web_search_requests"),
        service_tier=_tier(usage),
        region=_region(usage),
    )


def _tier(usage: Mapping[str, Any]) -> str | None:
    return "fast" if text(usage, "speed") == "fast" else text(usage, "service_tier")


def _region(usage: Mapping[str, Any]) -> str | None:
    where = text(usage, "inference_geo")
    return None if where in ("global", "not_available") else where
