"""What providers answer on the wire, one call each, and the counts that a usage event has of it."""

from typing import Any

Wire = dict[str, Any]

CHAT: Wire = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
    "service_tier": "default",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
    "usage": {
        "prompt_tokens": 2000, "completion_tokens": 300, "total_tokens": 2300,
        "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 200},
        "completion_tokens_details": {"reasoning_tokens": 100, "audio_tokens": 50},
    },
}  # fmt: skip
CHAT_FIELDS = {
    "event_id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "service_tier": "standard",
    "input_tokens": 2000, "cached_input_tokens": 1024, "input_audio_tokens": 200,
    "output_tokens": 300, "reasoning_tokens": 100, "output_audio_tokens": 50,
}  # fmt: skip
_CHUNK: Wire = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}
CHAT_CHUNKS: list[Wire] = [
    {**_CHUNK, "service_tier": "default", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "H"}}]},
    {**_CHUNK, "choices": [{"index": 0, "delta": {"content": "i"}, "finish_reason": "stop"}]},
]
CHAT_USAGE_CHUNK: Wire = {**_CHUNK, "choices": [], "usage": CHAT["usage"]}

RESPONSE: Wire = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5.4",
    "service_tier": "flex", "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    "usage": {
        "input_tokens": 5000, "output_tokens": 800, "total_tokens": 5800,
        "input_tokens_details": {"cached_tokens": 3000, "cache_write_tokens": 500},
        "output_tokens_details": {"reasoning_tokens": 600},
    },
}  # fmt: skip
RESPONSE_FIELDS = {
    "event_id": "resp_1", "model": "gpt-5.4", "service_tier": "flex", "input_tokens": 5000, "output_tokens": 800,
    "cached_input_tokens": 3000, "cache_write_tokens": 500, "reasoning_tokens": 600,
}  # fmt: skip
RESPONSE_EVENTS: list[Wire] = [
    {
        "type": "response.created", "sequence_number": 0,
        "response": {**RESPONSE, "status": "in_progress", "usage": None},
    },
    {"type": "response.completed", "sequence_number": 1, "response": RESPONSE},
]  # fmt: skip

EMBEDDING: Wire = {
    "object": "list", "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}  # fmt: skip
EMBEDDING_FIELDS = {
    "model": "text-embedding-3-small", "kind": "embedding", "input_tokens": 8, "output_tokens": 0,
}  # fmt: skip

TRANSCRIPT: Wire = {
    "text": "Hi",
    "usage": {
        "type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
        "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
    },
}  # fmt: skip
TRANSCRIPT_FIELDS = {
    "model": "gpt-4o-transcribe", "input_tokens": 14, "input_audio_tokens": 10, "output_tokens": 45,
}  # fmt: skip

IMAGE: Wire = {
    "created": 1, "data": [{"b64_json": ""}],
    "usage": {
        "input_tokens": 50, "output_tokens": 4000, "total_tokens": 4050,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 4000},
    },
}  # fmt: skip
IMAGE_FIELDS = {
    "model": "gpt-image-1", "input_tokens": 50, "input_image_tokens": 40,
    "output_tokens": 4000, "output_image_tokens": 4000,
}  # fmt: skip

_CLAUDE_USAGE: Wire = {
    "input_tokens": 100, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 600},
    "output_tokens": 250, "service_tier": "standard", "inference_geo": "us",
}  # fmt: skip
MESSAGE: Wire = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {**_CLAUDE_USAGE, "output_tokens_details": {"thinking_tokens": 80}},
}  # fmt: skip
MESSAGE_FIELDS = {
    "event_id": "msg_1", "model": "claude-sonnet-4-5-20250929", "service_tier": "standard", "region": "us",
    "input_tokens": 5000, "cached_input_tokens": 4000, "cache_write_tokens": 900, "cache_write_1h_tokens": 600,
    "output_tokens": 250, "reasoning_tokens": 80,
}  # fmt: skip
MESSAGE_EVENTS: list[Wire] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "usage": {**_CLAUDE_USAGE, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 250, "output_tokens_details": {"thinking_tokens": 80}},
    },
    {"type": "message_stop"},
]  # fmt: skip

