"""From a provider's response to what it costs: each bill by hand, at the provider's published rates."""

from fractions import Fraction
from typing import Any

import pytest

from burnline import usage
from burnline.charges.look_up import charged
from burnline.events.decode import decode_batch
from burnline.ledger.metered import counted_rare
from burnline.pricing.book import RateBook
from burnline.pricing.card import charge_fields
from burnline.publisher.encoding import encode
from burnline.usage.adapters import Adapter
from tests.usage import wire

AT_MS = 1_795_845_077_002
WHO: dict[str, Any] = {"org": "acme", "agent": "coder", "session": "s1", "occurred_at_ms": AT_MS}
BOOK = RateBook.bundled()

PREVIEW = "gpt-4o-audio-preview"
AUDIO = {**wire.CHAT, "model": "gpt-audio", "usage": {
    "prompt_tokens": 2000, "completion_tokens": 300, "total_tokens": 2300,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 1200},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 250},
}}  # fmt: skip
PLAIN_GPT_5 = {**wire.RESPONSE, "model": "gpt-5-mini", "usage": {
    "input_tokens": 2000, "output_tokens": 500, "total_tokens": 2500,
    "input_tokens_details": {"cached_tokens": 1000}, "output_tokens_details": {"reasoning_tokens": 200},
}}  # fmt: skip
SEARCHED = {**PLAIN_GPT_5, "service_tier": "default", "output": [
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}},
    {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "open_page", "url": "b"}},
    {"type": "web_search_call", "id": "ws_3", "status": "completed"},
    {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["c"]},
    {"type": "message", "id": "msg_1", "content": []},
]}  # fmt: skip
CLAUDE = {**wire.MESSAGE, "model": "claude-opus-4-8"}
SAID = {
    "input_tokens": 100, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 600}, "output_tokens": 250,
}  # fmt: skip
CLAUDE_RATES = ((100, "5"), (4000, "0.5"), (300, "6.25"), (600, "10"), (250, "25"))
LONG = {**wire.GEMINI, "modelVersion": "gemini-2.5-pro", "usageMetadata": {
    "promptTokenCount": 300_000, "cachedContentTokenCount": 100_000, "candidatesTokenCount": 1_000,
    "thoughtsTokenCount": 500, "totalTokenCount": 301_500,
}}  # fmt: skip
PAINTED = {**wire.GEMINI, "modelVersion": "gemini-3-pro-image", "usageMetadata": {
    "promptTokenCount": 1_000, "candidatesTokenCount": 1_220, "totalTokenCount": 2_220,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1_000}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 100}, {"modality": "IMAGE", "tokenCount": 1_120}],
}}  # fmt: skip
ON_AWS = {"model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "event_id": "r1"}


def grounded(model: str) -> dict[str, Any]:
    return {**wire.GEMINI, "modelVersion": model, "candidates": [
        {"index": 0, "groundingMetadata": {"webSearchQueries": ["weather", "weather tomorrow", ""]}}
    ], "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100}}  # fmt: skip


HALF, US = Fraction(1, 2), Fraction(11, 10)


def usd(*parts: tuple[int, str], times: Fraction | int = 1) -> Fraction:
    """Tokens at so many USD per million, added up; in millionths of a USD."""
    return sum((tokens * Fraction(rate) for tokens, rate in parts), Fraction(0)) * times


def claude(**said: Any) -> dict[str, Any]:
    return {**CLAUDE, "usage": {**SAID, **said}}


def case(name: str, adapter: Adapter, response: Any, by_hand: Fraction, **said: Any) -> Any:
    return pytest.param(adapter, response, by_hand, said, id=name)


BILLS = [
    case("OpenAI chat, audio in and out", usage.from_openai, AUDIO,
         usd((800, "2.5"), (1200, "32"), (50, "10"), (250, "64"))),
    case("OpenAI chat, audio of a model that the list has at the price of text", usage.from_openai,
         {**AUDIO, "model": PREVIEW}, usd((800, "2.5"), (1200, "40"), (50, "10"), (250, "80"))),
    case("OpenAI responses", usage.from_openai, {**PLAIN_GPT_5, "service_tier": "default"},
         usd((1000, "0.25"), (1000, "0.025"), (500, "2"))),
    case("OpenAI responses, flex", usage.from_openai, {**PLAIN_GPT_5, "service_tier": "flex"},
         usd((1000, "0.125"), (1000, "0.0125"), (500, "1"))),
    case("OpenAI responses, priority", usage.from_openai, {**PLAIN_GPT_5, "service_tier": "priority"},
         usd((1000, "0.45"), (1000, "0.045"), (500, "3.6"))),
    case("OpenAI responses, searches of the web and of files", usage.from_openai, SEARCHED,
         usd((1000, "0.25"), (1000, "0.025"), (500, "2"), (2, "10000"), (1, "2500"))),
    case("the same out of a stream", usage.from_openai, [{"type": "response.completed", "response": SEARCHED}],
         usd((1000, "0.25"), (1000, "0.025"), (500, "2"), (2, "10000"), (1, "2500"))),
    case("OpenAI transcription, audio in", usage.from_openai, wire.TRANSCRIPT, usd((4, "2.5"), (10, "6"), (45, "10")),
         model="gpt-4o-transcribe", event_id="r1"),
    case("OpenAI image", usage.from_openai, wire.IMAGE, usd((10, "5"), (40, "10"), (4000, "40")),
         model="gpt-image-1", event_id="r1"),
    case("Anthropic, five minutes and an hour", usage.from_anthropic, claude(service_tier="standard"),
         usd(*CLAUDE_RATES)),
    case("Anthropic, batch at half", usage.from_anthropic, claude(service_tier="batch"),
         usd(*CLAUDE_RATES, times=HALF)),
    case("Anthropic, fast at double", usage.from_anthropic, claude(speed="fast"), usd(*CLAUDE_RATES, times=2)),
    case("Anthropic, inference in the US", usage.from_anthropic, claude(inference_geo="us"),
         usd(*CLAUDE_RATES, times=US)),
    case("Anthropic, anywhere", usage.from_anthropic, claude(inference_geo="global"), usd(*CLAUDE_RATES)),
    case("Anthropic, searches in the US cost what they do elsewhere", usage.from_anthropic,
         claude(inference_geo="us", server_tool_use={"web_search_requests": 3}),
         usd(*CLAUDE_RATES, times=US) + usd((3, "10000"))),
    case("Gemini, audio, from the cache, too", usage.from_google, wire.GEMINI,
         usd((1000, "0.3"), (100, "1"), (1900, "0.03"), (100, "0.1"), (550, "2.5"))),
    case("Gemini, above 200,000 tokens", usage.from_google, LONG, usd((200000, "2.5"), (100000, "0.25"), (1500, "15"))),
    case("Gemini 2.5, two queries for one answer", usage.from_google, grounded("gemini-2.5-flash"),
         usd((1000, "0.3"), (100, "2.5"), (1, "35000"))),
    case("Gemini 3, each query", usage.from_google, grounded("gemini-3-flash-preview"),
         usd((1000, "0.5"), (100, "3"), (2, "14000"))),
    case("the same out of a stream, told twice", usage.from_google, [grounded("gemini-3-flash-preview")] * 2,
         usd((1000, "0.5"), (100, "3"), (2, "14000"))),
    case("Gemini, an image out", usage.from_google, PAINTED, usd((1000, "2"), (100, "12"), (1120, "120"))),
    case("Bedrock, five minutes and an hour, profile of the US", usage.from_bedrock, wire.CONVERSE,
         usd((100, "3"), (4000, "0.3"), (300, "3.75"), (600, "6"), (250, "15"), times=US), **ON_AWS),
    case("OpenRouter, by its own list", usage.from_openrouter, wire.OPENROUTER,
         usd((94, "2.5"), (100, "1.25"), (2, "10"))),
]  # fmt: skip


def event_of(adapter: Adapter, response: Any, **said: Any) -> Any:
    """As it stands in the log, and is read from there."""
    record = encode(adapter(response, **WHO, **said))
    (event,), refused = decode_batch([record.value], now_ms=AT_MS, max_clock_skew_ms=0)
    assert event is not None, refused
    return event


def card_of(event: Any) -> Any:
    return BOOK.resolve(
        event.provider, event.model, AT_MS, service_tier=event.service_tier or "", region=event.region or ""
    )


@pytest.mark.parametrize(("adapter", "response", "by_hand", "said"), BILLS)
def test_a_response_costs_what_its_provider_says(
    adapter: Adapter, response: Any, by_hand: Fraction, said: dict[str, Any]
) -> None:
    event = event_of(adapter, response, **said)
    assert Fraction(charged(event, card_of(event)).cost_pico_usd, 10**6) == by_hand


def test_what_a_provider_reports_is_held_against_the_rates() -> None:
    """OpenRouter says 0.000095 USD, and by its list it is 0.00038."""
    event = event_of(usage.from_openrouter, wire.OPENROUTER)
    card = card_of(event)
    counts = (event.input_tokens, event.output_tokens, event.cached_input_tokens, 0, 0)
    sums = counted_rare(event, card, charge_fields(card, *counts)).sums
    assert sums["compared_reported_pico_usd"] == 95_000_000
    assert sums["compared_pico_usd"] == 94 * 2_500_000 + 100 * 1_250_000 + 2 * 10_000_000


def test_what_a_provider_reports_is_counted_where_nobody_has_a_rate() -> None:
    event = event_of(usage.from_openrouter, {**wire.OPENROUTER, "model": "acme/unheard-of"})
    assert not card_of(event).priced
    assert charged(event, card_of(event)).cost_pico_usd == 95_000_000
