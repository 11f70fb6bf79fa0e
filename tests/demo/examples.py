"""Records and notices as the worker writes them, for tests of what the demo makes of them."""

from typing import Any

from burnline.detection.anomaly import Anomaly, Evidence, Severity, State
from burnline.ledger.record import LedgerRecord, ModelRecord
from burnline.pricing.money import PICO_PER_USD, usd_text
from burnline.windows.slices import SLICE_MS

NOW_MS = 1_763_000_000_000 // SLICE_MS * SLICE_MS
NOW_SLICE = NOW_MS // SLICE_MS


def record(session_id: str, *, events: int = 1, usd: int = 0, slices: dict[int, int] | None = None) -> LedgerRecord:
    """A session's ledger; `slices` are USD by how many slices ago."""
    sums: dict[str, Any] = {
        "events": events,
        "input_tokens": 10 * events,
        "output_tokens": events,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "unpriced_tokens": 0,
        "cost_usd": usd_text(usd * PICO_PER_USD),
        "cache_savings_usd": "0.5",
        "embedding_cost_usd": "0.000000000001",
    }
    return LedgerRecord(
        **sums,
        version=1,
        session_id=session_id,
        org_id="acme",
        agent_id="coder",
        source_partition=0,
        last_offset=events,
        first_event_at=NOW_MS - 60_000,
        last_event_at=NOW_MS,
        runs=1,
        tool_calls=2,
        by_model={"gpt-4o": ModelRecord(**sums), "text-embedding-3-small": ModelRecord(**{**sums, "cost_usd": "0"})},
        slices=[(NOW_SLICE - ago, amount * PICO_PER_USD) for ago, amount in (slices or {}).items()],
        recent_event_ids="",
    )


def notice(session_id: str, state: State, severity: Severity, *, anomaly_id: str = "a1", revision: int = 1) -> Anomaly:
    """A change of an anomaly's state."""
    return Anomaly(
        anomaly_id=anomaly_id,
        revision=revision,
        state=state,
        severity=severity,
        org_id="acme",
        agent_id="coder",
        session_id=session_id,
        opened_at=NOW_MS,
        updated_at=NOW_MS + revision * 60_000,
        burn_usd_per_hour={"60s": "20.0512", "300s": "5.1249"},
        baseline_usd_per_hour="1",
        baseline_source="default",
        multiplier="5",
        ratio="20.051",
        spend_usd="0.425",
        evidence=Evidence("finops.usage", 0, 7, "e7"),
    )


def story(session_id: str, anomaly_id: str = "a1") -> list[Anomaly]:
    """A whole life: opened, escalated, resolved."""
    return [
        notice(session_id, State.OPENED, Severity.WARNING, anomaly_id=anomaly_id, revision=1),
        notice(session_id, State.ESCALATED, Severity.CRITICAL, anomaly_id=anomaly_id, revision=2),
        notice(session_id, State.RESOLVED, Severity.CRITICAL, anomaly_id=anomaly_id, revision=3),
    ]
