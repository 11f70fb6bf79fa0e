"""Rollup rows, as the projection has them, for tests of what is made of them."""

import json
from typing import Any

from burnline.pricing.money import usd_text

T0 = 1_760_000_400_000
"""2025-10-09T09:00:00Z."""
QUARTER = 900_000
PARTS = ("input", "cached_input", "cache_write", "output", "reasoning", "request", "reported")


def row(**changes: Any) -> dict[str, Any]:
    """One row's fields; costs are given in pico-USD by their part, and add up to `cost_usd` by themselves."""
    fields: dict[str, Any] = {
        "version": 1,
        "source_partition": 0,
        "since_offset": 0,
        "last_offset": 0,
        "quarter_start_ms": T0,
        "org_id": "acme",
        "agent_id": "agent-7",
        "team_id": "red",
        "project_code": "p-1",
        "provider": "openai",
        "model": "gpt-4o",
        "kind": "llm",
        "events": 1,
        "input_tokens": 100,
        "output_tokens": 10,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "unpriced_tokens": 0,
    }
    pico = {part: changes.pop(part, 0) for part in PARTS}
    fields |= {f"{part}_cost_usd": usd_text(amount) for part, amount in pico.items()}
    fields["cost_usd"] = usd_text(sum(pico.values()))
    fields["cache_savings_usd"] = usd_text(changes.pop("savings", 0))
    return fields | changes


def key(fields: dict[str, Any]) -> str:
    """The key of its record."""
    names = ("source_partition", "since_offset", "quarter_start_ms", "org_id", "agent_id", "team_id", "project_code",
             "provider", "model", "kind")  # fmt: skip
    return json.dumps([fields[name] for name in names], separators=(",", ":"), ensure_ascii=False)


def value(fields: dict[str, Any]) -> bytes:
    """The value of its record."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
