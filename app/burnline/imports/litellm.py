"""LiteLLM's spend logs: rows of `LiteLLM_SpendLogs`, as `/spend/logs` answers them or a database dumps them.

Its ids are those of the responses, which the hook and the adapters have, too: a call that came both ways within one
session counts once.
"""

from collections.abc import Iterator
from pathlib import Path

from burnline.imports.exports import Event, count, first, found_in, inner, of_a_day, reported, text
from burnline.imports.found import Found, OnBytes, Unread, epoch_ms_of
from burnline.imports.rows import Row

AGENT = "litellm"
_EMBEDDINGS = ("embedding", "aembedding")


def read(file: Path, on_bytes: OnBytes) -> Iterator[Found | Unread]:
    """Each call of a file of spend logs."""
    return found_in(file, on_bytes, event_of)


def event_of(row: Row) -> Event:
    """The event of a row, whose `prompt_tokens` hold what was cached and written.

    Raises:
        ValueError: A count is no count, or there is no time.
    """
    metadata = inner(row, "metadata")
    usage = inner(metadata, "usage_object")
    told = inner(metadata, "additional_usage_values")
    asked, answered = inner(usage, "prompt_tokens_details"), inner(usage, "completion_tokens_details")
    occurred_at = epoch_ms_of(first(row, "endTime", "end_time", "startTime", "start_time"))
    who = text(row, "end_user", "user", "team_id") or AGENT
    kept = inner(asked, "cache_creation_token_details")
    return {
        "event_id": text(row, "request_id", "litellm_call_id"),
        "occurred_at": occurred_at,
        "session_id": text(row, "session_id") or of_a_day(who, occurred_at),
        "agent_id": text(row, "agent_id"),
        "team_id": text(row, "team_id"),
        "provider": text(row, "custom_llm_provider"),
        "model": text(row, "model"),
        "kind": _kind(row),
        "error": True if text(row, "status") == "failure" else None,
        "input_tokens": count(row, "prompt_tokens"),
        "output_tokens": count(row, "completion_tokens"),
        "cached_input_tokens": count(told, "cache_read_input_tokens") or count(asked, "cached_tokens"),
        "cache_write_tokens": count(told, "cache_creation_input_tokens") or count(asked, "cache_creation_tokens"),
        "cache_write_1h_tokens": count(kept, "ephemeral_1h_input_tokens"),
        "reasoning_tokens": count(answered, "reasoning_tokens"),
        "input_audio_tokens": count(asked, "audio_tokens"),
        "output_audio_tokens": count(answered, "audio_tokens"),
        **reported(row, "litellm", "spend"),
    }


def _kind(row: Row) -> str | None:
    if (text(row, "cache_hit") or "").lower() == "true":
        return "cache_hit"
    return "embedding" if text(row, "call_type") in _EMBEDDINGS else None
