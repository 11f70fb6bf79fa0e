"""Each provider's own counts, made inclusive: cached and written tokens are input, thoughts are output."""

from collections.abc import Sequence
from typing import Any

import pytest

import burnline
from burnline import usage
from burnline.publisher.encoding import encode
from burnline.usage.adapters import Adapter
from tests.usage import wire

WHO: dict[str, Any] = {"org": "acme", "agent": "coder", "session": "s1", "occurred_at_ms": 1_763_000_000_000}
WHO_FIELDS = {"org_id": "acme", "agent_id": "coder", "session_id": "s1", "occurred_at": 1_763_000_000_000}


def case(name: str, adapter: Adapter, response: Any, fields: wire.Wire, **said: Any) -> Any:
    return pytest.param(adapter, response, fields, said, id=name)


FULL_STREAM = [*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK]
CLAUDE_ON_AWS = {"model": "anthropic.claude-sonnet-4-5-20250929-v1:0", "event_id": "r1"}
CASES = [
    case("openai-chat", usage.from_openai, wire.CHAT, wire.CHAT_FIELDS),
    case("openai-chat-stream", usage.from_openai, FULL_STREAM, wire.CHAT_FIELDS),
    case("openai-responses", usage.from_openai, wire.RESPONSE, wire.RESPONSE_FIELDS),
    case("openai-responses-stream", usage.from_openai, wire.RESPONSE_EVENTS, wire.RESPONSE_FIELDS),
    case("openai-embeddings", usage.from_openai, wire.EMBEDDING, wire.EMBEDDING_FIELDS, event_id="r1"),
    case(
        "openai-transcription", usage.from_openai, wire.TRANSCRIPT, wire.TRANSCRIPT_FIELDS,
        model="gpt-4o-transcribe", event_id="r1",
    ),
    case("openai-image", usage.from_openai, wire.IMAGE, wire.IMAGE_FIELDS, model="gpt-image-1", event_id="r1"),
    case("anthropic-message", usage.from_anthropic, wire.MESSAGE, wire.MESSAGE_FIELDS),
    case("anthropic-stream", usage.from_anthropic, wire.MESSAGE_EVENTS, wire.MESSAGE_FIELDS),
    case("google", usage.from_google, wire.GEMINI, wire.GEMINI_FIELDS),
    case("google-stream", usage.from_google, wire.GEMINI_CHUNKS, wire.GEMINI_FIELDS),
    case("bedrock-converse", usage.from_bedrock, wire.CONVERSE, wire.CONVERSE_FIELDS, **CLAUDE_ON_AWS),
    case("bedrock-stream", usage.from_bedrock, wire.CONVERSE_EVENTS, wire.CONVERSE_FIELDS, **CLAUDE_ON_AWS),
    case("mistral", usage.from_mistral, wire.MISTRAL, wire.MISTRAL_FIELDS | {"service_tier": "standard"}),
    case("mistral-stream", usage.from_mistral, wire.MISTRAL_CHUNKS, wire.MISTRAL_FIELDS),
    case("ollama", usage.from_ollama, wire.OLLAMA, wire.OLLAMA_FIELDS, event_id="r1"),
    case("ollama-stream", usage.from_ollama, wire.OLLAMA_CHUNKS, wire.OLLAMA_FIELDS, event_id="r1"),
    case("openrouter", usage.from_openrouter, wire.OPENROUTER, wire.OPENROUTER_FIELDS),
]  # fmt: skip


@pytest.mark.parametrize(("adapter", "response", "fields", "said"), CASES)
def test_a_response_is_counted_inclusively(adapter: Adapter, response: Any, fields: wire.Wire, said: Any) -> None:
    event = adapter(response, **WHO, **said)
    assert event.pop("provider")
    assert event == WHO_FIELDS | said | fields


@pytest.mark.parametrize(("adapter", "response", "fields", "said"), CASES)
def test_what_it_gives_can_be_published(adapter: Adapter, response: Any, fields: wire.Wire, said: Any) -> None:
    assert encode(adapter(response, **WHO, **said)).key == b"s1"


