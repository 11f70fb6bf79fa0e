"""OpenAI's usage of an organisation: pages of its usage API, or the CSV export of its pages.

A row is what was used in a span of time by one project, key, model and tier. It is one event, whose id derives from
these: ask for the same spans (`bucket_width`) and groups each time, the model among them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from burnline.imports.exports import Event, count, first, found_in, name_of, of_a_day, text
from burnline.imports.found import Found, OnBytes, Unread, epoch_ms_of
from burnline.imports.rows import Row

AGENT = "openai"
_WHO = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
_TIERS = {"default": "standard", "auto": None}


def read(file: Path, on_bytes: OnBytes, *, now_ms: int) -> Iterator[Found | Unread]:
    """Each row of a usage export; those of a span that is not over at `now_ms` (Unix epoch ms) are left out."""
    for found in found_in(file, on_bytes, lambda row: {"rows": [*_rows(row)]}):
        if isinstance(found, Unread):
            yield found
            continue
        for number, row in enumerate(found.event["rows"], 1):
            where = f"{found.where}.results[{number}]" if len(found.event["rows"]) > 1 else found.where
            try:
                yield Found(event_of(row, now_ms), where)
            except ValueError as error:
                yield Unread(where, str(error))


def _rows(row: Row) -> Iterator[Mapping[str, Any]]:
    """A span's results, each with its times; a row of CSV is one."""
    results = row.get("results", row.get("result"))
    if not isinstance(results, list):
        yield row
        return
    for result in results:
        if isinstance(result, Mapping):
            yield {**result, "start_time": row.get("start_time"), "end_time": row.get("end_time")}


def event_of(row: Row, now_ms: int) -> Event:
    """The event of a row.

    Raises:
        ValueError: It names no model, its span is not over, or a count is no count.
    """
    if text(row, "model") is None:
        raise ValueError("model is missing: ask for usage by model (group_by=model)")
    start_ms, end_ms = (_time_ms(row, name) for name in ("start_time", "end_time"))
    if end_ms > now_ms:
        raise ValueError("end_time is not over: what is used until then would be missing; import it later")
    who = tuple(text(row, name) for name in _WHO)
    project = text(row, "project_id")
    batch = (text(row, "batch") or "").lower() == "true"
    tier = text(row, "service_tier")
    embedding = "embeddings" in (text(row, "object") or "")
    event = {
        "event_id": name_of("openai-usage", start_ms, end_ms, *who),
        "occurred_at": end_ms - 1,
        "session_id": of_a_day(project or AGENT, start_ms),
        "agent_id": text(row, "api_key_name", "api_key_id"),
        "project_code": text(row, "project_name", "project_id"),
        "provider": "openai",
        "model": text(row, "model"),
        "kind": "embedding" if embedding else None,
        "service_tier": "batch" if batch else _TIERS.get(tier or "", tier),
        "input_tokens": count(row, "input_tokens"),
        "output_tokens": count(row, "output_tokens"),
        "cached_input_tokens": count(row, "input_cached_tokens"),
        "input_audio_tokens": count(row, "input_audio_tokens"),
        "cached_input_audio_tokens": count(row, "input_cached_audio_tokens"),
        "output_audio_tokens": count(row, "output_audio_tokens"),
        "input_image_tokens": count(row, "input_image_tokens"),
        "output_image_tokens": count(row, "output_image_tokens"),
    }
    needed = ("input_tokens", "output_tokens")
    return {name: value for name, value in event.items() if value or name in needed}


def _time_ms(row: Row, name: str) -> int:
    found = first(row, name, f"{name}_iso")
    if found is None:
        raise ValueError(f"{name} is missing")
    return epoch_ms_of(found)
