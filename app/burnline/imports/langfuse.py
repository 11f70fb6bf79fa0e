"""Langfuse's observations: exported from its pages (CSV, JSON), to a bucket, or as its API answers.

What was used stands in `usageDetails` by kind. By Langfuse's rule its kinds are beside each other: `input` are tokens
that no cache has to do with. Some instrumentations write inclusive ones; the `total` tells the two apart.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from burnline.imports.exports import Event, count, first, found_in, inner, of_a_day, reported, text
from burnline.imports.found import Found, OnBytes, Unread, epoch_ms_of
from burnline.imports.rows import Row

AGENT = "langfuse"
_CALLS = {"GENERATION": "llm", "EMBEDDING": "embedding"}
_READ = ("cache_read", "cached")
_WRITTEN = ("cache_creation", "cache_write", "cached_creation")
_AN_HOUR = "1h"


def read(file: Path, on_bytes: OnBytes) -> Iterator[Found | Unread]:
    """Each call of a file of observations; spans, events, tools and agents are none."""
    return found_in(file, on_bytes, event_of)


def event_of(row: Row) -> Event | None:
    """The event of an observation; None for one that calls no model, or does not say what it used.

    Raises:
        ValueError: A count is no count, or there is no time.
    """
    kind = _CALLS.get((text(row, "type") or "GENERATION").upper())
    model = text(row, "providedModelName", "provided_model_name", "model", "internalModel")
    usage = inner(row, "usageDetails", "usage_details", "usage")
    if kind is None or model is None:
        return None
    counts = _inclusive(usage) if usage else _flat(row)
    occurred_at = epoch_ms_of(first(row, "endTime", "end_time", "startTime", "start_time"))
    metadata = inner(row, "metadata")
    agent = text(metadata, "burnline.agent_id", "agent_name", "agent")
    who = text(row, "userId", "user_id") or text(row, "traceName", "trace_name") or AGENT
    return {
        "event_id": text(row, "id"),
        "occurred_at": occurred_at,
        "session_id": text(row, "sessionId", "session_id") or of_a_day(who, occurred_at),
        "agent_id": agent,
        "run_id": text(row, "traceId", "trace_id"),
        "model": model,
        "kind": kind,
        "error": True if (text(row, "level") or "").upper() == "ERROR" else None,
        **counts,
        **reported(row, "langfuse", "calculatedTotalCost", "totalCost", "total_cost"),
    }


def _flat(row: Row) -> dict[str, int]:
    """Of exports without kinds."""
    return {
        "input_tokens": count(row, "promptTokens", "inputUsage", "input_usage", "prompt_tokens"),
        "output_tokens": count(row, "completionTokens", "outputUsage", "output_usage", "completion_tokens"),
    }


def _inclusive(usage: Mapping[str, Any]) -> dict[str, int]:
    """Counts by kind, each part within its total."""
    asked, answered = count(usage, "input", "input_tokens"), count(usage, "output", "output_tokens")
    named = [name for name in usage if name not in ("input", "output", "total", "input_tokens", "output_tokens")]
    read = _sum(usage, [name for name in named if _is(name, _READ) and not _is(name, _WRITTEN)])
    written = _sum(usage, [name for name in named if _is(name, _WRITTEN)])
    reasoned = _sum(usage, [name for name in named if "reasoning" in name])
    heard = _sum(usage, [name for name in named if "audio" in name and name.startswith("input")])
    said = _sum(usage, [name for name in named if "audio" in name and name.startswith("output")])
    beside_input, beside_output = read + written + heard, reasoned + said
    parts_fit = read + written <= asked and reasoned <= answered
    if not (parts_fit and count(usage, "total") == asked + answered):
        asked, answered = asked + beside_input, answered + beside_output
    counts = {
        "cached_input_tokens": read,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": _sum(usage, [name for name in named if _is(name, _WRITTEN) and _AN_HOUR in name]),
        "reasoning_tokens": reasoned,
        "input_audio_tokens": heard,
        "output_audio_tokens": said,
    }
    return {"input_tokens": asked, "output_tokens": answered} | {name: each for name, each in counts.items() if each}


def _is(name: str, kinds: Iterable[str]) -> bool:
    return any(kind in name for kind in kinds)


def _sum(usage: Mapping[str, Any], names: Iterable[str]) -> int:
    return sum(count(usage, name) for name in names)