SILENT: Sequence[Any] = [
    case("chat-stream-without-include_usage", usage.from_openai, wire.CHAT_CHUNKS, {}),
    case("response-in-progress", usage.from_openai, {**wire.RESPONSE, "usage": None}, {}),
    case("transcription-by-the-second", usage.from_openai, {"usage": {"type": "duration", "seconds": 9.5}}, {}),
    case("message_start-not-seen", usage.from_anthropic, [], {}),
    case("gemini-api-embedding", usage.from_google, {"embeddings": [{"values": [0.5]}]}, {}),
    case("converse-stream-cut-off", usage.from_bedrock, wire.CONVERSE_EVENTS[:-1], {}),
    case("ollama-stream-cut-off", usage.from_ollama, wire.OLLAMA_CHUNKS[:-1], {}),
]


@pytest.mark.parametrize(("adapter", "response", "fields", "said"), SILENT)
def test_what_is_not_said_is_not_nothing(adapter: Adapter, response: Any, fields: Any, said: Any) -> None:
    with pytest.raises(usage.UsageMissing):
        adapter(response, **WHO)


@pytest.mark.parametrize("wrong", [-1, 1.5, "12", True], ids=["negative", "fraction", "text", "boolean"])
def test_a_count_that_is_none_is_named(wrong: object) -> None:
    response = {**wire.CHAT, "usage": {"prompt_tokens": wrong, "completion_tokens": 1}}
    with pytest.raises(usage.UsageUnreadable, match=rf"prompt_tokens .* {wrong!r}"):
        usage.from_openai(response, **WHO)


@pytest.mark.parametrize(("name", "field"), [("org", "org_id"), ("agent", "agent_id"), ("session", "session_id")])
def test_who_used_it_must_be_said_or_come_from_the_context(name: str, field: str) -> None:
    said = {other: value for other, value in WHO.items() if other != name}
    with pytest.raises(ValueError, match=f"{name} is not known"):
        usage.from_openai(wire.CHAT, **said)
    with burnline.session("s9", org="umbrella", agent="writer"):
        event = usage.from_openai(wire.CHAT, **said)
    assert event[field] in ("umbrella", "writer", "s9")


def test_a_model_that_the_response_does_not_name_must_be_given() -> None:
    with pytest.raises(ValueError, match="model is not known"):
        usage.from_bedrock(wire.CONVERSE, **WHO)


def test_a_key_of_ones_own_costs_the_fee_and_what_the_provider_takes() -> None:
    told = {**wire.OPENROUTER["usage"], "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0019}}
    event = usage.from_openrouter({**wire.OPENROUTER, "usage": told}, **WHO)
    assert event["reported_cost_usd"] == "0.001995"


def test_what_compacting_used_is_added() -> None:
    compaction = {"type": "compaction", "input_tokens": 7, "output_tokens": 5, "cache_read_input_tokens": 3}
    told = {**wire.MESSAGE["usage"], "iterations": [{"type": "message", "input_tokens": 1}, compaction]}
    event = usage.from_anthropic({**wire.MESSAGE, "usage": told}, **WHO)
    assert (event["input_tokens"], event["cached_input_tokens"], event["output_tokens"]) == (5010, 4003, 255)


@pytest.mark.parametrize(("said", "tier"), [("default", "standard"), ("priority", "priority"), ("auto", None)])
def test_a_tier_is_called_as_rates_call_it(said: str, tier: str | None) -> None:
    assert usage.from_openai({**wire.CHAT, "service_tier": said}, **WHO).get("service_tier") == tier


def test_a_response_that_is_read_twice_is_one_event() -> None:
    first, again = (usage.from_openai(wire.RESPONSE, **WHO) for _ in range(2))
    assert first == again


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TypeError, match="sesion"):
        usage.from_openai(wire.CHAT, sesion="s1")  # type: ignore[call-arg]
