"""Events to begin with, and one way to say what is different about each."""

import json
from typing import Any, Final

from burnline.events.decode import Rejection, decode_batch
from burnline.events.usage import Usage

NOW_MS: Final = 1_760_000_000_000
SKEW_MS: Final = 300_000
ABSENT: Final = object()

REQUIRED: Final[dict[str, Any]] = {
    "event_id": "e-1",
    "occurred_at": NOW_MS - 1_000,
    "org_id": "acme",
    "agent_id": "agent-7",
    "session_id": "sess-1",
    "model": "gpt-4o",
    "input_tokens": 1_000,
    "output_tokens": 200,
}
FULL: Final[dict[str, Any]] = {
    **REQUIRED,
    "kind": "llm",
    "provider": "openai",
    "cached_input_tokens": 600,
    "cache_write_tokens": 400,
    "reasoning_tokens": 200,
    "tool_name": "grep",
    "run_id": "run-1",
    "team_id": "platform",
    "project_code": "PRJ-7",
    "tags": {"environment": "production"},
}


def event(**changes: Any) -> dict[str, Any]:
    """The smallest good event with some fields changed, added or (ABSENT) taken away."""
    return {name: value for name, value in {**REQUIRED, **changes}.items() if value is not ABSENT}


def encoded(**changes: Any) -> bytes:
    """The same as JSON bytes."""
    return json.dumps(event(**changes)).encode()


def raw(field: str, text: str) -> bytes:
    """A good event in which `field` holds `text`, written as it stands, JSON or not."""
    return encoded(**{field: "@"}).replace(b'"@"', text.encode("utf-8", "surrogatepass"))


def decode(*values: bytes | None) -> tuple[list[Usage | None], list[Rejection]]:
    """Decode at the fixed clock."""
    return decode_batch(values, now_ms=NOW_MS, max_clock_skew_ms=SKEW_MS)


def accepted(value: bytes) -> Usage:
    """The one usage event in `value`."""
    usages, rejections = decode(value)
    assert rejections == []
    assert isinstance(usages[0], Usage)
    return usages[0]


def rejected(value: bytes | None) -> Rejection:
    """The one rejection of `value`."""
    usages, rejections = decode(value)
    assert usages == [None]
    assert len(rejections) == 1
    return rejections[0]
