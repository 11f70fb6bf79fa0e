"""One realistic record for each wire contract, shown in its JSON Schema.

They belong together: the ledger is that of the usage event alone, priced by the rate; the anomaly came later.
"""

from typing import Any, Final

_EVENT_ID = "0197f3c2-5d1e-7c3a-9b51-2f60c1a7e4d8"
_OCCURRED_AT = 1_760_000_000_000
_WHO: Final = {"org_id": "acme", "agent_id": "code-reviewer", "session_id": "sess-4711"}
_SUMS: Final = {
    "events": 1,
    "input_tokens": 4808,
    "output_tokens": 310,
    "cached_input_tokens": 4096,
    "cache_write_tokens": 0,
    "reasoning_tokens": 128,
    "unpriced_tokens": 0,
    "cost_usd": "0.01",
    "cache_savings_usd": "0.00512",
    "embedding_cost_usd": "0",
}

USAGE: Final[dict[str, Any]] = {
    "event_id": _EVENT_ID,
    "occurred_at": _OCCURRED_AT,
    **_WHO,
    "model": "gpt-4o",
    "input_tokens": 4808,
    "output_tokens": 310,
    "kind": "llm",
    "provider": "openai",
    "cached_input_tokens": 4096,
    "reasoning_tokens": 128,
    "team_id": "platform",
    "project_code": "PRJ-7",
    "tags": {"environment": "production"},
}

VALUATION_RATE: Final[dict[str, Any]] = {
    "provider": "openai",
    "model": "gpt-4o",
    "effective_from": 1_727_740_800_000,
    "input_usd_per_million_tokens": "2.5",
    "output_usd_per_million_tokens": "10",
    "cached_input_usd_per_million_tokens": "1.25",
    "note": "list price",
}

BASELINE: Final[dict[str, Any]] = {
    "org_id": "acme",
    "agent_id": "code-reviewer",
    "usd_per_hour": "2.50",
    "multiplier": "4",
    "source": "manual",
    "updated_at": _OCCURRED_AT,
}

BUDGET: Final[dict[str, Any]] = {
    "scope": "agent",
    "org_id": "acme",
    "name": "code-reviewer",
    "amount_usd": "500",
    "period": "month",
    "time_zone": "Asia/Tokyo",
    "thresholds_percent": [50, 80, 95, 100],
    "source": "manual",
    "updated_at": _OCCURRED_AT,
}

POLICY: Final[dict[str, Any]] = {
    "name": "nightly jobs",
    "org": "acme",
    "agent": "nightly",
    "quiet": ["22:00-06:00"],
    "time_zone": "Europe/Berlin",
    "sensitivity": 0.8,
    "minimum_spend_usd": "1.5",
    "agent_usd_per_hour": "20",
    "version": 2,
    "source": "policy.toml",
    "updated_at": _OCCURRED_AT,
}

CONTROL: Final[dict[str, Any]] = {
    "scope": "agent",
    "org_id": "acme",
    "name": "code-reviewer",
    "action": "stop",
    "mode": "enforce",
    "reason": "agent acme/code-reviewer: 100.2 % of 500 USD per month used",
    "expires_at": 1_761_922_800_000,
    "source": "budget agent/acme/code-reviewer@month",
    "updated_at": _OCCURRED_AT,
}

BUDGET_NOTICE: Final[dict[str, Any]] = {
    "notice_id": "8c5f37a5-6d57-5f7c-a39d-1f7b80bb9d3e",
    "severity": "warning",
    "scope": "agent",
    "org_id": "acme",
    "name": "code-reviewer",
    "budget": "agent/acme/code-reviewer@month",
    "amount_usd": "500",
    "promise": "500",
    "period": "month",
    "time_zone": "Asia/Tokyo",
    "period_start": 1_759_244_400_000,
    "period_end": 1_761_922_800_000,
    "threshold_percent": 80,
    "spent_usd": "400.01",
    "remaining_usd": "99.99",
    "saturation": "0.8000",
    "burn_usd_per_hour": "2.5",
    "projected_usd": "1417.6",
    "exhausted_at": 1_760_143_985_600,
    "reached_at": _OCCURRED_AT,
    "offsets": {"3": 81205},
    "summary": "agent acme/code-reviewer: 80.0 % of 500 USD per month used, 400.01 USD spent",
}

ANOMALY: Final[dict[str, Any]] = {
    "anomaly_id": "3ffc9573-59eb-5ae4-8a00-b7b2c514d8b7",
    "revision": 1,
    "state": "opened",
    "severity": "warning",
    "scope": "session",
    **_WHO,
    "opened_at": _OCCURRED_AT + 241_250,
    "updated_at": _OCCURRED_AT + 241_250,
    "burn_usd_per_hour": {"60s": "20.7", "300s": "5.04"},
    "baseline_usd_per_hour": "1",
    "baseline_source": "default",
    "multiplier": "5",
    "ratio": "20.7",
    "spend_usd": "0.42",
    "evidence": {
        "topic": "finops.usage",
        "partition": 3,
        "offset": 81377,
        "event_id": "0197f3c6-0e42-7d11-8c06-9a4f5be2d013",
    },
    "detected_after_s": 2,
    "resolved_by": None,
}

