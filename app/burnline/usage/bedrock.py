"""Amazon Bedrock's way of counting (Converse): `inputTokens` are only those that no cache has to do with."""

from typing import Any

from burnline.usage.reading import Reading, count, filled, part, text, usage_of

_HINT = "Converse says it with every answer, ConverseStream in the event `metadata` at its end."


def collect(kept: dict[str, Any], event: Any) -> None:
    """Take one event of a stream in."""
    metadata = part(event, "metadata")
    if metadata is not None:
        kept |= {"usage": part(metadata, "usage"), "serviceTier": part(metadata, "serviceTier")}


def read(response: Any) -> Reading:
    """The usage of an answer of Converse, which does not name its model.

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    usage = usage_of(response, "usage", hint=_HINT)
    cached, written = count(usage, "cacheReadInputTokens"), count(usage, "cacheWriteInputTokens")
    by_age = [each for each in part(usage, "cacheDetails") or () if text(each, "ttl") == "1h"]
    tier = text(part(response, "serviceTier"), "type")
    return filled(
        event_id=text(part(response, "ResponseMetadata"), "RequestId"),
        input_tokens=count(usage, "inputTokens") + cached + written,
        output_tokens=count(usage, "outputTokens"),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=sum(count(each, "inputTokens") for each in by_age),
        service_tier="standard" if tier == "default" else tier,
    )
