"""Google's way of counting: thoughts stand beside the candidates, tools' results beside the prompt.

What Google Search costs is in no usage: the queries stand with what they found. From Gemini 3 on each is charged, of
older models a request that was answered by any.
"""

from collections.abc import Iterable
from typing import Any

from burnline.usage.reading import Reading, UsageMissing, count, filled, part, text

_CHARGED_ONCE = ("gemini-1", "gemini-2")
_QUERIES = "web_search_queries"
_HINT = "Gemini says it with every answer, and with the last part of a stream."
_TIERS = {
    "ON_DEMAND": "standard",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "PROVISIONED_THROUGHPUT": "provisioned",
}


def collect(kept: dict[str, Any], stream_part: Any) -> None:
    """Take one part of a stream in."""
    for name in ("response_id", "model_version", "usage_metadata"):
        found = part(stream_part, name)
        if found is not None:
            kept[name] = found
    queries = _queries(stream_part)
    if queries:
        kept[_QUERIES] = list(dict.fromkeys([*kept.get(_QUERIES, ()), *queries]))


def read(response: Any) -> Reading:
    """The usage of generated content, or of embeddings where they say it (Vertex AI alone does).

    Raises:
        UsageMissing: It has none.
        UsageUnreadable: A count is no count.
    """
    usage = part(response, "usage_metadata")
    if usage is None:
        return _embedding(response)
    asked = (part(usage, "prompt_tokens_details"), part(usage, "tool_use_prompt_tokens_details"))
    told = (part(usage, "candidates_tokens_details", "response_tokens_details"),)
    cached = (part(usage, "cache_tokens_details"),)
    thoughts = count(usage, "thoughts_token_count")
    return filled(
        event_id=text(response, "response_id"),
        model=text(response, "model_version"),
        input_tokens=count(usage, "prompt_token_count") + count(usage, "tool_use_prompt_token_count"),
        output_tokens=count(usage, "candidates_token_count", "response_token_count") + thoughts,
        cached_input_tokens=count(usage, "cached_content_token_count"),
        reasoning_tokens=thoughts,
        input_audio_tokens=_of(asked, "AUDIO"),
        output_audio_tokens=_of(told, "AUDIO"),
        input_image_tokens=_of(asked, "IMAGE"),
        output_image_tokens=_of(told, "IMAGE"),
        web_searches=_searches(response),
        input_video_tokens=_of(asked, "VIDEO"),
        cached_input_audio_tokens=_of(cached, "AUDIO"),
        service_tier=_TIERS.get(text(usage, "traffic_type") or "") or text(usage, "service_tier"),
    )


def _searches(response: Any) -> int:
    queries = part(response, _QUERIES) or _queries(response)
    once = (text(response, "model_version") or "").rpartition("/")[2].startswith(_CHARGED_ONCE)
    return min(len(queries), 1) if once else len(queries)


def _queries(response: Any) -> list[str]:
    """What was searched for, of all candidates; an empty query is not charged."""
    found = (part(part(each, "grounding_metadata"), _QUERIES) for each in part(response, "candidates") or ())
    return [query for some in found for query in some or () if query]


def _embedding(response: Any) -> Reading:
    statistics = [part(each, "statistics") for each in part(response, "embeddings") or ()]
    if not statistics or any(part(each, "token_count") is None for each in statistics):
        raise UsageMissing(f"The response has no usage_metadata, so what it used is not known. {_HINT}")
    tokens = sum(int(part(each, "token_count")) for each in statistics)  # a float in the package, and whole
    return filled(kind="embedding", input_tokens=tokens, output_tokens=0)


def _of(details: Iterable[Any], modality: str) -> int:
    """Tokens of one modality in lists of {modality, token_count}."""
    listed = [each for some in details for each in some or ()]
    return sum(count(each, "token_count") for each in listed if text(each, "modality") == modality)
