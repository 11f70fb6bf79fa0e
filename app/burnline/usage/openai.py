"""OpenAI's way of counting, which most others speak: details are part of their totals.

What hosted tools cost for each call is in no usage: their calls are counted in the response's output.

Chat completions say `prompt_tokens` and `completion_tokens`, everything newer `input_tokens` and `output_tokens`.
Mistral and OpenRouter answer in the same shape.
"""

from decimal import Decimal
from typing import Any

from burnline.usage.reading import Reading, UsageMissing, count, filled, part, text, usage_of

_HINT = (
    'A stream of chat completions says it only if asked to: stream_options={"include_usage": True}. '
    "A response that is still in progress says it when it is done."
)
_STANDARD = ("default", "standard")
_SEARCH = "search"
"""What a call of the web search did. It may open a page or look for a text in one, too, and that is not charged."""
_UNDECIDED = "auto"


def collect(kept: dict[str, Any], stream_part: Any) -> None:
    """Take one part of a stream in: a chunk, or an event that holds the whole response at its end."""
    whole = part(stream_part, "response", "data")
    whole = stream_part if whole is None or isinstance(whole, list | tuple | str) else whole
    for name in ("id", "model", "service_tier", "usage", "object", "output"):
        found = part(whole, name)
        if found is not None:
            kept[name] = found


def read(response: Any) -> Reading:
    """The usage of a chat completion, response, embedding, transcription or image.

    Raises:
        UsageMissing: It has none, or it is billed by the second.
        UsageUnreadable: A count is no count.
    """
    usage = usage_of(response, "usage", hint=_HINT)
    if text(usage, "type") == "duration":
        raise UsageMissing(f"The response is billed by {part(usage, 'seconds')} seconds of audio and not by tokens.")
    asked = part(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    told = part(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    embedding = text(response, "object") == "list" and part(usage, "completion_tokens", "output_tokens") is None
    return filled(
        event_id=text(response, "id", "_request_id"),
        model=text(response, "model"),
        kind="embedding" if embedding else None,
        input_tokens=count(usage, "prompt_tokens", "input_tokens"),
        output_tokens=count(usage, "completion_tokens", "output_tokens"),
        cached_input_tokens=count(asked, "cached_tokens"),
        cache_write_tokens=count(asked, "cache_write_tokens"),
        reasoning_tokens=count(told, "reasoning_tokens"),
        input_audio_tokens=count(asked, "audio_tokens"),
        output_audio_tokens=count(told, "audio_tokens"),
        input_image_tokens=count(asked, "image_tokens"),
        output_image_tokens=count(told, "image_tokens"),
        cached_input_audio_tokens=count(part(asked, "cached_tokens_details"), "audio_tokens"),
        web_searches=sum(_is_search(each) for each in _calls(response, "web_search_call")),
        file_searches=len(_calls(response, "file_search_call")),
        service_tier=_tier(text(response, "service_tier") or text(usage, "service_tier")),
    )


def _calls(response: Any, kind: str) -> list[Any]:
    output = part(response, "output")
    return [each for each in output if text(each, "type") == kind] if isinstance(output, list | tuple) else []


def _is_search(call: Any) -> bool:
    action = part(call, "action")
    return action is None or text(action, "type") in (None, _SEARCH)


def read_openrouter(response: Any) -> Reading:
    """As `read`, with what OpenRouter says that the call cost.

    With a key of one's own (`is_byok`) its `cost` is its fee alone, and what the provider takes stands beside it.
    """
    reading = read(response)
    usage = part(response, "usage")
    cost = _usd(usage, "cost")
    if cost is not None and part(usage, "is_byok") is True:
        cost += _usd(part(usage, "cost_details"), "upstream_inference_cost") or 0
    if cost is not None:
        reading |= {"reported_cost_usd": f"{cost:f}", "reported_cost_source": "openrouter"}
    return reading


def _tier(tier: str | None) -> str | None:
    if tier in _STANDARD:
        return "standard"
    return None if tier == _UNDECIDED else tier


def _usd(thing: object, name: str) -> Decimal | None:
    amount = part(thing, name)
    if isinstance(amount, bool) or not isinstance(amount, int | float | str | Decimal):
        return None
    return Decimal(str(amount))