GEMINI: Wire = {
    "responseId": "gem-1", "modelVersion": "gemini-2.5-flash",
    "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "Hi"}]}}],
    "usageMetadata": {
        "promptTokenCount": 3000, "toolUsePromptTokenCount": 100, "cachedContentTokenCount": 2000,
        "candidatesTokenCount": 400, "thoughtsTokenCount": 150, "totalTokenCount": 3650,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 2800}, {"modality": "AUDIO", "tokenCount": 200}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 1900}, {"modality": "AUDIO", "tokenCount": 100}],
    },
}  # fmt: skip
GEMINI_FIELDS = {
    "event_id": "gem-1", "model": "gemini-2.5-flash", "input_tokens": 3100, "cached_input_tokens": 2000,
    "input_audio_tokens": 200, "cached_input_audio_tokens": 100, "output_tokens": 550, "reasoning_tokens": 150,
}  # fmt: skip
GEMINI_CHUNKS: list[Wire] = [
    {**GEMINI, "usageMetadata": {"promptTokenCount": 3000, "totalTokenCount": 3000}},
    GEMINI,
]

CONVERSE: Wire = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}, "stopReason": "end_turn",
    "usage": {
        "inputTokens": 100, "outputTokens": 250, "totalTokens": 5250, "cacheReadInputTokens": 4000,
        "cacheWriteInputTokens": 900,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 600}, {"ttl": "5m", "inputTokens": 300}],
    },
    "metrics": {"latencyMs": 1}, "serviceTier": {"type": "default"},
}  # fmt: skip
CONVERSE_FIELDS = {
    "input_tokens": 5000, "cached_input_tokens": 4000, "cache_write_tokens": 900, "cache_write_1h_tokens": 600,
    "output_tokens": 250, "service_tier": "standard",
}  # fmt: skip
CONVERSE_EVENTS: list[Wire] = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {name: CONVERSE[name] for name in ("usage", "metrics", "serviceTier")}},
]

MISTRAL: Wire = {
    **CHAT, "id": "cmpl-m1", "model": "mistral-large-latest",
    "usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150},
}  # fmt: skip
MISTRAL_FIELDS = {
    "event_id": "cmpl-m1", "model": "mistral-large-latest", "input_tokens": 120, "output_tokens": 30,
}  # fmt: skip
MISTRAL_CHUNKS: list[Wire] = [
    {
        "id": "cmpl-m1", "model": "mistral-large-latest",
        "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}],
    },
    {
        "id": "cmpl-m1", "model": "mistral-large-latest",
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}], "usage": MISTRAL["usage"],
    },
]  # fmt: skip

OLLAMA: Wire = {
    "model": "llama3.2", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": "Hi"},
    "done": True, "prompt_eval_count": 26, "eval_count": 290,
}  # fmt: skip
OLLAMA_FIELDS = {"model": "llama3.2", "input_tokens": 26, "output_tokens": 290}
OLLAMA_CHUNKS: list[Wire] = [
    {"model": "llama3.2", "message": {"role": "assistant", "content": "Hi"}, "done": False},
    {**OLLAMA, "message": {"role": "assistant", "content": ""}},
]

OPENROUTER: Wire = {
    **CHAT, "id": "gen-1", "model": "openai/gpt-4o",
    "usage": {
        "prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": 9.5e-05, "is_byok": False,
        "cost_details": {"upstream_inference_cost": None},
        "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 0},
    },
}  # fmt: skip
OPENROUTER_FIELDS = {
    "event_id": "gen-1", "model": "openai/gpt-4o", "input_tokens": 194, "cached_input_tokens": 100, "output_tokens": 2,
    "reported_cost_usd": "0.000095", "reported_cost_source": "openrouter", "service_tier": "standard",
}  # fmt: skip