ANOMALY_NOTE: Final[dict[str, Any]] = {
    "anomaly_id": "3ffc9573-59eb-5ae4-8a00-b7b2c514d8b7",
    "kind": "silence",
    "org_id": "acme",
    "agent_id": "code-reviewer",
    "by": "token:7f3a",
    "at": _OCCURRED_AT + 300_000,
    "revision": 1,
    "words": "the backfill runs until six",
    "until": _OCCURRED_AT + 3_900_000,
}

SESSION_LEDGER: Final[dict[str, Any]] = {
    "version": 1,
    **_WHO,
    "source_partition": 3,
    "last_offset": 81204,
    "first_event_at": _OCCURRED_AT,
    "last_event_at": _OCCURRED_AT,
    "delay_ms": 350,
    "runs": 0,
    "tool_calls": 0,
    **_SUMS,
    "by_model": {"gpt-4o": _SUMS},
    "slices": [[176_000_000, 10_000_000_000]],
    "recent_event_ids": "AAAAAAAAAAAhCNpY4sBSNg==",
    "anomaly": None,
}

SESSION_ROLLUP: Final[dict[str, Any]] = {
    "version": 1,
    "org_id": _WHO["org_id"],
    "agent_id": _WHO["agent_id"],
    "source_partition": 3,
    "sessions": 1,
    "runs": 0,
    "tool_calls": 0,
    "first_event_at": _OCCURRED_AT,
    "last_event_at": _OCCURRED_AT,
    **_SUMS,
    "by_model": {"gpt-4o": _SUMS},
}

USAGE_ROLLUP: Final[dict[str, Any]] = {
    "version": 1,
    "source_partition": 3,
    "since_offset": 81204,
    "last_offset": 81204,
    "quarter_start_ms": 1_759_999_500_000,
    "org_id": _WHO["org_id"],
    "agent_id": _WHO["agent_id"],
    "team_id": "platform",
    "project_code": "PRJ-7",
    "provider": "openai",
    "model": "gpt-4o",
    "kind": "llm",
    "events": 1,
    "input_tokens": 4808,
    "output_tokens": 310,
    "cached_input_tokens": 4096,
    "cache_write_tokens": 0,
    "reasoning_tokens": 128,
    "unpriced_tokens": 0,
    "input_cost_usd": "0.00178",
    "cached_input_cost_usd": "0.00512",
    "cache_write_cost_usd": "0",
    "output_cost_usd": "0.00182",
    "reasoning_cost_usd": "0.00128",
    "request_cost_usd": "0",
    "cost_usd": "0.01",
    "cache_savings_usd": "0.00512",
}

ADJUSTMENT: Final[dict[str, Any]] = {
    "version": 1,
    "source_partition": 3,
    "quarter_start_ms": 1_759_999_500_000,
    "org_id": _WHO["org_id"],
    "agent_id": _WHO["agent_id"],
    "team_id": "platform",
    "project_code": "PRJ-7",
    "provider": "openai",
    "model": "gpt-4o",
    "kind": "llm",
    "events": 1,
    "charged_usd": "0.01",
    "corrected_usd": "0.008",
    "charged_unpriced_tokens": 0,
    "corrected_unpriced_tokens": 0,
    "price_version": "0f3a9c1be2d4",
    "priced_at": _OCCURRED_AT,
}

SOURCE_PROGRESS: Final[dict[str, Any]] = {
    "version": 1,
    "source_topic": "finops.usage",
    "source_partition": 3,
    "next_offset": 81205,
    "watermark_ms": _OCCURRED_AT,
    "written_at_ms": _OCCURRED_AT + 900,
    "appended_at_ms": _OCCURRED_AT + 350,
    "lineage": {
        "source_topic_id": "J8iIi8fzQsaDSn4QHQmnmA",
        "state_topic_ids": {"finops.progress": "AaIhLU6mezOlYK6XGX6I1w", "finops.sessions": "vS8kq0dQTVSxk3o9N0bq5g"},
        "events": 81190,
    },
}

DEAD_LETTER_HEADERS: Final[dict[str, Any]] = {
    "reason": "time_unit",
    "field": "occurred_at",
    "detail": "occurred_at 1760000000 seems to be in seconds; it must be in milliseconds since 1970-01-01 UTC",
    "topic": "finops.usage",
    "partition": 3,
    "offset": 81206,
}
